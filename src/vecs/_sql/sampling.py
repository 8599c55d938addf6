"""Measuring an index: a random sample of records, and the exact distances to compare with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from vecs._sql.binary import Binary
from vecs._sql.fragment import Fragment, Identifier, join, qualified
from vecs._sql.selection import Selection, where
from vecs._sql.tables import Table
from vecs.measures import MeasureSpec

HAS_VECTOR = qualified("vec is not null")


def sample_ids(table: Table, selection: Selection, count: int, seed: int) -> Fragment:
    """
    Choose ids at random, the same ones for the same seed.

    By a hash of the id: uniform over what is selected, where TABLESAMPLE takes whole pages, hence neighbours,
    before any filter. It reads the table once; the exact answers that follow read it anyway.
    """
    return qualified(
        """
        select id from {table}{where}
        order by pg_catalog.hashtextextended(id::pg_catalog.text, {seed}::bigint) limit {count}::bigint
        """,
        table=table.source,
        where=where(selection, HAS_VECTOR),
        seed=seed,
        count=count,
    )


class Target(NamedTuple):
    """A vector to search for, the greatest distance that matters (NaN: any), and the id that is left out."""

    vec: Binary
    bound: float
    own_id: str | None


def exact_distances(
    table: Table, measure: MeasureSpec, selection: Selection, targets: Sequence[Target], *, limit: int
) -> Fragment:
    """
    Find the `limit` least distances of each of many queries in one pass over the table.

    Distances above a query's bound are left out before they are sorted; a bound of NaN keeps all. Rows are
    `(number of the query from 1, distances)`.
    """
    distances = join(
        ", ",
        (
            qualified(
                "vec operator({schema}.{operator}) {query}::{type}",
                schema=Identifier(table.extension.schema),
                operator=Fragment((measure.operator,)),
                query=target.vec,
                type=table.type(),
            )
            for target in targets
        ),
    )
    return qualified(
        """
        select number, (pg_catalog.array_agg(distance order by distance))[:{limit}::integer]
        from (
            select id, pg_catalog.generate_series(1, {count}::integer) as number,
                   pg_catalog.unnest(array[{distances}]) as distance
            from (select id, pg_catalog.unnest(array[vec]) as vec from {table}{where}) as vectors
        ) as distances
        where distance <= ({bounds}::double precision[])[number]
              and (id = ({own_ids}::pg_catalog.text[])[number]) is not true
        group by number
        """,
        limit=limit,
        count=len(targets),
        distances=distances,
        # Out of an array it comes as a value: one kept out of line is read once, and not once per query (13 times
        # as fast at 1,536 dimensions). And the planner takes the array for a barrier.
        table=table.source,
        where=where(selection),
        bounds=[target.bound for target in targets],
        own_ids=[target.own_id for target in targets],
    )


def read_distances(rows: Sequence[tuple[Any, ...]], count: int) -> list[list[float]]:
    """Read the answer of `exact_distances`, one list per query; empty where nothing is within its bound."""
    found: dict[int, list[float]] = dict(rows)
    return [found.get(number, []) for number in range(1, count + 1)]
