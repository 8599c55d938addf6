"""A search under a filter: the nearest of a pool of candidates, with what tells whether to believe it."""

from __future__ import annotations

from vecs._sql.binary import Binary
from vecs._sql.fragment import Fragment, Identifier, Param, fragment, join
from vecs._sql.search import Columns, Selection, conditions, nearest
from vecs._sql.table import Table
from vecs.measures import MeasureSpec


def nearest_of_pool(
    table: Table,
    vec: Binary,
    measure: MeasureSpec,
    columns: Columns,
    *,
    limit: int,
    offset: int,
    selection: Selection,
    pool: int,
    probe: bool,
) -> Fragment:
    """
    Find the nearest of `pool` candidates: what an index finds first under a filter is not always nearest.

    Besides the columns of `nearest`, a row says as how many-th it was found, of how many, and with `probe` how
    many of the 40 records nearest to the query pass the filter; NULL where the pool is not full.
    """
    given = Param(vec)
    around = fragment(
        """
        case when count(*) over () = {pool}::int8 then (
            select count(*) from (
                select ({conditions}) as kept from {table}
                order by vec operator({schema}.{operator}) {vec}::{type} limit 40
            ) as neighbours where kept
        ) end
        """,
        pool=pool,
        conditions=join(" and ", conditions(selection)),
        table=table.identifier,
        schema=Identifier(table.extension.schema),
        operator=Fragment((measure.operator,)),
        vec=given,
        type=table.type(),
    )
    return fragment(
        """
        select *, row_number() over () as found, count(*) over () as pool, {around} as around
        from ({candidates}) as candidate (id, text, metadata, document_id, vec, extra, distance)
        order by distance + 0::float8 limit {limit}::int8 offset {offset}::int8
        """,
        # "+ 0", because Postgres takes the relaxed order of an index for a true one.
        around=around if probe else fragment("null::int8"),
        candidates=nearest(table, given, measure, columns, limit=pool, selection=selection),
        limit=limit,
        offset=offset,
    )
