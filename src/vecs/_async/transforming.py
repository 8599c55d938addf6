"""A transform applied: step by step, off the event loop, with errors that name the records."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, Protocol

from vecs._concurrency.calls import async_offload, async_offload_many, async_resolve
from vecs._sql.extension import Extension
from vecs._sql.rows import encode_record
from vecs._sql.tables import Table
from vecs._writing.documents import check_new_ids, may_split
from vecs._writing.stored_transform import keeps_metadata
from vecs.exc import TransformError, VecsException
from vecs.records import Record, is_vector
from vecs.storage import Precision, vec_type_of
from vecs.transforms import AdapterStep, Transform
from vecs.transforms._pipeline import steps_of
from vecs.transforms._retrying import async_waited_for
from vecs.transforms._step import Step


class AsyncFilling(Protocol):
    """Says which vectors of records, about to be embedded, are known."""

    async def __call__(self, records: Sequence[Record]) -> list[Record]:
        """Return the records, those with their vectors."""
        ...


async def transform_records(
    transform: Transform,
    records: Sequence[Record],
    check: Callable[[Sequence[Record]], None] | None = None,
    check_ids: Callable[[Sequence[Record]], None] | None = None,
    *,
    checked: bool = False,
    fill: AsyncFilling | None = None,
) -> list[Record]:
    """
    Turn records into what is stored; a step that fails raises TransformError.

    `check` raises an error if a record cannot be stored. It checks them before steps that keep their input, so that no
    model works for nothing: the records given, unless they are `checked`, and those of a step that may make others.
    `check_ids` checks them where no later step splits them. `fill` is asked before the last step.
    """
    made: list[Record] = list(records)
    steps = steps_of(transform)
    for place, step in enumerate(steps):
        former = steps[place - 1] if place else None
        unknown = not checked if former is None else may_split(former) or not keeps_metadata(former)
        if check is not None and unknown and all(map(keeps_metadata, steps[place:])):
            await async_offload_many(len(made), check, made)
        if check_ids is not None and not any(map(may_split, steps[place:])):
            await async_offload_many(len(made), check_ids, made)
        if fill is not None and place == len(steps) - 1:
            made = await fill(made)
        before = made
        try:
            with async_waited_for(step):
                answer = await async_offload(_materialised, step, before)
                made = list(await async_resolve(answer))
        except VecsException:
            raise
        except Exception as error:
            raise TransformError(
                f"{type(step).__name__} failed on {_named(before)}: {type(error).__name__}: {error}"
            ) from error
        await async_offload_many(len(made), check_new_ids, made, before, step)
    return made


def _materialised(step: Transform, records: Sequence[Record]) -> Iterable[Record] | Awaitable[Iterable[Record]]:
    # A generator does its work while it is consumed, so it is consumed here, in the same thread.
    answer = step.transform_records(records)
    return answer if isinstance(answer, Awaitable) else list(answer)


async def transform_queries(transform: Transform, queries: Sequence[Any]) -> list[Any]:
    """
    Turn queries into vectors, all at once where a step can do that.

    A query that is a vector already is shown only to custom steps of vecs 0.4, which may transform vectors.
    """
    made = list(queries)
    media = [place for place, query in enumerate(queries) if not is_vector(query)]
    for step in steps_of(transform):
        legacy = isinstance(step, AdapterStep) and not isinstance(step, Step)
        places = range(len(made)) if legacy else media
        try:
            with async_waited_for(step):
                answers = await _transformed(step, [made[place] for place in places])
            for place, answer in zip(places, answers, strict=True):
                made[place] = answer
        except VecsException:
            raise
        except Exception as error:
            raise TransformError(
                f"{type(step).__name__} failed on the query: {type(error).__name__}: {error}"
            ) from error
    return made


async def _transformed(step: Transform, queries: Sequence[Any]) -> list[Any]:
    if len(queries) > 1 and _embeds_at_once(step):
        at_once: Any = step
        return list(await async_resolve(await async_offload(at_once.transform_queries, queries)))
    return [await async_resolve(await async_offload(step.transform_query, query)) for query in queries]


def _embeds_at_once(step: Transform) -> bool:
    """Whether a step has `transform_queries`, and no subclass of it overrides `transform_query` alone."""
    for cls in type(step).__mro__:
        if "transform_queries" in vars(cls):
            return True
        if "transform_query" in vars(cls):
            return False
    return False


def _named(records: Sequence[Record]) -> str:
    shown = ", ".join(repr(record.id) for record in records[:5])
    return f"record{'s' if len(records) > 1 else ''} {shown}{', ...' if len(records) > 5 else ''}"


async def try_records(
    records: Sequence[Record],
    name: str,
    transform: Transform | None,
    dimension: int | None,
    precision: Precision | None,
) -> None:
    """
    Raise the error that these records would cause in the text collection that is to be made for them.

    If a transform embeds the records, the first one is embedded as a test.
    """
    some = [record for record in records if transform is None or record.vec is not None]
    if transform is not None:
        dimension = dimension or await async_offload(getattr, transform, "dimension")
    if len(some) < len(records) and transform is not None:
        first = next(record for record in records if record.vec is None)
        some += await transform_records(transform, [first])
    if dimension is not None:
        # The version of pgvector makes no difference to rows.
        table = Table("", name, dimension, Extension("", (), 0), has_text=True, vec_type=vec_type_of(precision, None))
        await async_offload_many(len(some), _encoded, some, table)


def _encoded(records: Sequence[Record], table: Table) -> None:
    for record in records:
        encode_record(record, table)
