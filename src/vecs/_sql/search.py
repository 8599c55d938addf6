"""Reading: nearest neighbours, records by id or condition, pages, counts; and rows back into values."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple, cast

import numpy as np
import numpy.typing as npt

from vecs._sql.binary import Binary, decode_vector
from vecs._sql.filters import condition
from vecs._sql.fragment import EMPTY, Fragment, Identifier, Literal, Param, fragment, join
from vecs._sql.table import Table
from vecs.filters import Filter
from vecs.measures import MeasureSpec
from vecs.records import Match, Record


@dataclass(frozen=True)
class Selection:
    """Which records: every part given must hold; nothing given is every record."""

    ids: Sequence[str] | None = None
    document_ids: Sequence[str] | None = None
    filters: Filter | None = None


EVERYTHING = Selection()


def where(selection: Selection, *more: Fragment) -> Fragment:
    """Return a WHERE clause, or nothing."""
    parts = [*more, *_conditions(selection)]
    if not parts:
        return EMPTY
    return fragment(" where {conditions}", conditions=join(" and ", parts))


def _conditions(selection: Selection) -> list[Fragment]:
    parts: list[Fragment] = []
    if selection.ids is not None:
        # One array, never a placeholder each: one statement whatever the count.
        parts.append(fragment("id = any({ids}::text[])", ids=list(selection.ids)))
    if selection.document_ids is not None:
        parts.append(fragment("document_id = any({ids}::text[])", ids=list(selection.document_ids)))
    if selection.filters is not None:
        parts.append(condition(selection.filters))
    return parts


@dataclass(frozen=True)
class Columns:
    """Which parts of a record come back besides its id."""

    text: bool = True
    metadata: bool = True
    document_id: bool = True
    vec: bool = False
    extra: bool = False


@lru_cache(maxsize=256)
def _select_list(table: Table, columns: Columns) -> Fragment:
    pieces = [fragment("id")]
    text = table.has_text
    pieces.append(fragment("text") if columns.text and text else fragment("null::text"))
    pieces.append(fragment("metadata") if columns.metadata else fragment("null::jsonb"))
    pieces.append(fragment("document_id") if columns.document_id and text else fragment("null::text"))
    if columns.vec:
        # Its binary form as bytea, so that nothing registered on the connection changes what arrives.
        send = table.extension.type("vector_send")
        pieces.append(fragment("{send}(vec)", send=send))
    else:
        pieces.append(fragment("null::bytea"))
    pieces.append(fragment("extra") if columns.extra and text else fragment("null::jsonb"))
    return join(", ", pieces)


def nearest(
    table: Table,
    vec: Binary | Param,
    measure: MeasureSpec,
    columns: Columns,
    *,
    limit: int,
    offset: int = 0,
    selection: Selection = EVERYTHING,
    exact: bool = False,
) -> Fragment:
    """
    Find the `limit` nearest records, nearest first.

    `exact` orders by an expression that no index answers, so that every matching record is compared: it
    needs no setting, hence no transaction.
    """
    before, after, end = _around_values(table, measure, columns, exact, limit, offset, selection == EVERYTHING)
    given = vec if isinstance(vec, Param) else Param(vec)
    return Fragment((*before.parts, given, *after.parts, *where(selection).parts, *end.parts))


# All but the vector and the filter is the same from one search to the next.
@lru_cache(maxsize=256)
def _around_values(
    table: Table, measure: MeasureSpec, columns: Columns, exact: bool, limit: int, offset: int, everything: bool
) -> tuple[Fragment, Fragment, Fragment]:
    before = fragment(
        "select {columns}, (vec operator({schema}.{operator}) ",
        columns=_select_list(table, columns),
        schema=Identifier(table.extension.schema),
        operator=Fragment((measure.operator,)),
    )
    after = fragment(
        "::{type}){exactly} as distance from {table}",
        type=table.extension.type("vector"),
        exactly=fragment(" + 0::float8") if exact else EMPTY,
        table=table.identifier,
    )
    end = fragment(
        " order by {order} limit {limit}{offset}",
        # Ties in id order, so that pages fit together; an index knows no order but that of distance.
        order=fragment("distance, id") if exact else fragment("distance"),
        # As a constant the planner may keep its plan; under a filter each search is better planned anew.
        limit=Literal(limit) if everything else fragment("{limit}::int8", limit=limit),
        offset=fragment(" offset {offset}::int8", offset=offset) if offset else EMPTY,
    )
    return before, after, end


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
        conditions=join(" and ", _conditions(selection)),
        table=table.identifier,
        schema=Identifier(table.extension.schema),
        operator=Fragment((measure.operator,)),
        vec=given,
        type=table.extension.type("vector"),
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


def pools(rows: int) -> tuple[int, int]:
    """Return how many candidates give the nearest `rows` under a filter, mostly, and how many where it is hard."""
    more = min(max(4 * rows, 40), 400)
    return rows + more, rows + 10 * more


def unsettled(rows: Sequence[tuple[Any, ...]], wanted: int) -> bool:
    """
    Whether other candidates may be nearer than this answer of `nearest_of_pool`.

    A search that is near its end finds farther and farther records; one that still finds near ones late is not.
    And a graph leads to the records around the query: where the filter keeps none of them, it leads nowhere.
    """
    return any(row[9] == 0 for row in rows[:1]) or any(row[7] > wanted + (row[8] - wanted) // 4 for row in rows)


def candidates_found(rows: Sequence[tuple[Any, ...]]) -> int:
    """Return how many candidates an answer of `nearest_of_pool` was taken from."""
    return rows[0][8] if rows else 0


def in_order(rows: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Sort the answer of `nearest` by distance: an iterative index scan's order is relaxed."""
    # NaN (a zero vector under cosine) sorts last, as in Postgres.
    return sorted(rows, key=lambda row: (row[6] != row[6], row[6]))


