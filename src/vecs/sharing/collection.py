"""One collection for the objects of a framework: in both worlds, in any thread and event loop."""

from __future__ import annotations

from typing import Generic

from vecs._sync.collection.attached import attached_collection
from vecs._sync.collection.collection import Collection
from vecs.exc import CollectionNotFound
from vecs.sharing._async.adding import AsyncAdding
from vecs.sharing._sync.adding import Adding
from vecs.sharing.opened import SettingsT


class SharedCollection(AsyncAdding[SettingsT], Adding[SettingsT], Generic[SettingsT]):
    """
    A collection on shared clients: found or made with the first records, and found again when it was made anew.

    A store of a framework holds one, and says of itself how values are converted. Each method has its async form,
    with an `a` before its name. It is hashable, can be used after `close()`, pickled and copied: see `Lease`.
    """

    def plain_collection(self) -> Collection:
        """Return the collection as vecs opens it for everybody, to hand out; raises CollectionNotFound."""
        settings = self.settings
        try:
            if settings.attached is not None:
                return attached_collection(self.client(), settings.attached, settings.transform)
            return self.client().get_collection(settings.name, transform=settings.transform)
        except CollectionNotFound:
            raise CollectionNotFound(settings.not_found()) from None
