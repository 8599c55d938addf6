"""Several transforms, one after the other."""

from __future__ import annotations

from collections.abc import Awaitable, Iterable, Iterator, Mapping, Sequence
from inspect import isawaitable
from typing import Any, cast

from vecs._checks.shown import brief
from vecs._checks.wrong_calls import constructor_explains_wrong_calls
from vecs.exc import ArgError
from vecs.records import Record
from vecs.transforms._chunker import Chunker
from vecs.transforms._config import describe
from vecs.transforms._given import instead_of, is_transform, missing_parts
from vecs.transforms._legacy import AdapterContext, AdapterRecord
from vecs.transforms._protocol import Transform
from vecs.transforms._step import Step, as_record, as_tuple, ready


@constructor_explains_wrong_calls
class Pipeline(Step):
    """
    Transforms applied in order: chunkers first, then the embedder.

        Pipeline([MarkdownChunker(), TextEmbedding("all-MiniLM-L6-v2")])

    Pipelines among the steps are flattened into `steps`. If a step is async, the results of the methods must be
    awaited.
    """

    def __init__(self, steps: Iterable[Transform]) -> None:
        self.steps: tuple[Transform, ...] = tuple(_flat(steps))
        if not self.steps:
            raise ArgError("a Pipeline needs at least one step")
        _check_order(self.steps)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({list(self.steps)!r})"

    @property
    def dimension(self) -> int | None:
        """Dimension of the last step that has one."""
        dimensions = (step.dimension for step in reversed(self.steps))
        return next((dimension for dimension in dimensions if dimension is not None), None)

    def transform_records(self, records: Sequence[Record], /) -> Iterable[Record] | Awaitable[Iterable[Record]]:
        """Pass records through every step."""
        for ix, step in enumerate(self.steps):
            result = step.transform_records(records)
            if isawaitable(result):
                return _rest_of_records(result, self.steps[ix + 1 :])
            records = list(result)
        return records

    def transform_query(self, query: Any, /) -> Any | Awaitable[Any]:
        """Pass a query through every step."""
        for ix, step in enumerate(self.steps):
            query = step.transform_query(query)
            if isawaitable(query):
                return _rest_of_query(query, self.steps[ix + 1 :])
        return query

    def __call__(self, records: Iterable[AdapterRecord], adapter_context: AdapterContext) -> Iterator[AdapterRecord]:
        """Pass `(id, media, metadata)` tuples through every step, lazily, as vecs 0.4 did."""
        for step in self.steps:
            records = _call(step, records, adapter_context)
        yield from records

    def config(self) -> dict[str, Any]:
        """Describe the steps as JSON."""
        return {"class": "Pipeline", "steps": [describe(step) for step in self.steps]}


class Adapter(Pipeline):
    """A Pipeline under its name of vecs 0.4."""

    def __init__(self, steps: Iterable[Transform]) -> None:
        steps = list(_flat(steps))
        if not steps:
            raise ArgError("Adapter must contain at least 1 step")
        super().__init__(steps)


def steps_of(transform: Transform) -> Sequence[Transform]:
    """Return the steps of a Pipeline, or a transform alone."""
    return transform.steps if isinstance(transform, Pipeline) else (transform,)


def _flat(steps: Iterable[Transform]) -> Iterator[Transform]:
    given: Any = steps
    if is_transform(given) or isinstance(given, str | Mapping | type) or not isinstance(given, Iterable):
        raise ArgError(f"a Pipeline takes a list of steps, not {brief(cast('object', given))}: put the steps in a list")
    for step in steps:
        if isinstance(step, Pipeline):
            yield from step.steps
        elif is_transform(step):
            yield step
        else:
            instead = instead_of(step)
            raise ArgError(
                f"{brief(step)} is not a transform: it has no {', '.join(missing_parts(step))}; "
                + (f"give {instead}; " if instead else "")
                + "a step of vecs 0.4 must be an instance of a subclass of AdapterStep"
            )


def _check_order(steps: Sequence[Transform]) -> None:
    """Refuse vecs' own chunkers and embedders behind its own embedders: they leave a record with a vector as it is."""
    embedder: Transform | None = None
    for step in steps:
        if isinstance(step, Chunker) and embedder is not None:
            raise ArgError(
                f"the chunker {brief(step)} stands behind the embedder {brief(embedder)}, which leaves it nothing to "
                "split: put the chunker first"
            )
        # The property would load a model.
        if isinstance(step, Step) and type(step).dimension is not Step.dimension:
            if embedder is not None and _is_own(step) and _is_own(embedder):
                raise ArgError(
                    f"the embedder {brief(step)} stands behind the embedder {brief(embedder)}, which leaves it nothing "
                    "to embed: leave one of them out"
                )
            embedder = step


def _is_own(step: Transform) -> bool:
    """Whether a step is of vecs' own class: a caller's subclass may do something else."""
    return type(step).__module__.startswith("vecs.")


def _call(step: Transform, records: Iterable[AdapterRecord], context: AdapterContext) -> Iterable[AdapterRecord]:
    if callable(step):
        return cast("Iterable[AdapterRecord]", step(records, context))
    return _call_new(step, records, context)


def _call_new(step: Transform, records: Iterable[AdapterRecord], context: AdapterContext) -> Iterator[AdapterRecord]:
    for id_, media, metadata in records:
        if AdapterContext(context) is AdapterContext.query:
            yield id_, ready(step.transform_query(media)), metadata or {}
            continue
        for record in ready(step.transform_records([as_record((id_, media, metadata))])):
            yield as_tuple(record)


async def _rest_of_records(pending: Awaitable[Iterable[Record]], steps: Sequence[Transform]) -> Iterable[Record]:
    records = list(await pending)
    for step in steps:
        result: Any = step.transform_records(records)
        records = list(await result if isawaitable(result) else result)
    return records


async def _rest_of_query(pending: Awaitable[Any], steps: Sequence[Transform]) -> Any:
    query = await pending
    for step in steps:
        query = step.transform_query(query)
        if isawaitable(query):
            query = await query
    return query
