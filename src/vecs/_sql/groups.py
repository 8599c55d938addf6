"""
Answers by groups: the best records of each group, the group with the best record first.

The records to choose from are ranked by a search statement, and grouped by the server, by its own equality: so few rows
are sent, however many records a group has. Only ids, keys and distances are sorted; what else a match is made of is
read for the rows that are sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from vecs._checks.json import encode_json
from vecs._sql.answers import Columns, select_list
from vecs._sql.binary import read_json
from vecs._sql.filters import MAX_CONTAINED, of_shown, value_at
from vecs._sql.fragment import EMPTY, Fragment, Identifier, Literal, Param, qualified
from vecs._sql.keywords import by_both, by_words
from vecs._sql.search import kept_around, nearness
from vecs._sql.selection import is_one_of, where
from vecs._sql.shape import Fusion, Grouping, Shape
from vecs._sql.tables import Table
from vecs._sql.terms import Terms
from vecs._sql.typed import typed_condition
from vecs.columns import TableColumn
from vecs.typed import Typed, operators_of

# Behind what every answer of a search has stand these: the group's key as text, its number in the order of groups, and
# how many of the ranked records are as near, where that is known.
LABEL, NUMBER, DEPTH = 10, 11, 12

OF_DOCUMENTS, OF_IDS, OF_TEXTS = "$document_id", "$id", "$text"


def nearest_groups(shape: Shape, vec: Param) -> Fragment:
    """
    Find the groups nearest to a vector, with their nearest records.

    Each row tells of itself what a row of `nearest_of_pool` tells, `pool` being the number of records that are
    grouped. Without a pool all records are compared.
    """
    return _grouped(shape, _measured(shape, vec) if shape.pool is None else _pooled(shape, vec))


def groups_by_words(shape: Shape, terms: Terms) -> Fragment:
    """Find the groups whose records answer a text best by its words."""
    found = by_words(_ungrouped(shape, shape.pool), terms)
    ranked = qualified(
        """
        select id, {key}, 0::double precision - score, distance, score, pg_catalog.count(*) over (), null::bigint,
               null::bigint
        from ({found}) as candidate (id, text, metadata, document_id, vec, extra, distance, score)
        """,
        key=_key_of_candidate(shape),
        found=found,
    )
    return _grouped(shape, ranked)


def groups_by_both(shape: Shape, fusion: Fusion, vec: Param, terms: Terms) -> Fragment:
    """Find the groups whose records answer best by nearness and by words, among the candidates of both."""
    found = by_both(_ungrouped(shape, None), fusion, vec, terms)
    ranked = qualified(
        """
        select id, {key}, 0::double precision - score, distance, score, candidates, around, null::bigint
        from ({found}) as candidate (
            id, text, metadata, document_id, vec, extra, distance, score, candidates, around
        )
        """,
        key=_key_of_candidate(shape),
        found=found,
    )
    return _grouped(shape, ranked)


def _ungrouped(shape: Shape, limit: int | None) -> Shape:
    """Return the shape of a search for the records to group, with no more columns than their key needs."""
    key, column = _grouping(shape).key, _grouping(shape).column
    of_metadata = column is None and not _grouping(shape).shown and key not in (OF_DOCUMENTS, OF_IDS, OF_TEXTS)
    columns = Columns(text=key == OF_TEXTS, metadata=of_metadata, document_id=key == OF_DOCUMENTS)
    # As many as there are: no table has more rows.
    return shape._replace(columns=columns, limit=limit or 2**58, offset=0, groups=None, pool=None)


def _measured(shape: Shape, vec: Param) -> Fragment:
    return qualified(
        """
        select id, key, far, far, null::bigint, null::bigint, null::bigint, null::bigint
        -- Computed once per record, though it is looked at three times.
        from (select id, {key} as key, {distance} as far from {table}{where} offset 0) as measured
        where far is not null
        """,
        key=_key(_grouping(shape)),
        distance=nearness(shape.table, vec, shape.measure, "full"),
        table=shape.table.source,
        where=where(shape.selection),
    )


def _pooled(shape: Shape, vec: Param) -> Fragment:
    pool = shape.pool or 0
    candidates = pool if shape.precision == "full" else max(pool, shape.candidates)
    around = qualified(
        "case when pg_catalog.count(*) over () >= {pool}::bigint then {kept} end",
        pool=pool,
        kept=kept_around(shape, vec) if shape.probe else EMPTY,
    )
    return qualified(
        """
        select id, key, far, far, {found}, pg_catalog.count(*) over (), {around},
               -- "+ 0", because Postgres takes the relaxed order of an index for a true one.
               pg_catalog.row_number() over (order by far + 0::double precision, id)
        from (
            select *, pg_catalog.row_number() over () as found from (
                select id, {key} as key, {distance} as far from {table}{where} order by {nearness} limit {candidates}
            ) as candidate
        ) as candidate
        where far is not null
        """,
        # The order of codes is not that of distance.
        found=qualified("found") if shape.precision == "full" else qualified("null::bigint"),
        around=around if shape.probe else qualified("null::bigint"),
        key=_key(_grouping(shape)),
        distance=nearness(shape.table, vec, shape.measure, "full"),
        table=shape.table.source,
        where=where(shape.selection),
        nearness=nearness(shape.table, vec, shape.measure, shape.precision),
        candidates=Literal(candidates),
    )


def _grouped(shape: Shape, ranked: Fragment) -> Fragment:
    """Choose groups, and of each its best records, from ranked ones: `worth` is less for better ones."""
    return qualified(
        """
        with ranked (member, key, worth, far, told, candidates, around, depth) as materialized ({ranked}),
        best as (
            -- With ties, since the ids of their records decide between them.
            select key, pg_catalog.min(worth) as worth from ranked group by key
            order by 2 fetch first ({wanted}::bigint) rows with ties
        ),
        placed as materialized (
            select ranked.*, pg_catalog.row_number() over (
                partition by ranked.key order by ranked.worth, ranked.far, ranked.member
            ) as place
            from ranked join best on best.key = ranked.key
        ),
        chosen as materialized (
            select key, pg_catalog.row_number() over (order by worth, far, member) as number from placed
            where place = 1 order by worth, far, member limit {limit}::bigint offset {offset}::bigint
        )
        select {columns}, found.far as distance, found.told, found.candidates, found.around, found.label,
               found.number, found.depth
        from (
            select placed.*, chosen.key::pg_catalog.text as label, chosen.number
            from placed join chosen on chosen.key = placed.key
            where placed.place <= {size}::bigint
        ) as found join {table} on {same}
        order by found.number, found.place
        """,
        same=shape.table.is_record(qualified("found.member")),
        ranked=ranked,
        wanted=shape.limit + shape.offset,
        limit=shape.limit,
        offset=shape.offset,
        columns=select_list(shape.table, shape.columns),
        size=_grouping(shape).size,
        table=shape.table.source,
    )


def _grouping(shape: Shape) -> Grouping:
    assert shape.groups is not None
    return shape.groups


def _key(grouping: Grouping) -> Fragment:
    """
    Return what groups records: jsonb for a metadata key, text for a column.

    What has no such key, or null, is one group; but a record without a document is a group of its own.
    """
    if grouping.column is not None:
        column = Identifier(grouping.column.reference)
        return qualified("coalesce(pg_catalog.to_jsonb({column}), 'null'::pg_catalog.jsonb)", column=column)
    if grouping.key == OF_DOCUMENTS:
        # A record without a document may have the id of a document.
        return qualified("(coalesce('d' || document_id, 'r' || id) collate pg_catalog.\"C\")")
    if grouping.key == OF_IDS:
        return qualified('(id::pg_catalog.text collate pg_catalog."C")')
    if grouping.key == OF_TEXTS:
        return qualified("(coalesce('t' || text, '') collate pg_catalog.\"C\")")
    value = of_shown(value_at(grouping.key)) if grouping.shown else value_at(grouping.key)
    return qualified("coalesce({value}, 'null'::pg_catalog.jsonb)", value=value)


def _key_of_candidate(shape: Shape) -> Fragment:
    """Return the key of a candidate, whose row has only a record's own columns."""
    grouping, table = _grouping(shape), shape.table
    if grouping.column is None and not grouping.shown:
        return _key(grouping)
    return qualified(
        "(select {key} from {rows} as keyed where {same})",
        key=_key(grouping),
        rows=table.rows,
        same=table.is_record(qualified("candidate.id"), "keyed"),
    )


