"""A search under a filter: the nearest of a pool of candidates, with what tells whether to believe it."""

from __future__ import annotations

from vecs._sql.binary import Binary
from vecs._sql.fragment import Fragment, Param, fragment, join
from vecs._sql.search import Columns, Selection, conditions, nearest, nearest_of_candidates, nearness
from vecs._sql.table import Table
from vecs.measures import MeasureSpec
from vecs.storage import Precision


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
    precision: Precision = "full",
) -> Fragment:
    """
    Find the nearest of `pool` candidates: what an index finds first under a filter is not always nearest.

    Besides the columns of `nearest`, a row says as how many-th it was found (NULL for a lower precision, whose order
    is not that of distance), of how many, and with `probe` how many of the 40 records nearest to the query pass
    the filter; NULL where the pool is not full.
    """
    given = Param(vec)
    if precision == "full":
        candidates = nearest(table, given, measure, columns, limit=pool, selection=selection)
    else:
        candidates = nearest_of_candidates(
            table, given, measure, columns, precision, candidates=pool, limit=pool, selection=selection
        )
    around = fragment(
        "case when count(*) over () = {pool}::int8 then {kept} end",
        pool=pool,
        kept=kept_around(table, given, measure, selection, precision),
    )
    return fragment(
        """
        select *, {found} as found, count(*) over () as pool, {around} as around
        from ({candidates}) as candidate (id, text, metadata, document_id, vec, extra, distance)
        order by distance + 0::float8 limit {limit}::int8 offset {offset}::int8
        """,
        # "+ 0", because Postgres takes the relaxed order of an index for a true one.
        found=fragment("row_number() over ()") if precision == "full" else fragment("null::int8"),
        around=around if probe else fragment("null::int8"),
        candidates=candidates,
        limit=limit,
        offset=offset,
    )


def kept_around(table: Table, vec: Param, measure: MeasureSpec, selection: Selection, precision: Precision) -> Fragment:
    """Count how many of the 40 records nearest to a query pass a filter."""
    return fragment(
        """(
            select count(*) from (
                select ({conditions}) as kept from {table} order by {nearness} limit 40
            ) as neighbours where kept
        )""",
        conditions=join(" and ", conditions(selection)),
        table=table.identifier,
        nearness=nearness(table, vec, measure, precision),
    )
