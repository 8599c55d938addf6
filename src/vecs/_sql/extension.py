"""pgvector as an extension: found, read and created."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from vecs._sql.fragment import Fragment, Identifier, qualified


@dataclass(frozen=True)
class Extension:
    """pgvector as installed: the schema it lives in, its version, the OIDs of its types, 0 for those it lacks."""

    schema: str
    version: tuple[int, ...]
    vector_oid: int
    halfvec_oid: int = 0
    sparsevec_oid: int = 0
    # Of arrays of these three types.
    array_oids: tuple[int, ...] = (0, 0, 0)

    def type(self, name: str) -> Identifier:
        """Qualify a type or function name: pgvector may live in any schema."""
        return Identifier(self.schema, name)

    @property
    def iterative_scan(self) -> bool:
        """Whether index scans can go on until LIMIT rows are found."""
        return self.version >= (0, 8)


class _ExtensionRow(NamedTuple):
    """What `find_extension` selects; the OID of a type that this version lacks is None."""

    schema: str
    version: str
    vector_oid: int
    halfvec_oid: int | None
    sparsevec_oid: int | None
    array_oids: Sequence[int | None] = (0, 0, 0)


def find_extension() -> Fragment:
    """Find pgvector; no row where it is not installed in this database."""
    return qualified(
        """
        select n.nspname::pg_catalog.text, e.extversion, t.oid::bigint, h.oid::bigint, s.oid::bigint,
            array[t.typarray, h.typarray, s.typarray]::bigint[]
        from pg_catalog.pg_extension e
        join pg_catalog.pg_namespace n on n.oid = e.extnamespace
        join pg_catalog.pg_type t on t.typname = 'vector' and t.typnamespace = n.oid
        left join pg_catalog.pg_type h on h.typname = 'halfvec' and h.typnamespace = n.oid
        left join pg_catalog.pg_type s on s.typname = 'sparsevec' and s.typnamespace = n.oid
        where e.extname = 'vector'
        """
    )


def read_extension(rows: Sequence[tuple[Any, ...]]) -> Extension | None:
    """Read the answer of `find_extension`."""
    if not rows:
        return None
    found = _ExtensionRow(*rows[0])
    # Versions compare by number: 0.10 is newer than 0.9.
    numbers = tuple(int(part) for part in found.version.split("-")[0].split(".") if part.isdigit())
    arrays = tuple(oid or 0 for oid in found.array_oids)
    return Extension(found.schema, numbers, found.vector_oid, found.halfvec_oid or 0, found.sparsevec_oid or 0, arrays)


def find_available_extension() -> Fragment:
    """Find whether pgvector could be created."""
    return qualified("select 1 from pg_catalog.pg_available_extensions where name = 'vector'")


def create_extension() -> Fragment:
    """Create pgvector where it is absent."""
    return qualified("create extension if not exists vector")