def group_value(grouping: Grouping, label: str) -> Any:
    """Return a group's key as users read it: a metadata value, or a string; None for records without one."""
    if grouping.key in (OF_DOCUMENTS, OF_TEXTS):
        return label[1:] if label else None
    return label if grouping.key == OF_IDS else read_json(label)


def may_have_others(grouping: Grouping, label: str) -> bool:
    """Whether a group may have more than one record."""
    return grouping.key != OF_IDS and not (grouping.key == OF_DOCUMENTS and label.startswith("r"))


def of_groups(table: Table, grouping: Grouping, labels: Sequence[str]) -> Fragment:
    """Return the condition that a record is in one of these groups; indexes of what they are of answer it."""
    if grouping.key == OF_DOCUMENTS:
        return is_one_of(table.document_key, Param([label[1:] for label in labels]), "document_id")
    if grouping.key in (OF_IDS, OF_TEXTS):
        return qualified("{key} = any({labels}::pg_catalog.text[])", key=_key(grouping), labels=list(labels))
    same = qualified(
        "{key} = any({labels}::pg_catalog.text[]::pg_catalog.jsonb[])", key=_key(grouping), labels=list(labels)
    )
    if grouping.column is not None:
        return _of_columns(grouping.key, grouping.column, labels, same)
    if grouping.shown:
        return same
    matches = [held for label in labels for held in _held(grouping.key, label)]
    if "null" in labels or len(matches) > MAX_CONTAINED:
        return same
    return qualified(
        "(metadata @> any({matches}::pg_catalog.text[]::pg_catalog.jsonb[]) and {same})", matches=matches, same=same
    )


def _of_columns(key: str, column: TableColumn, labels: Sequence[str], same: Fragment) -> Fragment:
    """Return the condition on groups of a column with one that its index answers, where it may have one."""
    if "null" in labels or "$in" not in operators_of(column) or column.kind == "json":
        return same
    values = tuple(str(read_json(label)) if label.startswith('"') else label for label in labels)
    by_index = typed_condition(Typed(key, column, "$in", values, column.type))
    return qualified("({by_index} and {same})", by_index=by_index, same=same)


def _held(key: str, label: str) -> list[str]:
    """Return as JSON what metadata contains where it has a value at a key: at the key itself, or at the path."""
    held = [f"{{{encode_json(key)}: {label}}}"]
    if "." in key:
        steps = key.split(".")
        held.append("".join(f"{{{encode_json(step)}: " for step in steps) + label + "}" * len(steps))
    return held
