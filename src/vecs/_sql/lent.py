"""Adapters of a lent connection: Postgres' own types, and pgvector's types as pgvector-python reads and writes them."""

from __future__ import annotations

from functools import lru_cache
from importlib import import_module
from typing import Any, cast

from psycopg.adapt import AdaptersMap, Dumper
from psycopg.pq import Format
from psycopg.types import TypeInfo

from vecs._sql.binary import ADAPTERS, encode_sparse, sparse_text
from vecs._sql.extension import Extension
from vecs._sql.fragment import Identifier
from vecs.sparse import SparseVector


@lru_cache(maxsize=8)
def lent_adapters(extension: Extension | None) -> AdaptersMap:
    """
    Return the adapters of a lent connection; if pgvector is not installed, they are the usual ones.

    pgvector-python's `register_vector()` asks the server for each type, and only finds types on the search_path. Here
    the OIDs are known, in whatever schema pgvector is.
    """
    adapters = AdaptersMap(ADAPTERS)
    if extension is None:
        return adapters
    oids = (extension.vector_oid, extension.halfvec_oid, extension.sparsevec_oid)
    if extension.sparsevec_oid:
        for dumper in _SparseText, _SparseBinary:
            ours = type(dumper.__name__, (dumper,), {"oid": extension.sparsevec_oid})
            adapters.register_dumper(SparseVector, cast("type[Dumper]", ours))
    # Registered after ours: for a column's type, COPY takes the last dumper.
    for name, oid, array_oid in zip(("vector", "halfvec", "sparsevec"), oids, extension.array_oids, strict=True):
        if oid:
            _register(adapters, TypeInfo(name, oid, array_oid, regtype=Identifier(extension.schema, name).sql))
    _register(adapters, adapters.types["bit"])
    return adapters


def _register(adapters: AdaptersMap, info: TypeInfo) -> None:
    module: Any = import_module(f"pgvector.psycopg.{info.name}")
    getattr(module, f"register_{info.name}_info")(adapters, info)


class _SparseText(Dumper):
    """Writes the values that searches return, which pgvector-python does not know."""

    def dump(self, obj: SparseVector) -> bytes:
        return sparse_text(obj).encode()


class _SparseBinary(Dumper):
    format = Format.BINARY

    def dump(self, obj: SparseVector) -> bytes:
        return encode_sparse(obj)
