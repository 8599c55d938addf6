"""Nearest neighbours: of all records, of an index's candidates, of a pool under a filter."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from vecs._sql.answers import Columns, names, select_list
from vecs._sql.fragment import EMPTY, Fragment, Identifier, Literal, Param, Template, join, qualified
from vecs._sql.indexes import bits_type, half_type, quantised
from vecs._sql.selection import EVERYTHING, conditions, if_same, where
from vecs._sql.shape import Shape
from vecs._sql.tables import Table
from vecs.measures import MeasureSpec
from vecs.storage import Precision


def nearest(shape: Shape, vec: Param) -> Fragment:
    """
    Find the `limit` nearest records, nearest first.

    `exact` orders by an expression that no index answers, so that every matching record is compared: it
    needs no setting, hence no transaction. Of a lower precision than "full", candidates are compared exactly.
    """
    if shape.selection == EVERYTHING:
        return _of_everything(shape).fill(vec)
    return _of_candidates(shape, vec) if shape.precision != "full" else _of_selection(shape, vec)


# All but the vector is the same from one search to the next.
@lru_cache(maxsize=256)
def _of_everything(shape: Shape) -> Template:
    hole = Param(None)
    statement = _of_candidates(shape, hole) if shape.precision != "full" else _of_selection(shape, hole)
    return Template(statement, hole)


def _of_selection(shape: Shape, vec: Param) -> Fragment:
    everything = shape.selection == EVERYTHING
    before, after = _around_values(shape.table, shape.measure, shape.columns, shape.exact)
    end = qualified(
        "{where} order by {order} limit {limit}{offset}",
        where=where(shape.selection, *if_same(shape.table)),
        # Ties in id order, so that pages fit together; an index knows no order but that of distance.
        order=qualified("distance, id") if shape.exact else qualified("distance"),
        # As a constant the planner may keep its plan; under a filter each search is better planned anew.
        limit=Literal(shape.limit) if everything else qualified("{limit}::bigint", limit=shape.limit),
        offset=_offset(shape.offset, everything),
    )
    return Fragment((*before.parts, vec, *after.parts, *end.parts))


@lru_cache(maxsize=256)
def _around_values(table: Table, measure: MeasureSpec, columns: Columns, exact: bool) -> tuple[Fragment, Fragment]:
    before = qualified(
        "select {columns}, (vec operator({schema}.{operator}) ",
        columns=select_list(table, columns),
        schema=Identifier(table.extension.schema),
        operator=Fragment((measure.operator,)),
    )
    after = qualified(
        "::{type}){exactly} as distance from {table}",
        type=table.type(),
        exactly=qualified(" + 0::double precision") if exact else EMPTY,
        table=table.source,
    )
    return before, after


def _of_candidates(shape: Shape, vec: Param) -> Fragment:
    # The exact distance is taken inside, where the vectors are: on Citus they stay with the workers.
    table = shape.table
    return qualified(
        """
        select {columns}, distance
        from (
            select {names}, {distance} as distance from {table}{where} order by {nearness} limit {candidates}
        ) as candidates
        order by distance, id limit {limit}{offset}
        """,
        columns=select_list(table, shape.columns),
        names=names(table, shape.columns),
        distance=nearness(table, vec, shape.measure, "full"),
        table=table.source,
        where=where(shape.selection, *if_same(table)),
        nearness=nearness(table, vec, shape.measure, shape.precision),
        candidates=Literal(shape.candidates),
        limit=Literal(shape.limit),
        offset=_offset(shape.offset, True),
    )


def _offset(offset: int, everything: bool) -> Fragment:
    if not offset:
        return EMPTY
    return qualified(" offset {offset}", offset=Literal(offset) if everything else qualified("{n}::bigint", n=offset))


def nearest_of_pool(shape: Shape, vec: Param) -> Fragment:
    """
    Find the nearest of `pool` candidates: what an index finds first under a filter is not always nearest.

    Besides the columns of `nearest`, each row carries its place in the order of discovery (NULL for a lower precision,
    whose order is not that of distance), how many candidates there were, and with `probe` how many of the 40 records
    nearest to the query pass the filter; NULL where the pool is not full.
    """
    pool = shape.pool or 0
    candidates = shape._replace(candidates=pool, limit=pool, offset=0)
    around = qualified(
        "case when pg_catalog.count(*) over () = {pool}::bigint then {kept} end",
        pool=pool,
        kept=kept_around(shape, vec),
    )
    return qualified(
        """
        select *, {found} as found, pg_catalog.count(*) over () as pool, {around} as around
        from ({candidates}) as candidate (id, text, metadata, document_id, vec, extra, distance)
        order by distance + 0::double precision limit {limit}::bigint offset {offset}::bigint
        """,
        # "+ 0", because Postgres takes the relaxed order of an index for a true one.
        found=qualified("pg_catalog.row_number() over ()") if shape.precision == "full" else qualified("null::bigint"),
        around=around if shape.probe else qualified("null::bigint"),
        candidates=nearest(candidates, vec),
        limit=shape.limit,
        offset=shape.offset,
    )


def kept_around(shape: Shape, vec: Param) -> Fragment:
    """Count how many of the 40 records nearest to a query pass the filter."""
    return qualified(
        """(
            select pg_catalog.count(*) from (
                select ({conditions}) as kept from {table} order by {nearness} limit 40
            ) as neighbours where kept
        )""",
        conditions=join(" and ", conditions(shape.selection)),
        table=shape.table.source,
        nearness=nearness(shape.table, vec, shape.measure, shape.precision),
    )


def nearness(table: Table, vec: Param, measure: MeasureSpec, precision: Precision) -> Fragment:
    """Return the distance from a vector, as an index of this precision has it."""
    schema = Identifier(table.extension.schema)
    if precision == "binary":
        return qualified(
            "{codes} operator({schema}.<~>) {quantise}({vec}::{type})::{bits}",
            codes=quantised(table, precision),
            schema=schema,
            quantise=table.extension.type("binary_quantize"),
            vec=vec,
            type=table.type(),
            bits=bits_type(table),
        )
    return qualified(
        "{vectors} operator({schema}.{operator}) {vec}::{type}{half}",
        vectors=quantised(table, precision),
        schema=schema,
        operator=Fragment((measure.operator,)),
        vec=vec,
        type=table.type(),
        half=qualified("::{half}", half=half_type(table)) if precision == "half" else EMPTY,
    )


def several(statements: Sequence[Fragment]) -> Fragment:
    """Join answers of `nearest` to several vectors into one, each row with the number of its query as last column."""
    return join(
        " union all ",
        (
            qualified(
                "(select answer.*, {number} from ({statement}) as answer)", number=Literal(n), statement=statement
            )
            for n, statement in enumerate(statements)
        ),
    )


def explain(statement: Fragment, analyze: bool) -> Fragment:
    """Ask for the plan of a statement, with its values as constants: bound ones fail on Citus."""
    text = statement.inline().decode()
    options = "(analyze, buffers, format text) " if analyze else "(format text) "
    return Fragment(("explain ", options, text))
