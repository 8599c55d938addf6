"""The store's collection: opened, made with the first nodes, gone."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, cast

from llama_index.vector_stores.vecs._core import Core
from llama_index.vector_stores.vecs.transforms import embedder
from vecs import AsyncCollection
from vecs.exc import CollectionNotFound, MismatchedDimension

T = TypeVar("T")


class AsyncOpening(Core):
    """How the methods of a store come to its collection."""

    async def _acollection(self, *, anew: bool = False) -> AsyncCollection | None:
        """Return the collection as the client of this event loop sees it, or None while there is none."""
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
        # Nodes are chunks already.
        found.transform = embedder(found.transform)
        # Those of event loops that are over are let go.
        self._opened = {other: kept for other, kept in self._opened.items() if self._clients.has(other)}
        self._opened[client] = found
        return found

    async def _amade(self, dimension: int | None, precision: Any = None) -> AsyncCollection:
        """Make the collection, for vectors of a dimension, and the indexes that were asked for with it."""
        settings = self._settings
        if not settings.create:
            raise CollectionNotFound(f"there is no collection {settings.name!r}, and perform_setup=False makes none")
        client = await self._aclient()
        await client.get_or_create_collection(
            settings.name,
            dimension=None if settings.embeds else settings.dimension or dimension,
            transform=settings.transform,
            text=True,
            language=settings.language,
            precision=precision or settings.precision,
        )
        made = await self._acollection(anew=True)
        if made is None:
            raise CollectionNotFound(f"collection {settings.name!r} was deleted as soon as it was made")
        if settings.index is not None:
            await made.index(measure=cast("Any", settings.defaults.measure), method=settings.index)
        for key, type in settings.keys:
            await made.create_metadata_index(key, cast("Any", type))
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
