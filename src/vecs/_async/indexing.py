"""Indexes: the new one is built before the old one goes."""

from __future__ import annotations

import logging
from uuid import uuid4

from vecs._async.executor import AsyncExecutor
from vecs._sql import indexes as sql
from vecs._sql import search
from vecs._sql.indexes import IndexInfo
from vecs._sql.table import Table
from vecs.exc import ArgError
from vecs.indexes import (
    MAX_INDEXED_DIMENSION,
    METHODS,
    IndexArgs,
    IndexArgsHNSW,
    IndexArgsIVFFlat,
    IndexMethod,
    build_options,
    default_lists,
)
from vecs.measures import MeasureSpec

log = logging.getLogger("vecs")


async def list_indexes(executor: AsyncExecutor, table: Table) -> list[IndexInfo]:
    """Read the indexes of a collection."""
    return sql.read_indexes(await executor.read(sql.list_indexes(table)))


async def create_index(
    executor: AsyncExecutor,
    table: Table,
    measure: MeasureSpec,
    method: IndexMethod,
    args: IndexArgs | None,
    *,
    replace: bool,
    concurrently: bool,
    settings: dict[str, str],
) -> str:
    """Build an index for a measure, and the metadata index if there is none; return the vector index's name."""
    method = _available(table, measure, method)
    existing = await list_indexes(executor, table)
    same_measure = [index for index in existing if index.measure is measure.measure]
    if same_measure and not replace:
        raise ArgError(
            f"replace is set to False but an index exists: {same_measure[0].name!r} for {measure.measure.value}"
        )
    if args is None:
        args = await _default_args(executor, table, method)
    options = build_options(args)
    wanted = {name: str(value) for name, value in options.items()}
    for index in same_measure:
        if index.valid and index.method == method.value and dict(index.options) == wanted:
            log.info("collection %r already has the index %s; nothing to build", table.name, index.name)
            await _create_metadata_index(executor, table, existing, concurrently, settings)
            return index.name
    unique = uuid4().hex[:7]
    name = sql.index_name(measure, method, options, unique)
    await _build(
        executor,
        sql.create_vector_index(table, name, measure, method, options, concurrently=concurrently),
        concurrently,
        settings,
    )
    await _create_metadata_index(executor, table, existing, concurrently, settings)
    for index in same_measure:
        # Concurrently, so that readers of the old index are waited for and not blocked.
        await executor.alone(sql.drop_index(table, index.name, concurrently=True))
    return name


def _available(table: Table, measure: MeasureSpec, method: IndexMethod) -> IndexMethod:
    version = table.extension.version
    shown = ".".join(map(str, version))
    has_hnsw = version >= (0, 5)
    if method is IndexMethod.auto:
        method = IndexMethod.hnsw if has_hnsw else IndexMethod.ivfflat
    if method is IndexMethod.hnsw and not has_hnsw:
        raise ArgError(
            "HNSW Unavailable. Upgrade your pgvector installation to >= 0.5.0 to enable HNSW support "
            f"(it is {shown}), or use method='ivfflat'"
        )
    if measure.measure not in METHODS[method].measures:
        raise ArgError(f"pgvector has no {method.value} index for {measure.measure.value}; use method='hnsw'")
    if measure.opclass == "vector_l1_ops" and version < (0, 7):
        raise ArgError(f"l1_distance needs pgvector 0.7 or newer; the server has {shown}")
    if table.dimension is None:
        raise ArgError(f"collection {table.name!r} was made without a dimension; its vectors cannot be indexed")
    if table.dimension > MAX_INDEXED_DIMENSION:
        raise ArgError(
            f"collection {table.name!r} has {table.dimension} dimensions; an index takes up to "
            f"{MAX_INDEXED_DIMENSION}. Searches work without one, by comparing every record"
        )
    return method


async def _default_args(executor: AsyncExecutor, table: Table, method: IndexMethod) -> IndexArgs:
    if method is IndexMethod.hnsw:
        return IndexArgsHNSW()
    rows = (await executor.read(search.count(table, search.EVERYTHING)))[0][0]
    return IndexArgsIVFFlat(default_lists(rows))


async def _create_metadata_index(
    executor: AsyncExecutor,
    table: Table,
    existing: list[IndexInfo],
    concurrently: bool,
    settings: dict[str, str],
) -> None:
    if any(index.column == "metadata" and index.method == "gin" and index.valid for index in existing):
        return
    name = f"ix_meta_{uuid4().hex[:7]}"
    statement = sql.create_metadata_index(table, name, concurrently=concurrently)
    await _build(executor, statement, concurrently, settings)
    # Without statistics the planner guesses what a filter keeps.
    await executor.write(sql.analyze(table))


async def _build(
    executor: AsyncExecutor, statement: sql.Fragment, concurrently: bool, settings: dict[str, str]
) -> None:
    # A build takes as long as it takes: a timeout meant for searches must not end it.
    settings = {"statement_timeout": "0", **settings}
    if concurrently:
        await executor.alone(statement, settings)
        return
    async with executor.transaction(settings) as session:
        await session.execute(statement)


async def drop_index(executor: AsyncExecutor, table: Table, name: str) -> None:
    """Drop one index by name."""
    await executor.alone(sql.drop_index(table, name, concurrently=True))
