"""What clients and collections say of themselves."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from vecs._sql.indexes import IndexInfo
from vecs.storage import Precision


@dataclass(frozen=True)
class ClientInfo:
    """
    Where a client is connected and to what.

    `target` is without its password. `folder`, `log`, `dsn` and `programs` are the embedded server's, None elsewhere:
    `dsn` is a connection string for other programs, which needs no password, and `programs` the folder that holds
    `psql` and `pg_dump`.
    `pgvector` is None where the extension is not installed yet. `read_only` is True on a replica.
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


@dataclass(frozen=True)
class CollectionInfo:
    """
    What a collection is and how large: exact count, bytes of the table with its indexes.

    `precision` is that of the vectors as they are stored, `sparse` whether only values that are not zero are.
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
