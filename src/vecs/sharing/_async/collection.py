"""Opens, makes, asks and deletes a store's collection."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from vecs._async.client import AsyncClient
from vecs._async.collection.attached import async_attached_collection
from vecs._async.collection.collection import AsyncCollection
from vecs._async.tables.enable_text import try_language
from vecs._async.transforming import try_records
from vecs.exc import ArgError, CollectionNotFound, MismatchedDimension
from vecs.records import Record
from vecs.sharing.opened import OpenedCollections, SettingsT
from vecs.storage import Precision

T = TypeVar("T")


class AsyncAccess(OpenedCollections[SettingsT], Generic[SettingsT]):
    """How a store gets its collection."""

    async def acollection(self, *, refresh: bool = False) -> AsyncCollection | None:
        """
        Return the collection as the client of this event loop sees it, or None while there is none.

        What is open is returned as it is; with `refresh` it is opened again. Raises MismatchedDimension where the
        settings say another dimension, and ArgError where they say another language.
        """
        client = await self.aclient()
        known = self._opened.get(client)
        if known is not None and not refresh:
            return known
        try:
            found = await self._aopen(client)
        except CollectionNotFound:
            self._opened.pop(client, None)
            return None
        return self._keep(client, found)

    async def _aopen(self, client: AsyncClient) -> AsyncCollection:
        settings = self.settings
        if settings.attached is not None:
            return await async_attached_collection(client, settings.attached, settings.transform)
        return await client.get_collection(settings.name, transform=settings.transform)

    async def arequired(self) -> AsyncCollection:
        """
        Return the current collection; make it if it does not exist and the settings have its dimension.

        Raises CollectionNotFound if it does not exist and cannot be made yet.
        """
        found = await self.acollection(refresh=True)
        if found is not None:
            return found
        settings = self.settings
        if settings.existing_only is None and (settings.dimension is not None or settings.embeds):
            return await self.acreate()
        instead = ", or give the store a dimension=" if settings.existing_only is None else ""
        raise CollectionNotFound(f"{settings.not_found()}{instead}")

    async def acreate(self, dimension: int | None = None, *, precision: Precision | None = None) -> AsyncCollection:
        """
        Make the collection, for vectors of a dimension, with the indexes that the settings name; or open it.

        The dimension of the settings takes precedence over the argument, the argument `precision` over theirs.
        Raises CollectionNotFound where the settings say that none is to be made.
        """
        settings = self.settings
        if settings.attached is not None:
            raise CollectionNotFound(settings.not_found())
        if settings.existing_only is not None:
            raise CollectionNotFound(
                f"there is no collection {settings.name!r}, and with {settings.existing_only} the store creates none"
            )
        client = await self.aclient()
        await client.get_or_create_collection(
            settings.name,
            dimension=None if settings.embeds else settings.dimension or dimension,
            transform=settings.transform,
            text=True,
            language=settings.language,
            precision=precision or settings.precision,
        )
        made = await self.acollection(refresh=True)
        if made is None:
            raise CollectionNotFound(f"collection {settings.name!r} was deleted as soon as it was made")
        if settings.index is not None:
            await made.index(**settings.index)
        for key, type in settings.metadata_indexes:
            await made.create_metadata_index(key, type)
        return made

    async def afor_records(
        self, first: Sequence[Record], dimension: int | None = None, *, precision: Precision | None = None
    ) -> AsyncCollection:
        """
        Return the collection to write records to: the current one, or one that is made for vectors of a dimension.

        The `first` records are tried before a collection is made, or an empty one that does not fit is replaced. If
        they cannot be stored or embedded, an error is raised, and nothing is made.
        """
        settings = self.settings
        wanted = None if settings.embeds else dimension
        if wanted is not None and settings.dimension not in (None, wanted):
            raise MismatchedDimension(
                f"the store has dimension={settings.dimension}, but the vectors have dimension {wanted}: leave "
                "dimension= out, or give the model's dimension"
            )
        found = problem = None
        try:
            found = await self.acollection(refresh=True)
        except ArgError as error:
            # Its dimension or its language: an empty one is replaced.
            problem = error
        if found is not None and (wanted is None or found.dimension in (None, wanted)):
            return found
        if settings.existing_only is None:
            await try_records(first, settings.name, settings.transform, wanted or settings.dimension, precision)
            try:
                return await self.acreate(dimension, precision=precision)
            except ArgError:
                # It has records, and writing to it gives the better error.
                if found is None:
                    raise
        if problem is not None:
            raise problem
        return found or await self.acreate(dimension, precision=precision)

    async def acheck_language(self) -> None:
        """Raise ArgError for a language that the server does not know: embedding for a new collection costs."""
        client, language = await self.aclient(), self.settings.language
        if language is not None and client not in self._opened:
            await try_language(client, language)

    async def aon(self, ask: Callable[[AsyncCollection], Awaitable[T]], otherwise: T, *, writes: bool = False) -> T:
        """
        Ask the collection something; where there is none, the answer is `otherwise`, that of an empty one.

        It is asked once more where it was deleted meanwhile, and perhaps made anew by somebody else.
        """
        # Reading replaces a broken connection; a write on it would fail. So read first.
        collection = await self.acollection(refresh=writes)
        if collection is None:
            return otherwise
        try:
            return await ask(collection)
        except (CollectionNotFound, MismatchedDimension):
            collection = await self.acollection(refresh=True)
            return otherwise if collection is None else await ask(collection)

    async def adrop(self) -> None:
        """Delete the collection with its records; absent is no error."""
        self.check_may_drop()
        client = await self.aclient()
        await client.delete_collection(self.settings.name)
        self._forget()
