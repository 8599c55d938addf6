"""Reading: nearest neighbours, records by id or condition, pages, counts; and rows back into values."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple, cast

from vecs._sql.binary import Binary
from vecs._sql.filters import condition
from vecs._sql.fragment import EMPTY, Fragment, Identifier, Literal, Param, Template, fragment, join
from vecs._sql.indexes import bits_type, half_type, quantised
from vecs._sql.table import Table
from vecs._sql.vectors import vec_decoder
from vecs.filters import Filter
from vecs.measures import MeasureSpec
from vecs.records import Match, Record, StoredVector
from vecs.storage import Precision


@dataclass(frozen=True)
class Selection:
    """Which records: every part given must hold; nothing given is every record."""

    ids: Sequence[str] | None = None
    document_ids: Sequence[str] | None = None
    filters: Filter | None = None


EVERYTHING = Selection()


def where(selection: Selection, *more: Fragment) -> Fragment:
    """Return a WHERE clause, or nothing."""
    parts = [*more, *conditions(selection)]
    if not parts:
        return EMPTY
    return fragment(" where {conditions}", conditions=join(" and ", parts))


def conditions(selection: Selection) -> list[Fragment]:
    """Return what records of a selection meet."""
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
    # As they are in the table, under their names, and the keywords besides: for a select around this one.
    raw: bool = False


@lru_cache(maxsize=256)
def select_list(table: Table, columns: Columns) -> Fragment:
    """Return what is selected, in the order of a match; or, if raw, what a select around this one needs of it."""
    if columns.raw:
        return names(table, columns)
    pieces = [fragment("id")]
    text = table.has_text
    pieces.append(fragment("text") if columns.text and text else fragment("null::text"))
    pieces.append(fragment("metadata") if columns.metadata else fragment("null::jsonb"))
    pieces.append(fragment("document_id") if columns.document_id and text else fragment("null::text"))
    if columns.vec:
        # Its binary form as bytea, so that nothing registered on the connection changes what arrives.
        pieces.append(fragment("{send}(vec)", send=table.type("_send")))
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
    given = vec if isinstance(vec, Param) else Param(vec)
    if selection == EVERYTHING:
        return _of_everything(table, measure, columns, exact, limit, offset).fill(given)
    before, after, end = _around_values(table, measure, columns, exact, limit, offset, False)
    return Fragment((*before.parts, given, *after.parts, *where(selection).parts, *end.parts))


@lru_cache(maxsize=256)
def _of_everything(
    table: Table, measure: MeasureSpec, columns: Columns, exact: bool, limit: int, offset: int
) -> Template:
    before, after, end = _around_values(table, measure, columns, exact, limit, offset, True)
    hole = Param(None)
    return Template(Fragment((*before.parts, hole, *after.parts, *end.parts)), hole)


def several(statements: Sequence[Fragment]) -> Fragment:
    """Join answers of `nearest` to several vectors into one, each row with the number of its own as last column."""
    return join(
        " union all ",
        (
            fragment("(select answer.*, {number} from ({statement}) as answer)", number=Literal(n), statement=statement)
            for n, statement in enumerate(statements)
        ),
    )


def each(rows: Sequence[tuple[Any, ...]], count: int) -> list[list[tuple[Any, ...]]]:
    """Take the answer of `several` apart."""
    found: list[list[tuple[Any, ...]]] = [[] for _ in range(count)]
    for row in rows:
        found[int(row[7])].append(row)
    return found


# All but the vector and the filter is the same from one search to the next.
@lru_cache(maxsize=256)
def _around_values(
    table: Table, measure: MeasureSpec, columns: Columns, exact: bool, limit: int, offset: int, everything: bool
) -> tuple[Fragment, Fragment, Fragment]:
    before = fragment(
        "select {columns}, (vec operator({schema}.{operator}) ",
        columns=select_list(table, columns),
        schema=Identifier(table.extension.schema),
        operator=Fragment((measure.operator,)),
    )
    after = fragment(
        "::{type}){exactly} as distance from {table}",
        type=table.type(),
        exactly=fragment(" + 0::float8") if exact else EMPTY,
        table=table.identifier,
    )
    end = fragment(
        " order by {order} limit {limit}{offset}",
        # Ties in id order, so that pages fit together; an index knows no order but that of distance.
        order=fragment("distance, id") if exact else fragment("distance"),
        # As a constant the planner may keep its plan; under a filter each search is better planned anew.
        limit=Literal(limit) if everything else fragment("{limit}::int8", limit=limit),
        offset=_offset(offset, everything),
    )
    return before, after, end


def nearest_of_candidates(
    table: Table,
    vec: Binary | Param,
    measure: MeasureSpec,
    columns: Columns,
    precision: Precision,
    *,
    candidates: int,
    limit: int,
    offset: int = 0,
    selection: Selection = EVERYTHING,
) -> Fragment:
    """
    Find the `limit` nearest of the records that are nearest by an index on half-precision vectors or on codes.

    `candidates` of them are compared exactly: the distance comes from the vectors as they are stored.
    """
    given = vec if isinstance(vec, Param) else Param(vec)
    if selection == EVERYTHING:
        return _candidates_of_everything(table, measure, columns, precision, candidates, limit, offset).fill(given)
    return _of_candidates(table, given, measure, columns, precision, candidates, limit, offset, selection)


@lru_cache(maxsize=256)
def _candidates_of_everything(
    table: Table,
    measure: MeasureSpec,
    columns: Columns,
    precision: Precision,
    candidates: int,
    limit: int,
    offset: int,
) -> Template:
    hole = Param(None)
    return Template(
        _of_candidates(table, hole, measure, columns, precision, candidates, limit, offset, EVERYTHING), hole
    )


def _of_candidates(
    table: Table,
    vec: Param,
    measure: MeasureSpec,
    columns: Columns,
    precision: Precision,
    candidates: int,
    limit: int,
    offset: int,
    selection: Selection,
) -> Fragment:
    # The exact distance is taken inside, where the vectors are: on Citus they stay with the workers.
    return fragment(
        """
        select {columns}, distance
        from (
            select {names}, {distance} as distance from {table}{where} order by {nearness} limit {candidates}
        ) as candidates
        order by distance, id limit {limit}{offset}
        """,
        columns=select_list(table, columns),
        names=names(table, columns),
        distance=nearness(table, vec, measure, "full"),
        table=table.identifier,
        where=where(selection),
        nearness=nearness(table, vec, measure, precision),
        candidates=Literal(candidates),
        limit=Literal(limit),
        offset=_offset(offset, True),
    )


def nearness(table: Table, vec: Param, measure: MeasureSpec, precision: Precision) -> Fragment:
    """Return the distance from a vector, as an index of this precision has it."""
    schema = Identifier(table.extension.schema)
    if precision == "binary":
        return fragment(
            "{codes} operator({schema}.<~>) {quantise}({vec}::{type})::{bits}",
            codes=quantised(table, precision),
            schema=schema,
            quantise=table.extension.type("binary_quantize"),
            vec=vec,
            type=table.type(),
            bits=bits_type(table),
        )
    return fragment(
        "{vectors} operator({schema}.{operator}) {vec}::{type}{half}",
        vectors=quantised(table, precision),
        schema=schema,
        operator=Fragment((measure.operator,)),
        vec=vec,
        type=table.type(),
        half=fragment("::{half}", half=half_type(table)) if precision == "half" else EMPTY,
    )


def _offset(offset: int, everything: bool) -> Fragment:
    if not offset:
        return EMPTY
    return fragment(" offset {offset}", offset=Literal(offset) if everything else fragment("{n}::int8", n=offset))


def names(table: Table, columns: Columns) -> Fragment:
    """Return the columns of the table that a match is made of."""
    wanted = [("metadata", columns.metadata), ("vec", columns.vec)]
    if table.has_text:
        wanted += [("text", columns.text), ("document_id", columns.document_id), ("extra", columns.extra)]
    wanted.append(("text_search", columns.raw))
    found = ("id", *(name for name, asked in wanted if asked))
    return join(", ", (fragment("{name}", name=Identifier(name)) for name in found))


def in_order(rows: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Sort the answer of `nearest` by distance: an iterative index scan's order is relaxed."""
    # NaN (a zero vector under cosine) sorts last, as in Postgres.
    return sorted(rows, key=lambda row: (row[6] != row[6], row[6]))


