"""Measuring an index: a random sample of records, and the exact distances to compare with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from vecs._sql.binary import Binary
from vecs._sql.fragment import Fragment, Identifier, fragment, join
from vecs._sql.selection import Selection, where
from vecs._sql.table import Table
from vecs.measures import MeasureSpec


def sample_ids(table: Table, selection: Selection, count: int, seed: int) -> Fragment:
    """
    Choose ids at random, the same ones for the same seed.

    By a hash of the id: uniform over what is selected, where TABLESAMPLE takes whole pages, hence neighbours,
    before any filter. It reads the table once; the exact answers that follow read it anyway.
    """
    return fragment(
        """
        select id from {table}{where}
        order by hashtextextended(id::text, {seed}::int8) limit {count}::int8
        """,
        table=table.identifier,
        where=where(selection),
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
            fragment(
                "vec operator({schema}.{operator}) {query}::{type}",
                schema=Identifier(table.extension.schema),
                operator=Fragment((measure.operator,)),
                query=target.vec,
                type=table.type(),
            )
            for target in targets
        ),
    )
    return fragment(
        """
        select number, (array_agg(distance order by distance))[:{limit}::int4]
        from (
            select id, generate_series(1, {count}::int4) as number, unnest(array[{distances}]) as distance
            from (select id, unnest(array[vec]) as vec from {table}{where}) as vectors
        ) as distances
        where distance <= ({bounds}::float8[])[number] and id is distinct from ({own_ids}::text[])[number]
        group by number
        """,
        limit=limit,
        count=len(targets),
        distances=distances,
        # Out of an array it comes as a value: one kept out of line is read once, and not once per query (13 times
        # as fast at 1,536 dimensions). And the planner takes the array for a barrier.
        table=table.identifier,
        where=where(selection),
        bounds=[target.bound for target in targets],
        own_ids=[target.own_id for target in targets],
    )


def read_distances(rows: Sequence[tuple[Any, ...]], count: int) -> list[list[float]]:
    """Read the answer of `exact_distances`, one list per query; empty where nothing is within its bound."""
    found: dict[int, list[float]] = dict(rows)
    return [found.get(number, []) for number in range(1, count + 1)]