def read_matches(rows: Sequence[tuple[Any, ...]], measure: MeasureSpec, threshold: float | None) -> list[Match]:
    """Read the answer of `nearest`; only matches whose score is at least the threshold."""
    score = measure.score
    matches = [_match(row, score(row[6])) for row in rows]
    if threshold is None:
        return matches
    return [match for match in matches if match.score >= threshold]


def _match(row: tuple[Any, ...], score: float) -> Match:
    # Past the constructor of a frozen dataclass, which sets attribute by attribute: four times as fast, and a
    # search makes one a row.
    match = object.__new__(Match)
    parts: dict[str, Any] = {
        "id": row[0],
        "text": row[1],
        "metadata": {} if row[2] is None else row[2],
        "document_id": row[3],
        "distance": row[6],
        "score": score,
        "vec": None if row[4] is None else decode_vector(row[4]),
        "extra": row[5],
    }
    object.__setattr__(match, "__dict__", parts)
    return match


def records(
    table: Table,
    columns: Columns,
    selection: Selection,
    *,
    limit: int | None = None,
    offset: int = 0,
    after: str | None = None,
) -> Fragment:
    """Read records by id order; `after` continues behind an id."""
    page = [fragment("id > {after}::text", after=after)] if after is not None else []
    return fragment(
        "select {columns} from {table}{where} order by id{limit}{offset}",
        columns=_select_list(table, columns),
        table=table.identifier,
        where=where(selection, *page),
        limit=EMPTY if limit is None else fragment(" limit {limit}::int8", limit=limit),
        offset=fragment(" offset {offset}::int8", offset=offset) if offset else EMPTY,
    )


def read_records(rows: Sequence[tuple[Any, ...]]) -> list[Record]:
    """Read the answer of `records`."""
    return [
        Record(
            id=row[0],
            text=row[1],
            metadata={} if row[2] is None else row[2],
            document_id=row[3],
            vec=None if row[4] is None else decode_vector(row[4]),
            extra=row[5],
        )
        for row in rows
    ]


def count(table: Table, selection: Selection) -> Fragment:
    """Count records exactly."""
    return fragment("select count(*) from {table}{where}", table=table.identifier, where=where(selection))


def explain(statement: Fragment, analyze: bool) -> Fragment:
    """Ask for the plan of a statement, with its values as constants: bound ones fail on Citus."""
    text = statement.inline().decode()
    options = "(analyze, buffers, format text) " if analyze else "(format text) "
    return Fragment(("explain ", options, text))


class RecordRow(NamedTuple):
    """A row as vecs 0.4 gave it: a tuple with attributes."""

    id: str
    vec: npt.NDArray[np.float32]
    metadata: dict[str, Any]


def read_record_rows(rows: Sequence[tuple[Any, ...]]) -> list[RecordRow]:
    """Read the answer of `records` in 0.4's shape."""
    return [RecordRow(row[0], decode_vector(row[4]), {} if row[2] is None else row[2]) for row in rows]


@lru_cache(maxsize=8)
def _query_row(value: bool, vector: bool, metadata: bool) -> Any:
    names = ["id", *(["distance"] * value), *(["vec"] * vector), *(["metadata"] * metadata)]
    # Untyped by nature: which fields there are depends on the flags.
    return cast("Any", namedtuple)("QueryRow", names)


def read_query_rows(rows: Sequence[tuple[Any, ...]], value: bool, vector: bool, metadata: bool) -> list[Any]:
    """
    Read rows in the shapes of 0.4's `query`: ids, or tuples of what was asked for.

    Their columns are always in the order id, distance, vec, metadata.
    """
    if not (value or vector or metadata):
        return [row[0] for row in rows]
    make = _query_row(bool(value), bool(vector), bool(metadata))
    return [
        make(
            row[0],
            *((row[6],) if value else ()),
            *((decode_vector(row[4]),) if vector else ()),
            *(({} if row[2] is None else row[2],) if metadata else ()),
        )
        for row in rows
    ]


def unordered(table: Table, columns: Columns, selection: Selection, limit: int) -> Fragment:
    """Select by condition alone, in id order, with a NULL distance: what 0.4 did for `query(None)`."""
    return fragment(
        "select {columns}, null::float8 as distance from {table}{where} order by id limit {limit}::int8",
        columns=_select_list(table, columns),
        table=table.identifier,
        where=where(selection),
        limit=limit,
    )
