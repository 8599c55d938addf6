"""The columns of an answer: selected, named, and read into values. Nothing else knows their order."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from math import isfinite
from typing import Any, NamedTuple, TypeAlias, cast

from psycopg.pq.abc import PGresult

from vecs._checks.shown import brief
from vecs._sql.binary import JSONB_OID, why_unreadable
from vecs._sql.fragment import Fragment, Identifier, join, qualified
from vecs._sql.tables import Table
from vecs._sql.vectors import vec_decoder
from vecs.exc import DatabaseError
from vecs.measures import MeasureSpec
from vecs.records import Match, Record, StoredVector, UnnamedMetadata

Row: TypeAlias = tuple[Any, ...]

# What `select_list` selects, then the distance. Constants and not a NamedTuple: reading a row by them takes half the
# time, and a search reads one row per match.
ID, TEXT, METADATA, DOCUMENT_ID, VEC, EXTRA, DISTANCE = range(7)
# Behind the distance stands what the kind of search adds: its score, where a statement scores its rows itself
# (`by_words`, `by_both`); the number of the query (`several`); the place in the order of discovery (`nearest_of_pool`).
SCORE = NUMBER = FOUND_AS = 7
# `nearest_of_pool` and `by_both` tell two things more, which `evidence` reads.
_CANDIDATES, _KEPT_AROUND = 8, 9


class Evidence(NamedTuple):
    """
    What an answer tells of itself: whether it is to be believed is decided by that.

    `candidates` is how many candidates it was taken from. `kept_around` is how many of the 40 records nearest to the
    query pass the filter, or None where that was not asked for.
    """

    candidates: int
    kept_around: int | None


def evidence(rows: Sequence[Row]) -> Evidence | None:
    """Read what an answer of `nearest_of_pool` or `by_both` tells of itself; an empty one tells nothing."""
    return Evidence(rows[0][_CANDIDATES], rows[0][_KEPT_AROUND]) if rows else None


@dataclass(frozen=True)
class Columns:
    """Which parts of a record come back besides its id."""

    text: bool = True
    metadata: bool = True
    document_id: bool = True
    vec: bool = False
    extra: bool = False
    # Return columns unchanged and by name, with text_search, for an enclosing select.
    raw: bool = False


@lru_cache(maxsize=256)
def select_list(table: Table, columns: Columns) -> Fragment:
    """Return what is selected, in the order of a match; or, if raw, what a select around this one needs of it."""
    if columns.raw:
        return names(table, columns)
    pieces = [qualified("id")]
    pieces.append(qualified("text") if columns.text and table.has_text else qualified("null::pg_catalog.text"))
    pieces.append(_metadata(table) if columns.metadata else qualified("null::pg_catalog.jsonb"))
    documents = columns.document_id and table.has_documents
    pieces.append(qualified("document_id") if documents else qualified("null::pg_catalog.text"))
    if columns.vec:
        # Its binary form as bytea, so that nothing registered on the connection changes what arrives.
        pieces.append(qualified("{send}(vec)", send=table.type("_send")))
    else:
        pieces.append(qualified("null::pg_catalog.bytea"))
    pieces.append(qualified("extra") if columns.extra and table.has_extra else qualified("null::pg_catalog.jsonb"))
    return join(", ", pieces)


def _metadata(table: Table) -> Fragment:
    return qualified("shown as metadata") if _is_shown(table) else qualified("metadata")


def _is_shown(table: Table) -> bool:
    """Whether metadata is returned with columns of the table, and so is another value than the one of filters."""
    return table.mapped is not None and len(table.mapped.declared) > 0


def names(table: Table, columns: Columns) -> Fragment:
    """Return the columns of the table that a match is made of."""
    wanted = [("shown" if _is_shown(table) else "metadata", columns.metadata), ("vec", columns.vec)]
    wanted += [
        ("text", columns.text and table.has_text),
        ("document_id", columns.document_id and table.has_documents),
        ("extra", columns.extra and table.has_extra),
    ]
    wanted.append(("text_search", columns.raw))
    found = ("id", *(name for name, asked in wanted if asked))
    return join(", ", (qualified("{name}", name=Identifier(name)) for name in found))


def in_order(rows: Sequence[Row]) -> list[Row]:
    """Sort the answer of `nearest` by distance: an iterative index scan's order is relaxed."""
    return sorted(rows, key=order_of)


def order_of(row: Row) -> tuple[bool, float]:
    """Return what rows are sorted by."""
    # NaN (a zero vector under cosine) sorts last, as in Postgres.
    return row[DISTANCE] != row[DISTANCE], row[DISTANCE]


def with_distance(rows: list[Row]) -> list[Row]:
    """Leave out records without a vector, as indexes do: they come last, without a distance."""
    if not rows or rows[-1][DISTANCE] is not None:
        return rows
    return [row for row in rows if row[DISTANCE] is not None]


def each(rows: Sequence[Row], count: int) -> list[list[Row]]:
    """Take the answer of `several` apart, one list per query."""
    found: list[list[Row]] = [[] for _ in range(count)]
    for row in rows:
        found[int(row[NUMBER])].append(row)
    return found


