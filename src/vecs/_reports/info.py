"""What clients and collections say of themselves."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from vecs._reports.html import facts
from vecs._sql.indexes import IndexInfo
from vecs.storage import Precision


@dataclass(frozen=True)
class ClientInfo:
    """
    Facts about a client's connection.

    `target` is the server or folder, without the password. `folder`, `log`, `dsn` and `programs` belong to an embedded
    server, and are None for other servers. `dsn` is a connection string for other programs; it needs no password.
    `programs` is the folder of `psql` and `pg_dump`. `pgvector` is None if the extension is not installed.
    `read_only` is True on a replica.
    """

    target: str
    folder: Path | None
    log: Path | None
    dsn: str | None
    programs: Path | None
    database: str
    user: str
    schema: str
    postgres: str
    pgvector: str | None
    read_only: bool
    pooler: bool
    pool_size: int

    def _repr_html_(self) -> str:
        # `dsn` may be that of a socket, and has no password.
        return facts("Client", vars(self))


@dataclass(frozen=True)
class CollectionInfo:
    """
    Facts about a collection: `records` is an exact count, `size_bytes` is the table with its indexes.

    `precision` is the precision of the stored vectors. `sparse` tells whether they are sparse vectors.
    `outdated_words` is True if an earlier version of vecs indexed the words; `enable_text()` indexes them anew.
    `language` is that of keyword search, None if there are no keywords.
    """

    name: str
    schema: str
    dimension: int | None
    has_text: bool
    transform: str | None
    records: int
    size_bytes: int
    indexes: list[IndexInfo]
    precision: Precision
    sparse: bool
    outdated_words: bool = False
    language: str | None = None

    def _repr_html_(self) -> str:
        indexes = ", ".join(index.name for index in self.indexes) or "none"
        return facts(f"Collection {self.name}", {**vars(self), "indexes": indexes, "name": None})
