"""Check records, embed them and write them into a store's collection, all together or in batches."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Generic

from vecs._async.collection.attached import async_keeps
from vecs._async.collection.collection import AsyncCollection
from vecs._async.transforming import transform_records
from vecs._concurrency.calls import async_offload_many
from vecs._sql.rows import check_storable_records
from vecs._writing.documents import may_split
from vecs.exc import ArgError, MismatchedDimension, PartlyStored
from vecs.records import Record
from vecs.sharing._async.collection import AsyncAccess
from vecs.sharing.opened import SettingsT, with_transform
from vecs.sharing.settings import Commit
from vecs.sharing.threads import async_take
from vecs.sharing.vectors import check_dimensions, checked_vectors, size_of, vectors_by_id
from vecs.transforms import Embedding, Transform


@dataclass(frozen=True)
class AsyncEmbedder:
    """
    A function that makes one vector per record; errors call it `name`.

    `identity` tells its vectors from those of other models. `transform` is the one that it calls, if it is one.
    """

    name: str
    embed: Callable[[Sequence[Record]], Awaitable[Any]]
    identity: str | None = None
    transform: Transform | None = None


def async_transform_embedder(transform: Transform, record: str = "record", instead: str = "") -> AsyncEmbedder:
    """
    Return a collection's transform as an embedder, for records that must not be split.

    It embeds a record's `media` if it has one, and otherwise its text. It changes nothing else of the record. Vectors
    belong to records by id, in whatever order the transform returns them. `record` is the framework's word for one,
    and `instead` says what splits texts there.
    """

    async def embed(records: Sequence[Record]) -> Any:
        # Of several records with one id, only the last one is stored.
        given = {
            str(r.id): Record(r.id, text=r.text if r.media is None else r.media, metadata=r.metadata) for r in records
        }
        made = await transform_records(transform, list(given.values()))
        vectors = vectors_by_id(made, given, transform, record, instead)
        return [vectors[str(r.id)] for r in records]

    return AsyncEmbedder(type(transform).__name__, embed, transform=transform)


class AsyncAdding(AsyncAccess[SettingsT], Generic[SettingsT]):
    """Writes records into a store's collection."""

    async def aadd(
        self,
        records: Iterator[Record],
        embedder: AsyncEmbedder | None,
        *,
        batch_size: int,
        commit: Commit = "all",
        skip_transform: bool = False,
        skip_unchanged: bool = False,
    ) -> list[str]:
        """
        Write records and return their ids in order; they are read and embedded in batches of `batch_size`.

        Without an `embedder`, the records have vectors, or the collection makes them. If the collection does not
        exist, it is made after the first batch was checked.

        All records are written or none. With commit="batch", each batch is written as soon as it is embedded, and an
        error after the first batch is PartlyStored.

        With `skip_unchanged`, records that are stored as they are, are neither embedded nor written. Those that have
        vectors, or that the transform of the store might split, are compared as they are written.
        """
        batch = await self._atake(records, batch_size)
        if not batch:
            return []
        await self.acheck_language()
        if skip_unchanged and embedder is not None and not may_split(embedder.transform):
            collection = await self._acollection_embedding(batch, embedder)
            given = self._aas_given(records, batch, batch_size)
            return await self._awrite(collection, given, commit, skip_transform=False, skip_unchanged=True)
        made = await self._amade(batch, embedder, self.settings.dimension)
        # Only now, because embedding may take long, and others may make or delete the collection meanwhile.
        collection = await self._acollection_for(made)
        if embedder is not None:
            # All vectors of one batch have the same dimension.
            check_dimensions(made[:1], embedder.name, collection.dimension, self.settings.record)
        rest = self._abatches(records, made, embedder, batch_size, await async_keeps(collection))
        how: dict[str, bool] = {"skip_transform": skip_transform, "skip_unchanged": skip_unchanged}
        return await self._awrite(collection, rest, commit, **how)

    async def _awrite(
        self,
        collection: AsyncCollection,
        batches: AsyncIterator[Sequence[Record]],
        commit: Commit,
        *,
        skip_transform: bool,
        skip_unchanged: bool,
    ) -> list[str]:
        stored: list[str] = []
        if commit == "all":
            each = _each(batches, stored)
            await collection.upsert(each, skip_transform=skip_transform, skip_unchanged=skip_unchanged)
            return stored
        try:
            async for batch in batches:
                await collection.upsert(batch, skip_transform=skip_transform, skip_unchanged=skip_unchanged)
                stored.extend(str(record.id) for record in batch)
        except Exception as error:
            if not stored:
                raise
            raise PartlyStored(stored, self.settings.records, error) from error
        return stored

    async def _acollection_embedding(self, batch: Sequence[Record], embedder: AsyncEmbedder) -> AsyncCollection:
        """Return the collection as one whose transform is the embedder, so that it embeds only what changed."""
        collection = None
        with suppress(MismatchedDimension):
            # An empty collection is replaced.
            collection = await self.acollection(refresh=True)
        if collection is None:
            # Embedded twice, so that nothing is made if it cannot be stored.
            made = await self._amade(batch[:1], embedder, self.settings.dimension)
            collection = await self._acollection_for(made)
        if embedder.transform is not None:
            return with_transform(collection, embedder.transform)
        if collection.dimension is None:
            # A table that is attached: this says why not.
            await collection.upsert([], skip_unchanged=True)

        async def embed(texts: Sequence[str]) -> Any:
            return await embedder.embed([Record(str(number), text=text) for number, text in enumerate(texts)])

        name = embedder.identity or embedder.name
        size = len(batch)
        return with_transform(collection, Embedding(embed, collection.dimension or 1, name=name, batch_size=size))

    async def _aas_given(
        self, records: Iterator[Record], first: Sequence[Record], batch_size: int
    ) -> AsyncIterator[Sequence[Record]]:
        """Yield a batch, and then the others."""
        batch = first
        while batch:
            yield batch
            batch = await self._atake(records, batch_size)

    async def _abatches(
        self,
        records: Iterator[Record],
        made: Sequence[Record],
        embedder: AsyncEmbedder | None,
        batch_size: int,
        kept: frozenset[str],
    ) -> AsyncIterator[Sequence[Record]]:
        """Yield a batch that is already made, and then the others."""
        dimension = None if embedder is None else size_of(made[0].vec)
        while made:
            yield made if len(kept) == len(_OPTIONAL) else [_without(record, kept) for record in made]
            made = await self._amade(await self._atake(records, batch_size), embedder, dimension)

    async def _atake(self, records: Iterator[Record], count: int) -> list[Record]:
        return await async_take(_storable(records, self.settings.record), count)

    async def _amade(
        self, records: Sequence[Record], embedder: AsyncEmbedder | None, dimension: int | None
    ) -> Sequence[Record]:
        if not records or (embedder is None and records[0].vec is None):
            return records
        record = self.settings.record
        if embedder is None:
            made, made_by = [record.vec for record in records], None
        else:
            made, made_by = await embedder.embed(records), embedder.name
        return await async_offload_many(len(records), checked_vectors, made, records, made_by, dimension, record)

    async def _acollection_for(self, made: Sequence[Record]) -> AsyncCollection:
        vec = made[0].vec
        if vec is not None or self.settings.embeds:
            return await self.afor_records(made, None if vec is None else size_of(vec))
        found = await self.acollection(refresh=True)
        if found is None:
            raise ArgError(
                f"collection {self.settings.name!r} does not exist yet, and the store has nothing to make vectors: "
                "give it an embedding, or a collection with a transform"
            )
        return found


# What a table that is attached may have no columns for.
_OPTIONAL = ("document_id", "extra")


def _without(record: Record, kept: frozenset[str]) -> Record:
    return replace(record, **{name: None for name in _OPTIONAL if name not in kept})


async def _each(batches: AsyncIterator[Sequence[Record]], ids: list[str]) -> AsyncIterator[Record]:
    async for batch in batches:
        for record in batch:
            ids.append(str(record.id))
            yield record


def _storable(records: Iterator[Record], what: str) -> Iterator[Record]:
    """Yield records that can be stored, so that an embedder, which may be expensive, does not work for nothing."""
    for record in records:
        check_storable_records([record], what=what)
        yield record
