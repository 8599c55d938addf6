"""
Ids of documents and of their records: each id has one meaning.

If a transform splits documents, an id is that of a record or that of a document. Only the same document may overwrite a
row (`GUARD`). Conflicts that overwrite no row, such as a document with the id of another one's record, are searched
at the end of the transaction (`find_ambiguous`).

Two writers do not see each other's rows. So whoever writes, deletes or changes documents takes locks on the ids first
(`lock_ids`): else two versions of a document, written at the same moment, would both leave records.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from zlib import crc32

from vecs._checks.shown import brief
from vecs._sql.fragment import Fragment, Identifier, Literal, qualified
from vecs._sql.tables import Table
from vecs.exc import ArgError

STAGE = Identifier("pg_temp", "vecs_stage")
# A lock is of a bucket of ids. The server has room for some thousands of locks: a write of more ids than this locks all
# ids of the table at once.
_BUCKETS = 2**20
_MOST_LOCKS = 256
_WHOLE_TABLE = -1

# A condition on the new row and the existing row of an upsert. If it were false, Postgres would silently keep the
# existing row. So a cast fails instead. Chunks of vecs 0.4 have no document; their names tell that they are chunks.
GUARD = qualified(
    "case when coalesce(old.document_id, old.id) = coalesce(excluded.document_id, excluded.id) "
    "or (old.document_id is null and old.id operator(pg_catalog.~) '_(head|para)_[0-9]{{3,}}$') then true "
    "else ((((((('vecs: ' || pg_catalog.length(old.id)::pg_catalog.text) || ' ') "
    "|| pg_catalog.length(coalesce(old.document_id, old.id))::pg_catalog.text) || ' ') "
    "|| old.id) || coalesce(old.document_id, old.id)) "
    "|| (coalesce(excluded.document_id, excluded.id) || ' :vecs'))::pg_catalog.bool end"
)
_REFUSED = re.compile(r"vecs: (\d+) (\d+) (.*) :vecs", re.DOTALL)


def overwriting(message: str) -> ArgError | None:
    """Return the ArgError for the server's error of a failed `GUARD`; None for any other error."""
    found = _REFUSED.search(message)
    if found is None:
        return None
    length, owner_length, ids = int(found[1]), int(found[2]), found[3]
    id, owner, other = ids[:length], ids[length : length + owner_length], ids[length + owner_length :]
    return overwritten(id, owner, other)


def overwritten(id: str, owner: str, other: str) -> ArgError:
    """Return the error for a record of one document that another document would overwrite."""
    if id == owner:
        return ArgError(
            f"record {brief(id)} of document {brief(other)} would overwrite document {brief(owner)}. Give one of "
            "them another id, or delete one of them first"
        )
    return ArgError(
        f"document {brief(other)} would overwrite record {brief(id)} of document {brief(owner)}. "
        "Give one of them another id, or delete one of them first"
    )


def ambiguous(rows: Sequence[tuple[str, str]]) -> ArgError | None:
    """Read the answer of `find_ambiguous`: the error for an id with two meanings, or None."""
    for id, owner in rows:
        return ArgError(
            f"{brief(id)} would be a document and a record of document {brief(owner)}. Give one "
            "of them another id, or delete one of them first"
        )
    return None


def find_ambiguous(table: Table, ids: Sequence[str]) -> Fragment:
    """Find an id, one of these, that is a record of one document and the id of another."""
    # Citus takes no condition that compares the id of one row with the document of another.
    return qualified(
        "select a.id::pg_catalog.text, a.document_id::pg_catalog.text from {table} as a "
        "where a.id = any({ids}::pg_catalog.text[]) and a.document_id <> a.id "
        "and a.id = any(select b.document_id from {table} as b where b.document_id = any({ids}::pg_catalog.text[])) "
        "limit 1",
        table=table.identifier,
        ids=list(ids),
    )


def find_ambiguous_of_stage(table: Table) -> Fragment:
    """Find an id that is a record of one document and the id of another, among those of the staged rows."""
    return qualified(
        "select a.id::pg_catalog.text, a.document_id::pg_catalog.text from {table} as a "
        "where a.id = any(select id from {stage} union all select document_id from {stage}) "
        "and a.document_id <> a.id and exists (select from {table} as b where b.document_id = a.id) limit 1",
        table=table.identifier,
        stage=STAGE,
    )


def find_shared_of_stage() -> Fragment:
    """Find an id that the staged rows have for two documents."""
    return qualified(
        "select id, pg_catalog.min(coalesce(document_id, id)), pg_catalog.max(coalesce(document_id, id)) from {stage} "
        "group by id having pg_catalog.min(coalesce(document_id, id)) <> pg_catalog.max(coalesce(document_id, id)) "
        "limit 1",
        stage=STAGE,
    )


def read_shared(rows: Sequence[tuple[str, str, str]]) -> ArgError | None:
    """Read the answer of `find_shared_of_stage`: the error for it, or None."""
    for id, owner, other in rows:
        return overwritten(id, owner, other)
    return None


def lock_ids(table: Table, records: Iterable[str], documents: Iterable[str]) -> Fragment:
    """
    Lock ids until the transaction ends: of documents for this transaction alone, of records against documents.

    The locks are taken before any rows, and by all writers in one order, so that no two writers wait for each other.
    """
    locks: dict[int, bool] = {}
    for ids, exclusive in ((records, False), (documents, True)):
        for id in ids:
            locks[_bucket(id)] = exclusive
            if len(locks) > _MOST_LOCKS:
                return lock_all_ids(table)
    return _lock(table, {_WHOLE_TABLE: False, **dict(sorted(locks.items()))})


def lock_all_ids(table: Table) -> Fragment:
    """Lock whatever ids there may be, against all others that lock ids."""
    return _lock(table, {_WHOLE_TABLE: True})


def _bucket(id: str) -> int:
    return crc32(id.encode()) % _BUCKETS


def _lock(table: Table, locks: Mapping[int, bool]) -> Fragment:
    return qualified(
        "select case when u.exclusive then pg_catalog.pg_advisory_xact_lock({key}, u.bucket) "
        "else pg_catalog.pg_advisory_xact_lock_shared({key}, u.bucket) end "
        "from rows from (pg_catalog.unnest({buckets}::pg_catalog.int4[]), "
        "pg_catalog.unnest({exclusive}::pg_catalog.bool[])) as u (bucket, exclusive)",
        key=Literal(crc32(table.identifier.sql.encode()) - 2**31),
        buckets=list(locks),
        exclusive=list(locks.values()),
    )