def read_matches(table: Table, rows: Sequence[tuple[Any, ...]], measure: MeasureSpec | None) -> list[Match]:
    """Read the answer of `nearest`, or of a search that scores its rows itself: then measure is None."""
    decode = vec_decoder(table)
    score = None if measure is None else measure.score
    matches: list[Match] = []
    for row in rows:
        # Past the constructor of a frozen dataclass, which sets attribute by attribute: four times as fast, and a
        # search makes one a row.
        match = _new(Match)
        parts: dict[str, Any] = {
            "id": row[0],
            "text": row[1],
            "metadata": {} if row[2] is None else row[2],
            "document_id": row[3],
            "distance": row[6],
            "score": row[7] if score is None else score(row[6]),
            "vec": None if row[4] is None else decode(row[4]),
            "extra": row[5],
        }
        _set(match, "__dict__", parts)
        matches.append(match)
    return matches


_new, _set = object.__new__, object.__setattr__


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
        columns=select_list(table, columns),
        table=table.identifier,
        where=where(selection, *page),
        limit=EMPTY if limit is None else fragment(" limit {limit}::int8", limit=limit),
        offset=fragment(" offset {offset}::int8", offset=offset) if offset else EMPTY,
    )


def read_records(table: Table, rows: Sequence[tuple[Any, ...]]) -> list[Record]:
    """Read the answer of `records`."""
    decode = vec_decoder(table)
    return [
        Record(
            id=row[0],
            text=row[1],
            metadata={} if row[2] is None else row[2],
            document_id=row[3],
            vec=None if row[4] is None else decode(row[4]),
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
    vec: StoredVector
    metadata: dict[str, Any]


def read_record_rows(table: Table, rows: Sequence[tuple[Any, ...]]) -> list[RecordRow]:
    """Read the answer of `records` in 0.4's shape."""
    decode = vec_decoder(table)
    return [RecordRow(row[0], decode(row[4]), {} if row[2] is None else row[2]) for row in rows]


@lru_cache(maxsize=8)
def _query_row(value: bool, vector: bool, metadata: bool) -> Any:
    names = ["id", *(["distance"] * value), *(["vec"] * vector), *(["metadata"] * metadata)]
    # Untyped by nature: which fields there are depends on the flags.
    return cast("Any", namedtuple)("QueryRow", names)


def read_query_rows(
    table: Table, rows: Sequence[tuple[Any, ...]], value: bool, vector: bool, metadata: bool
) -> list[Any]:
    """
    Read rows in the shapes of 0.4's `query`: ids, or tuples of what was asked for.

    Their columns are always in the order id, distance, vec, metadata.
    """
    if not (value or vector or metadata):
        return [row[0] for row in rows]
    decode = vec_decoder(table)
    make = _query_row(bool(value), bool(vector), bool(metadata))
    return [
        make(
            row[0],
            *((row[6],) if value else ()),
            *((decode(row[4]),) if vector else ()),
            *(({} if row[2] is None else row[2],) if metadata else ()),
        )
        for row in rows
    ]


def unordered(table: Table, columns: Columns, selection: Selection, limit: int) -> Fragment:
    """Select by condition alone, in id order, with a NULL distance: what 0.4 did for `query(None)`."""
    return fragment(
        "select {columns}, null::float8 as distance from {table}{where} order by id limit {limit}::int8",
        columns=select_list(table, columns),
        table=table.identifier,
        where=where(selection),
        limit=limit,
    )


def selects_nothing(selection: Selection) -> bool:
    return selection.ids == [] or selection.document_ids == []


def first_column(rows: Sequence[tuple[Any, ...]]) -> list[Any]:
    return [row[0] for row in rows]