def read_matches(table: Table, rows: Sequence[Row], measure: MeasureSpec, *, scored: bool = False) -> list[Match]:
    """Read the answer of `nearest`; with `scored`, that of a search that computes the scores itself."""
    decode, score = vec_decoder(table), measure.score
    matches: list[Match] = []
    for row in rows:
        distance: Any = row[DISTANCE]
        if distance is not None and not isfinite(distance):
            distance = measure.finite(distance)
        # Past the constructor of a frozen dataclass, which sets attribute by attribute: four times as fast, and a
        # search makes one match per row.
        match = _new(Match)
        parts: dict[str, Any] = {
            "id": row[ID],
            "text": row[TEXT],
            "metadata": row[METADATA] if row[METADATA].__class__ is dict else _no_keys(row),
            "document_id": row[DOCUMENT_ID],
            "distance": distance,
            "score": row[SCORE] if scored else score(cast("float", distance)),
            "vec": None if row[VEC] is None else decode(row[VEC]),
            "extra": row[EXTRA],
        }
        _set(match, "__dict__", parts)
        matches.append(match)
    return matches


def _no_keys(row: Row) -> dict[str, Any]:
    """Return the metadata of a row that has none; another program may have written something else than an object."""
    if row[METADATA] is None:
        # Written again, the row keeps its NULL.
        return UnnamedMetadata()
    raise _unreadable(row[ID], "metadata", f"it is {brief(row[METADATA])}, not an object")


def unreadable_record(result: PGresult) -> DatabaseError:
    """Return the error that names the record of an answer that cannot be read, and what can be done."""
    names = [result.fname(column) for column in range(result.nfields)]
    found = [column for column in range(result.nfields) if result.ftype(column) == JSONB_OID]
    for row, column in product(range(result.ntuples), found):
        value = result.get_value(row, column)
        problem = None if value is None else why_unreadable(value)
        if problem is not None:
            id = result.get_value(row, ID) if names[ID] == b"id" else None
            what = (names[column] or b"jsonb").decode()
            return _unreadable(None if id is None else id.decode(), what, problem)
    return DatabaseError("the answer has JSON that cannot be read")


def _unreadable(id: str | None, what: str, problem: str) -> DatabaseError:
    if id is None:
        return DatabaseError(f"{what} cannot be read: {problem}")
    return DatabaseError(
        f"{what} of record {brief(id)} cannot be read: {problem}. Write the record anew or delete it; "
        f"filters={{'$id': {{'$ne': {brief(id)}}}}} leaves it out"
    )


_new, _set = object.__new__, object.__setattr__


def read_records(table: Table, rows: Sequence[Row]) -> list[Record]:
    """Read the answer of `records`."""
    decode = vec_decoder(table)
    return [
        Record(
            id=row[ID],
            text=row[TEXT],
            metadata=row[METADATA] if row[METADATA].__class__ is dict else _no_keys(row),
            document_id=row[DOCUMENT_ID],
            vec=None if row[VEC] is None else decode(row[VEC]),
            extra=row[EXTRA],
        )
        for row in rows
    ]


class RecordRow(NamedTuple):
    """A row as vecs 0.4 gave it: a tuple with attributes."""

    id: str
    # None if a table that vecs did not make has a record without a vector.
    vec: StoredVector | None
    metadata: dict[str, Any]


def read_record_rows(table: Table, rows: Sequence[Row]) -> list[RecordRow]:
    """Read the answer of `records` in 0.4's shape."""
    decode = vec_decoder(table)
    return [
        RecordRow(
            row[ID],
            None if row[VEC] is None else decode(row[VEC]),
            row[METADATA] if row[METADATA].__class__ is dict else _no_keys(row),
        )
        for row in rows
    ]


@lru_cache(maxsize=8)
def _query_row(value: bool, vector: bool, metadata: bool) -> Any:
    names = ["id", *(["distance"] * value), *(["vec"] * vector), *(["metadata"] * metadata)]
    # Untyped by nature: which fields there are depends on the flags.
    return cast("Any", namedtuple)("QueryRow", names)


def read_query_rows(
    table: Table, rows: Sequence[Row], *, value: Callable[[float], float] | None, vector: bool, metadata: bool
) -> list[Any]:
    """
    Read rows in the shapes of 0.4's `query`: ids, or tuples of what was asked for; `value` makes one of a distance.

    Their columns are always in the order id, distance, vec, metadata.
    """
    if not (value is not None or vector or metadata):
        return [row[ID] for row in rows]
    decode = vec_decoder(table)
    make = _query_row(value is not None, bool(vector), bool(metadata))
    return [
        make(
            row[ID],
            *((None if row[DISTANCE] is None else value(row[DISTANCE]),) if value is not None else ()),
            *((None if row[VEC] is None else decode(row[VEC]),) if vector else ()),
            *((row[METADATA] if row[METADATA].__class__ is dict else _no_keys(row),) if metadata else ()),
        )
        for row in rows
    ]
