"""The store's collection: opened, made with the first documents, gone."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from langchain_vecs._core import Core
from vecs import AsyncCollection
from vecs.exc import ArgError, CollectionNotFound, MismatchedDimension
from vecs.storage import Precision

T = TypeVar("T")


class AsyncOpening(Core):
    """How the methods of a store come to its collection."""

    async def _acollection(self, *, anew: bool = False) -> AsyncCollection | None:
        """Return the collection as the client of this event loop sees it, or None while there is none."""
        # Again, for a store that was closed: the others on its target are not to close what it uses.
        client = await self._aclient()
        known = self._opened.get(client)
        if known is not None and not anew:
            return known
        settings = self._settings
        try:
            found = await client.get_collection(settings.name, transform=settings.transform)
        except CollectionNotFound:
            self._opened.pop(client, None)
            return None
        if settings.dimension is not None and found.dimension != settings.dimension:
            raise MismatchedDimension(
                f"dimension is {settings.dimension}, but collection {settings.name!r} has dimension {found.dimension}"
            )
        found.warns_without_index = False
        # Those of event loops that are over are let go.
        self._opened = {other: kept for other, kept in self._opened.items() if self._clients.has(other)}
        self._opened[client] = found
        return found

    async def _acollection_for(self, dimension: int | None, precision: Precision | None = None) -> AsyncCollection:
        """Return the collection as it is now, made where there is none, for vectors of a dimension."""
        found = await self._acollection(anew=True)
        if found is not None:
            return found
        settings = self._settings
        dimension = settings.dimension or dimension
        if dimension is None:
            raise ArgError(
                f"there is no collection {settings.name!r} yet, and nothing to make vectors with: give the store an "
                "embedding, or a collection that has a transform"
            )
        client = await self._aclient()
        await client.get_or_create_collection(
            settings.name, dimension=dimension, text=True, language=settings.language, precision=precision
        )
        made = await self._acollection(anew=True)
        if made is None:
            raise CollectionNotFound(f"collection {settings.name!r} was deleted as soon as it was made")
        return made

    async def _awith_collection(
        self, ask: Callable[[AsyncCollection], Awaitable[T]], otherwise: T, *, writes: bool = False
    ) -> T:
        """Ask the collection something; where there is none, the answer is that of an empty one."""
        # A broken connection heals when something is read, and fails what writes.
        collection = await self._acollection(anew=writes)
        if collection is None:
            return otherwise
        try:
            return await ask(collection)
        except (CollectionNotFound, MismatchedDimension):
            # Deleted by somebody else, and perhaps made anew, for other vectors.
            collection = await self._acollection(anew=True)
            return otherwise if collection is None else await ask(collection)
