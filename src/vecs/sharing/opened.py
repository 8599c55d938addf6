"""The collection of a store as each of its clients sees it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from vecs._async.collection.collection import AsyncCollection
from vecs._checks.settings import check_may_alter
from vecs._sql.tables import check_same_language
from vecs._sync.collection.collection import Collection
from vecs.exc import ArgError, MismatchedDimension
from vecs.sharing.lease import Lease
from vecs.sharing.settings import CollectionSettings
from vecs.sharing.target import Target
from vecs.transforms import Transform

if TYPE_CHECKING:
    from typing_extensions import Self

SettingsT = TypeVar("SettingsT", bound=CollectionSettings)
CollectionT = TypeVar("CollectionT", AsyncCollection, Collection)


class OpenedCollections(Lease, Generic[SettingsT]):
    """What both worlds of a SharedCollection know: its settings, and what is open."""

    def __init__(self, target: Target, settings: SettingsT) -> None:
        self.settings = settings
        super().__init__(target)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in super().__getstate__().items() if name != "_opened"}

    def _forget(self) -> None:
        self._opened: dict[Any, Any] = {}

    def with_settings(self, settings: Mapping[str, Any] | None) -> Self:
        """Return a copy whose requests also have these settings. It reuses open collections."""
        twin = super().with_settings(settings)
        opened = list(self._opened.items())
        twin._opened = {client.with_settings(settings): found.with_settings(settings) for client, found in opened}
        return twin

    def check_may_drop(self) -> None:
        """Refuse to delete what all tenants share where requests have a tenant's settings, and what is not vecs'."""
        check_may_alter(self.target.settings, "to drop a store")
        if self.settings.attached is not None:
            name = self.settings.name
            raise ArgError(f"the store is on {name!r}, a table of your own that is attached: drop it yourself")

    def _keep(self, client: Any, found: CollectionT) -> CollectionT:
        """Check and keep a collection that a client opened."""
        settings = self.settings
        if settings.dimension is not None and found.dimension != settings.dimension:
            raise MismatchedDimension(
                f"dimension is {settings.dimension}, but collection {settings.name!r} has dimension {found.dimension}"
            )
        check_same_language(vars(found)["_known"], settings.language)
        vars(found)["_index_call"] = settings.index_call
        if settings.prepare is not None:
            settings.prepare(found)
        # Drop the collections of event loops that have ended.
        self._opened = {other: kept for other, kept in self._opened.items() if self._clients.has(other)}
        self._opened[client] = found
        return found


def with_transform(collection: CollectionT, transform: Transform) -> CollectionT:
    """Return a collection object like this one, sync or async, with another transform."""
    view = type(collection).__new__(type(collection))
    vars(view).update(vars(collection))
    view.transform = transform
    return view
