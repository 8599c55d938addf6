"""Writing what another store has into a collection, in both worlds."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from vecs._async.client import AsyncClient
from vecs._checks.numbers import checked_int
from vecs._checks.shown import brief
from vecs._sync.client import Client
from vecs.exc import ArgError
from vecs.importing.incoming import Imported, Incoming
from vecs.records import Record
from vecs.transforms import Transform

# Called with how many records are written, and how many there are.
Told = Callable[[int, int], object]


def load(
    client: Client,
    incoming: Incoming,
    *,
    name: str | None = None,
    transform: Transform | None = None,
    progress: Told | None = None,
) -> Imported:
    """
    Write the records of another store's collection into one of this name, made where it is absent.

    Records with the same ids are replaced. A `transform` is kept with a new collection, to make vectors of queries: it
    must have the model that made the vectors. Raises MismatchedDimension if the collection exists with another
    dimension.
    """
    if not isinstance(client, Client):
        raise ArgError(f"load() needs a Client, not {brief(client)}; aload() takes an AsyncClient")
    if incoming.dimension is None:
        return _nothing(incoming)
    docs = client.get_or_create_collection(**_arguments(incoming, name, transform))
    written = skipped = 0
    for batch in incoming.batches():
        whole = [record for record in batch if record.vec is not None]
        docs.upsert(whole)
        written, skipped = written + len(whole), skipped + len(batch) - len(whole)
        if progress is not None:
            progress(written + skipped, incoming.records)
    return _done(incoming, docs.name, (written, skipped, docs.count()))


async def aload(
    client: AsyncClient,
    incoming: Incoming,
    *,
    name: str | None = None,
    transform: Transform | None = None,
    progress: Told | None = None,
) -> Imported:
    """Write the records of another store's collection, as `load()` does; they are read in a thread."""
    if not isinstance(client, AsyncClient):
        raise ArgError(f"aload() needs an AsyncClient, not {brief(client)}; load() takes a Client")
    if incoming.dimension is None:
        return _nothing(incoming)
    docs = await client.get_or_create_collection(**_arguments(incoming, name, transform))
    written = skipped = 0
    batches = incoming.batches()
    while (batch := await asyncio.to_thread(next, batches, None)) is not None:
        whole = [record for record in batch if record.vec is not None]
        await docs.upsert(whole)
        written, skipped = written + len(whole), skipped + len(batch) - len(whole)
        if progress is not None:
            progress(written + skipped, incoming.records)
    return _done(incoming, docs.name, (written, skipped, await docs.count()))


def batch_size(size: int) -> int:
    """Return how many records are read at a time, checked."""
    return checked_int(size, "batch_size", 1, 100_000)


def as_vector(vector: Any) -> Any:
    """Return a vector, or None where there is none."""
    return None if vector is None or len(vector) == 0 else vector


def _arguments(incoming: Incoming, name: str | None, transform: Transform | None) -> dict[str, Any]:
    # Only said where it is so: a collection that exists may have texts although the source has none.
    text = {"text": True} if incoming.has_text else {}
    return {"name": name or incoming.name, "dimension": incoming.dimension, "transform": transform, **text}


def _nothing(incoming: Incoming) -> Imported:
    return Imported(incoming.name, None, 0, 0, 0, incoming.measure, incoming.left_out)


def _done(incoming: Incoming, name: str, counts: tuple[int, int, int]) -> Imported:
    return Imported(incoming.name, name, *counts, incoming.measure, incoming.left_out)


def record_of(id: Any, vector: Any, text: str | None, metadata: dict[str, Any]) -> Record:
    """Return a record as it is written; an empty vector is none."""
    return Record(str(id), as_vector(vector), text, metadata)
