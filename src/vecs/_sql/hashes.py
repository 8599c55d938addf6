"""What is stored of records that are about to be written: read as hashes, to see what has changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from vecs._sql.fragment import EMPTY, Fragment, Identifier, qualified
from vecs._sql.tables import HASH_COLUMN, Table


class StoredRow(NamedTuple):
    """A row as `find_rows` selects it: text and vector as their SHA-256, JSON as text."""

    id: str
    document_id: str | None
    hash: str | None
    text: bytes | None
    vec: bytes
    metadata: str
    extra: str | None


def find_rows(table: Table, ids: Sequence[str], documents: Sequence[str]) -> Fragment:
    """Read what is stored of the records with these ids, and of all records of these documents."""
    if not table.has_text:
        columns = qualified("null::pg_catalog.text, null::pg_catalog.text, null::pg_catalog.bytea")
        extra = qualified("null::pg_catalog.text")
    else:
        columns = qualified(
            "document_id::pg_catalog.text, {hash}, "
            "pg_catalog.sha256(pg_catalog.convert_to(text::pg_catalog.text, 'UTF8'))",
            hash=Identifier(HASH_COLUMN) if table.has_hash else qualified("null::pg_catalog.text"),
        )
        extra = qualified("extra::pg_catalog.text")
    of_documents = qualified(" or document_id = any({documents}::pg_catalog.text[])", documents=list(documents))
    return qualified(
        "select id::pg_catalog.text, {columns}, pg_catalog.sha256({send}(vec)), metadata::pg_catalog.text, {extra} "
        "from {table} where id = any({ids}::pg_catalog.text[]){of_documents}",
        columns=columns,
        send=table.type("_send"),
        extra=extra,
        table=table.identifier,
        ids=list(ids),
        of_documents=of_documents if documents else EMPTY,
    )


def read_rows(rows: Sequence[tuple[object, ...]]) -> list[StoredRow]:
    """Read the answer of `find_rows`."""
    return [StoredRow._make(row) for row in rows]


def find_vectors(table: Table, ids: Sequence[str]) -> Fragment:
    """Read the vectors of some records, in binary form behind their ids."""
    return qualified(
        "select id::pg_catalog.text, {send}(vec) from {table} where id = any({ids}::pg_catalog.text[])",
        send=table.type("_send"),
        table=table.identifier,
        ids=list(ids),
    )
