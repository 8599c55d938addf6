"""
Statements that give a collection vectors of another model, in columns beside the old ones until both change places.

A column keeps what a new table would lose: privileges, policies, comments, foreign keys, other columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256
from typing import Any, NamedTuple

from vecs._sql.binary import TEXT_OID, array_param
from vecs._sql.fragment import EMPTY, Fragment, Identifier, Literal, join, qualified
from vecs._sql.indexes import INDEX_CONDITION, IndexSpec, create_vector_index, read_indexes
from vecs._sql.tables import HASH_COLUMN, NEXT_HASH, NEXT_OF, NEXT_VEC, Table
from vecs._sql.vectors import vec_oid
from vecs.indexes import METHODS, IndexMethod
from vecs.measures import MEASURES

BYTEA_OID = 17


def _source(model: str) -> Fragment:
    """
    Return the hash of what a vector is made from: the model, the text, and titles, which a chunker may have embedded.

    The model is in it so that a call that was cancelled, and still stores vectors, does not mix them with another's.
    """
    return qualified(
        "pg_catalog.sha256(pg_catalog.convert_to({model}::pg_catalog.text || t.text "
        "|| coalesce((t.metadata -> 'headings')::pg_catalog.text, ''), 'UTF8'))",
        model=model,
    )


def _stale(model: str) -> Fragment:
    return qualified(
        "({vec} is null or {of} is distinct from {source})",
        vec=Identifier(NEXT_VEC),
        of=Identifier(NEXT_OF),
        source=_source(model),
    )


class Pending(NamedTuple):
    """A record without a vector of the new model; `of` is the hash of what the vector is to be made from."""

    id: str
    text: str | None
    metadata: dict[str, Any]
    document_id: str | None
    extra: dict[str, Any] | None
    of: bytes


class Dependant(NamedTuple):
    """What depends on the column of vectors; `index_name` is for an index."""

    index_name: str | None
    described: str


def add_columns(table: Table, dimension: int) -> list[Fragment]:
    """Add the columns of the new vectors, with the storage that the old ones have."""
    return [
        qualified(
            "alter table {table} add column {vec} {type}({dimension}), add column {hash} pg_catalog.text, "
            "add column {of} pg_catalog.bytea",
            table=table.identifier,
            vec=Identifier(NEXT_VEC),
            type=table.type(),
            dimension=Literal(dimension),
            hash=Identifier(NEXT_HASH),
            of=Identifier(NEXT_OF),
        )
    ]


def drop_columns(table: Table) -> Fragment:
    """Drop the columns of the new vectors, with their indexes."""
    return qualified(
        "alter table {table} drop column if exists {vec}, drop column if exists {hash}, drop column if exists {of}",
        table=table.identifier,
        vec=Identifier(NEXT_VEC),
        hash=Identifier(NEXT_HASH),
        of=Identifier(NEXT_OF),
    )


def find_dependants(table: Table) -> Fragment:
    """Find what depends on the column of vectors: indexes, views, policies and such; not that it is never null."""
    return qualified(
        """
        select i.relname::pg_catalog.text,
               case when v.oid is null then pg_catalog.pg_describe_object(d.classid, d.objid, d.objsubid)
                    else (case v.relkind when 'm' then 'materialized view ' else 'view ' end)
                         || v.oid::pg_catalog.regclass::pg_catalog.text end
        from pg_catalog.pg_depend as d
        left join pg_catalog.pg_class as i
            on i.oid = d.objid and d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
               and (i.relkind = 'i' or i.relkind = 'I')
        left join pg_catalog.pg_rewrite as r
            on r.oid = d.objid and d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass
        left join pg_catalog.pg_class as v on v.oid = r.ev_class
        left join pg_catalog.pg_constraint as k
            on k.oid = d.objid and d.classid = 'pg_catalog.pg_constraint'::pg_catalog.regclass
        where d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
          and d.refobjid = {table}::pg_catalog.regclass and d.refobjsubid = {number}
          and k.contype::pg_catalog.text is distinct from 'n'
        group by 1, 2 order by 1, 2
        """,
        table=table.identifier.sql,
        number=_number_of(table, "vec"),
    )


def read_dependants(rows: Sequence[tuple[Any, ...]]) -> list[Dependant]:
    """Read the answer of `find_dependants`."""
    return [Dependant._make(row) for row in rows]


def _number_of(table: Table, column: str) -> Fragment:
    return qualified(
        "(select a.attnum from pg_catalog.pg_attribute as a where a.attrelid = {table}::pg_catalog.regclass "
        "and a.attname = {column}::pg_catalog.text)",
        table=table.identifier.sql,
        column=column,
    )


def find_kept(table: Table) -> Fragment:
    """Find what somebody set for the column of vectors: its comment, storage, and privileges of roles."""
    return qualified(
        """
        select pg_catalog.col_description(a.attrelid, a.attnum), a.attstorage::pg_catalog.text,
               array(select x.privilege_type || case when x.is_grantable then '*' else '' end
                     from pg_catalog.aclexplode(a.attacl) as x order by x.grantee, x.privilege_type),
               array(select case when x.grantee = 0::pg_catalog.oid then null
                                 else pg_catalog.pg_get_userbyid(x.grantee)::pg_catalog.text end
                     from pg_catalog.aclexplode(a.attacl) as x order by x.grantee, x.privilege_type)
        from pg_catalog.pg_attribute as a
        where a.attrelid = {table}::pg_catalog.regclass and a.attname = 'vec'
        """,
        table=table.identifier.sql,
    )


_STORAGE = {"p": "plain", "e": "external", "m": "main", "x": "extended"}
_PRIVILEGES = {name: qualified(name) for name in ("select", "insert", "update", "references")}


def keep(table: Table, rows: Sequence[tuple[Any, ...]]) -> list[Fragment]:
    """Return the statements that give the column of new vectors what `find_kept` found."""
    comment, storage, privileges, grantees = rows[0]
    column = Identifier(NEXT_VEC)
    statements = [
        qualified(
            "alter table {table} alter column {column} set storage {storage}",
            table=table.identifier,
            column=column,
            storage=Identifier(_STORAGE[storage]),
        )
    ]
    if comment is not None:
        place = Identifier(table.schema, table.name, NEXT_VEC)
        statements.append(qualified("comment on column {place} is {text}", place=place, text=Literal(comment)))
    for privilege, grantee in zip(privileges, grantees, strict=True):
        statements.append(
            qualified(
                "grant {privilege} ({column}) on {table} to {grantee}{option}",
                privilege=_PRIVILEGES[privilege.rstrip("*").lower()],
                column=column,
                table=table.identifier,
                grantee=qualified("public") if grantee is None else Identifier(grantee),
                option=qualified(" with grant option") if privilege.endswith("*") else EMPTY,
            )
        )
    return statements


def count_textless(table: Table) -> Fragment:
    """Count the records that have no text."""
    return qualified("select pg_catalog.count(*) from {table} where text is null", table=table.identifier)


def count_pending(table: Table) -> Fragment:
    """Count the records, and those that have a vector of the new model."""
    return qualified(
        "select pg_catalog.count(*), pg_catalog.count({vec}) from {table}",
        vec=Identifier(NEXT_VEC),
        table=table.identifier,
    )


def current_transaction() -> Fragment:
    """Return the oldest transaction that still runs: what changes from now on is not older."""
    return qualified("select pg_catalog.pg_snapshot_xmin(pg_catalog.pg_current_snapshot())::pg_catalog.text")


def find_pending(table: Table, model: str, after: str | None, since: str | None, limit: int) -> Fragment:
    """Find records without a vector of the new model for their text, in the order of ids, behind an id."""
    return qualified(
        "select id::pg_catalog.text, text::pg_catalog.text, metadata, document_id::pg_catalog.text, extra, {source} "
        "from {table} as t where {stale}{recent}{behind} order by id limit {limit}::bigint",
        source=_source(model),
        table=table.identifier,
        stale=_stale(model),
        recent=_recent(since),
        behind=EMPTY if after is None else qualified(" and id > {after}::pg_catalog.text", after=after),
        limit=limit,
    )


def read_pending(rows: Sequence[tuple[Any, ...]]) -> list[Pending]:
    """Read the answer of `find_pending`."""
    return [Pending._make(row) for row in rows]


def _recent(since: str | None) -> Fragment:
    """Return the condition that a row was written since a transaction; rows are only looked at, not unpacked."""
    if since is None:
        return EMPTY
    # A transaction's number without its epoch, as rows have it.
    number = str(int(since) % 2**32)
    return qualified(
        " and pg_catalog.age(t.xmin) <= pg_catalog.age({number}::pg_catalog.text::pg_catalog.xid)", number=number
    )


def has_pending(table: Table, model: str, since: str | None) -> Fragment:
    """Ask whether a record has no vector of the new model for its text, also one without a text."""
    return qualified(
        "select exists (select from {table} as t where {stale}{recent})",
        table=table.identifier,
        stale=_stale(model),
        recent=_recent(since),
    )


def store(table: Table, model: str, rows: Sequence[tuple[bytes, bytes, bytes | None, bytes]]) -> Fragment:
    """
    Store new vectors: rows of (id, vector, hash, hash of what it was made from), sorted by the bytes of the id.

    A record whose text is another one by now is left alone.
    """
    ids, vecs, hashes, sources = zip(*rows, strict=True)
    return qualified(
        "with u as materialized (select * from rows from (pg_catalog.unnest({ids}::pg_catalog.text[]), "
        "pg_catalog.unnest({vecs}::{type}[]), pg_catalog.unnest({hashes}::pg_catalog.text[]), "
        "pg_catalog.unnest({sources}::pg_catalog.bytea[])) as u (id, vec, hash, made_of)), "
        "locked as materialized (select id from {table} where id = any(select id from u) "
        'order by id collate pg_catalog."C"{lock}) '
        "update {table} as t set {vec}=u.vec, {hash}=u.hash, {of}=u.made_of from u, locked "
        "where t.id = u.id and t.id = locked.id and u.made_of = {source}",
        ids=array_param(TEXT_OID, ids),
        vecs=array_param(vec_oid(table), vecs),
        type=table.type(),
        hashes=array_param(TEXT_OID, hashes),
        sources=array_param(BYTEA_OID, sources),
        table=table.identifier,
        lock=EMPTY if table.citus else qualified(" for no key update"),
        vec=Identifier(NEXT_VEC),
        hash=Identifier(NEXT_HASH),
        of=Identifier(NEXT_OF),
        source=_source(model),
    )


def next_index_name(name: str) -> str:
    """Return the name of an index on the new vectors, until it takes the name of the one on the old ones."""
    return f"vecs_next_{sha256(name.encode()).hexdigest()[:20]}"


def next_index(table: Table, row: tuple[Any, ...]) -> IndexSpec | None:
    """
    Return the index on the new vectors that is like one on the old ones, a row of `list_indexes`; None if unknown.

    Conditions are as Postgres words them: read and used with an empty search_path.
    """
    condition = row[INDEX_CONDITION]
    # Read as if it had no condition, which says nothing of what it holds.
    plain = (*row[:INDEX_CONDITION], None, *row[INDEX_CONDITION + 1 :])
    [found] = read_indexes([plain], table)
    if found.measure is None or found.precision is None or found.method not in METHODS:
        return None
    return IndexSpec(
        replace(table, vec_column=NEXT_VEC),
        MEASURES[found.measure],
        found.precision,
        IndexMethod(found.method),
        {name: int(value) for name, value in found.options.items()},
        EMPTY if condition is None else Fragment((condition,)),
    )


def create_next_index(spec: IndexSpec, name: str) -> Fragment:
    """Create an index on the new vectors."""
    return create_vector_index(spec, next_index_name(name), concurrently=True)


def lock_table(table: Table) -> Fragment:
    """Lock a collection for all readers and writers until the transaction ends."""
    return qualified("lock table {table} in access exclusive mode", table=table.identifier)


def switch(table: Table, indexes: Sequence[str]) -> list[Fragment]:
    """Put the new vectors in the place of the old ones, and their indexes in the place of those with these names."""
    dropped = ["vec", NEXT_OF, *([HASH_COLUMN] if table.has_hash else [])]
    changes = [
        *(qualified("drop column {name}", name=Identifier(name)) for name in dropped),
        qualified("alter column {name} set not null", name=Identifier(NEXT_VEC)),
    ]
    renamed = [(NEXT_VEC, "vec"), (NEXT_HASH, HASH_COLUMN)]
    return [
        qualified("alter table {table} {changes}", table=table.identifier, changes=join(", ", changes)),
        *(
            qualified(
                "alter table {table} rename column {old} to {new}",
                table=table.identifier,
                old=Identifier(old),
                new=Identifier(new),
            )
            for old, new in renamed
        ),
        *(
            qualified(
                "alter index {old} rename to {new}",
                old=Identifier(table.schema, next_index_name(name)),
                new=Identifier(name),
            )
            for name in indexes
        ),
    ]
