"""
The ids of documents and of their records: none is taken by another document's.

Where a transform splits documents, an id names a record or a document. Rows are only overwritten by their own document
(`GUARD`). What overwrites nothing, such as a document with the id of another one's record, is looked for at the end of
the transaction (`find_ambiguous`), under locks on the ids (`lock_ids`), since two writers do not see each other.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from zlib import crc32

from vecs._checks.shown import brief
from vecs._sql.fragment import Fragment, Identifier, Literal, qualified
from vecs._sql.tables import Table
from vecs.exc import ArgError

_STAGE = Identifier("pg_temp", "vecs_stage")
# The ids of a large write are too many for a lock each. Those of one bucket wait for each other, for as long as the
# last look and the commit take.
_BUCKETS = 256

# Of an upsert's row and the row that is there: false would leave that as it is without a word, so what must not be
# overwritten fails, by a cast. Chunks that vecs 0.4 made have no document and are known by their names.
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
    """Return what the server's error for a failed `GUARD` means; None for any other error."""
    found = _REFUSED.search(message)
    if found is None:
        return None
    length, owner_length, ids = int(found[1]), int(found[2]), found[3]
    id, owner, other = ids[:length], ids[length : length + owner_length], ids[length + owner_length :]
    return overwritten(id, owner, other)


def overwritten(id: str, owner: str, other: str) -> ArgError:
    """Return the error for a record that belongs to one document, and that another one would overwrite."""
    if id == owner:
        return ArgError(
            f"record {brief(id)} of document {brief(other)} would overwrite document {brief(owner)}. Nothing was "
            "written; give one of them another id, or delete the other before"
        )
    return ArgError(
        f"document {brief(other)} would overwrite record {brief(id)} of document {brief(owner)}. Nothing was written; "
        "give one of them another id, or delete the other before"
    )


def ambiguous(rows: Sequence[tuple[str, str]]) -> ArgError | None:
    """Read the answer of `find_ambiguous`: the error for an id of two meanings, or None where there is none."""
    for id, owner in rows:
        return ArgError(
            f"{brief(id)} would be a document and a record of document {brief(owner)}. Nothing was written; give one "
            "of them another id, or delete the other before"
        )
    return None


def find_ambiguous(table: Table, ids: Sequence[str]) -> Fragment:
    """Find an id, one of these, that is a record of one document and the id of another."""
    return _ambiguous(table, qualified("a.id = any({ids}::pg_catalog.text[])", ids=list(ids)))


def find_ambiguous_of_stage(table: Table) -> Fragment:
    """Find an id that is a record of one document and the id of another, among those of the staged rows."""
    ids = qualified(
        "a.id = any(select id from {stage} union all select document_id from {stage})",
        stage=_STAGE,
    )
    return _ambiguous(table, ids)


def _ambiguous(table: Table, of_ids: Fragment) -> Fragment:
    return qualified(
        "select a.id::pg_catalog.text, a.document_id::pg_catalog.text from {table} as a "
        "where {of_ids} and a.document_id <> a.id "
        "and exists (select from {table} as b where b.document_id = a.id) limit 1",
        table=table.identifier,
        of_ids=of_ids,
    )


def find_shared_of_stage() -> Fragment:
    """Find an id that the stage has of two documents: as `read_shared` reads it."""
    return qualified(
        "select id, pg_catalog.min(coalesce(document_id, id)), pg_catalog.max(coalesce(document_id, id)) from {stage} "
        "group by id having pg_catalog.min(coalesce(document_id, id)) <> pg_catalog.max(coalesce(document_id, id)) "
        "limit 1",
        stage=_STAGE,
    )


def read_shared(rows: Sequence[tuple[str, str, str]]) -> ArgError | None:
    """Read the answer of `find_shared_of_stage`: the error for it, or None."""
    for id, owner, other in rows:
        return overwritten(id, owner, other)
    return None


def buckets(records: Iterable[str], documents: Iterable[str]) -> dict[int, bool]:
    """
    Return the locks for ids, in the order they are taken: of documents exclusive (True), of records shared.

    So writers of other ids do not wait, and of a document and a record with one id the second waits for the first.
    """
    found = {_bucket(id): False for id in records}
    found.update((_bucket(id), True) for id in documents)
    return dict(sorted(found.items()))


def all_buckets() -> dict[int, bool]:
    """Return the locks for any ids."""
    return dict.fromkeys(range(_BUCKETS), True)


def _bucket(id: str) -> int:
    return crc32(id.encode()) % _BUCKETS


def lock_ids(table: Table, of: Mapping[int, bool]) -> Fragment:
    """
    Take locks on ids until the transaction ends.

    After the rows, and all in one order: who waits for one waits for nobody who needs a row of his.
    """
    return qualified(
        "select case when u.exclusive then pg_catalog.pg_advisory_xact_lock({key}, u.bucket) "
        "else pg_catalog.pg_advisory_xact_lock_shared({key}, u.bucket) end "
        "from rows from (pg_catalog.unnest({buckets}::pg_catalog.int4[]), "
        "pg_catalog.unnest({exclusive}::pg_catalog.bool[])) as u (bucket, exclusive)",
        key=Literal(crc32(table.identifier.sql.encode()) - 2**31),
        buckets=list(of),
        exclusive=list(of.values()),
    )
