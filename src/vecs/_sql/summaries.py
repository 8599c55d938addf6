"""Values of a key, counted and summed up by the server."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from math import isinf
from typing import Any, NamedTuple

from vecs._sql.fragment import EMPTY, Fragment, join, qualified
from vecs._sql.keyed import Keyed, column_at, json_at
from vecs._sql.selection import Selection, where
from vecs._sql.tables import Table

# Kinds of columns of which there is a mean, and those that have an order besides.
MEASURED = ("integer", "numeric", "float")
ORDERED = ("date", "timestamp", "timestamptz", "text", "enum")


@dataclass(frozen=True)
class Stats:
    """
    The values of a key summed up: how many there are, the least, the greatest, and the mean of numbers.

    Without values, `min`, `max` and `mean` are None. `mean` is None for strings and dates, too.
    """

    count: int
    min: Any
    max: Any
    mean: float | None


def count_values(table: Table, keyed: Keyed, selection: Selection, limit: int | None) -> Fragment:
    """
    Count the records that have each value at a key, most frequent first; an array has each of its elements.

    Equal arrays are taken apart once.
    """
    found = json_at(keyed)
    return qualified(
        """
        select each.element, pg_catalog.sum(whole.records)::bigint
        from (
            select {found} as found, pg_catalog.count(*) as records from {table}{where} group by 1
        ) as whole
        cross join lateral (
            select distinct a.element from pg_catalog.jsonb_array_elements(
                case when pg_catalog.jsonb_typeof(whole.found) = 'array' then whole.found
                     else pg_catalog.jsonb_build_array(whole.found) end
            ) as a (element)
        ) as each
        group by 1 order by 2 desc, 1{limit}
        """,
        found=found,
        table=table.source,
        where=where(selection, qualified("{found} is not null", found=found)),
        limit=EMPTY if limit is None else qualified(" limit {limit}::bigint", limit=limit),
    )


class BothStats(NamedTuple):
    """Those of the numbers at a key, and those of its strings."""

    numbers: Stats
    strings: Stats


def sum_up(table: Table, keyed: Keyed, selection: Selection) -> Fragment:
    """Sum up the values at a key: the numbers and, apart from them, the strings; or those of a column."""
    column = column_at(keyed)
    number, string = qualified("null::numeric"), qualified("null::pg_catalog.text")
    if column is None:
        number = qualified("case when pg_catalog.jsonb_typeof(found) = 'number' then found::numeric end")
        # By code point, as filters compare them.
        string = qualified(
            "case when pg_catalog.jsonb_typeof(found) = 'string' then found #>> '{{}}' end collate pg_catalog.\"C\""
        )
    elif keyed.column is not None and keyed.column.kind in MEASURED:
        number = qualified("found")
    else:
        string = qualified("found")
    return qualified(
        """
        select pg_catalog.count(number), pg_catalog.to_jsonb(pg_catalog.min(number)),
               pg_catalog.to_jsonb(pg_catalog.max(number)), pg_catalog.avg(number)::pg_catalog.text,
               pg_catalog.count(string), pg_catalog.to_jsonb(pg_catalog.min(string)),
               pg_catalog.to_jsonb(pg_catalog.max(string))
        from (
            select {number} as number, {string} as string
            -- Computed once per record, though it is looked at several times.
            from (select {found} as found from {table}{where} offset 0) as value
        ) as valued
        """,
        number=number,
        string=string,
        found=json_at(keyed) if column is None else column,
        table=table.source,
        where=where(selection),
    )


def read_sums(rows: Sequence[tuple[Any, ...]]) -> BothStats:
    """Read the answer of `sum_up`."""
    ((numbers, least, greatest, mean, strings, first, last),) = rows
    return BothStats(
        Stats(numbers, least, greatest, None if mean is None else _mean(mean)), Stats(strings, first, last, None)
    )


def _mean(text: str) -> float:
    number = Decimal(text)
    # Whole numbers may be greater than any float.
    return int(number) if number.is_finite() and isinf(float(number)) else float(number)


def find_kinds(table: Table, keys: Sequence[Keyed], selection: Selection) -> Fragment:
    """Find which kinds of values there are at keys: each row is a combination that records have."""
    return qualified(
        "select distinct {kinds} from (select {values} from {table}{where} offset 0) as valued",
        kinds=join(", ", (_kind(qualified("{value}", value=_name(place))) for place, _ in enumerate(keys))),
        values=join(
            ", ", (qualified("{value} as {name}", value=json_at(key), name=_name(n)) for n, key in enumerate(keys))
        ),
        table=table.source,
        where=where(selection),
    )


def _name(place: int) -> Fragment:
    return Fragment((f"v{place}",))


def _kind(value: Fragment) -> Fragment:
    return qualified(
        """
        case when {value} is null then 'none'
             when pg_catalog.jsonb_typeof({value}) = 'array' then 'array ' || (
                 select coalesce(pg_catalog.string_agg(distinct {element}, ' '), '')
                 from pg_catalog.jsonb_array_elements({value}) as a (element)
             )
             else {scalar} end
        """,
        value=value,
        element=_scalar_kind(qualified("a.element")),
        scalar=_scalar_kind(value),
    )


def _scalar_kind(value: Fragment) -> Fragment:
    return qualified(
        """
        case when pg_catalog.jsonb_typeof({value}) <> 'number' then pg_catalog.jsonb_typeof({value})
             when pg_catalog.scale({value}::numeric) = 0
                 and pg_catalog.abs({value}::numeric) < 9223372036854775808 then 'integer'
             when pg_catalog.abs({value}::numeric) <= 1e308 then 'number'
             else 'large' end
        """,
        value=value,
    )
