"""PGVectorStore's arguments in vecs' words."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from psycopg.conninfo import make_conninfo

from llama_index.vector_stores.vecs._core import Settings
from vecs import IndexArgsHNSW
from vecs.exc import ArgError
from vecs.sharing import brief, seen, unseen

_MEASURES = {"l2": "l2_distance", "cosine": "cosine_distance", "ip": "max_inner_product", "l1": "l1_distance"}
_NUMBERS = ("int", "integer", "numeric", "float", "double precision")
_STRINGS = ("text", "date", "timestamp", "uuid")
# Arguments for what every collection has anyway, or that mean nothing here.
_NEEDLESS = ("hybrid_search", "use_jsonb", "cache_ok", "async_connection_string", "initialization_fail_on_error")
_OF_SQLALCHEMY = ("create_engine_kwargs", "debug", "engine", "async_engine")


def target_of(connection_string: Any, **parts: Any) -> str | None:
    """Return where to connect, unseen: by a string or an SQLAlchemy URL, or by parts, which need no quoting."""
    given = [name for name, value in parts.items() if value is not None]
    if connection_string is None:
        return unseen(make_conninfo("", **{name: str(seen(parts[name])) for name in given})) if given else None
    if given:
        raise ArgError(f"connection_string and {', '.join(given)} both name the server; give one of them")
    string = seen(connection_string)
    # The str() of an SQLAlchemy URL hides the password.
    return unseen(string.render_as_string(hide_password=False) if hasattr(string, "render_as_string") else string)


def settings_of_pgvector(given: Mapping[str, Any]) -> tuple[dict[str, Any], Callable[[Settings], Settings]]:
    """Return the constructor's arguments for PGVectorStore's, and what is to be changed in the settings besides."""
    rest = {name: value for name, value in given.items() if name not in _NEEDLESS}
    if rest.pop("customize_query_fn", None) is not None:
        raise ArgError(
            "customize_query_fn changes SQLAlchemy's statements; give queries vecs_filters=, or use .collection"
        )
    ignored = [name for name in _OF_SQLALCHEMY if rest.pop(name, None)]
    if ignored:
        warnings.warn(
            f"{', '.join(ignored)} is for SQLAlchemy and ignored; pool_size= and others of create_client are for vecs",
            UserWarning,
            stacklevel=3,
        )
    for theirs, ours in (("embed_dim", "dimension"), ("text_search_config", "language")):
        if rest.get(theirs) is not None:
            rest[ours] = rest[theirs]
        rest.pop(theirs, None)
    if rest.pop("use_halfvec", False):
        rest["precision"] = "half"
    index = dict(rest.pop("hnsw_kwargs", None) or {})
    if index.get("hnsw_dist_method"):
        rest["measure"] = _measure(index["hnsw_dist_method"])
    keys = tuple(_keys(rest.pop("indexed_metadata_keys", None) or ()))
    arguments = IndexArgsHNSW(index.get("hnsw_m", 16), index.get("hnsw_ef_construction", 64)) if index else None
    ef_search = index.get("hnsw_ef_search")

    def changed(settings: Settings) -> Settings:
        made = None if arguments is None else {"measure": settings.defaults.measure, "method": arguments}
        defaults = replace(settings.defaults, ef_search=ef_search)
        return replace(settings, index=made, metadata_indexes=keys, defaults=defaults)

    return rest, changed


def _measure(opclass: str) -> str:
    measure = _MEASURES.get(opclass.partition("_")[2].removesuffix("_ops"))
    if measure is None:
        raise ArgError(f"unknown hnsw_dist_method {brief(opclass)}; give for example 'vector_cosine_ops'")
    return measure


def _keys(given: Iterable[tuple[str, str]]) -> Iterable[tuple[str, str]]:
    for key, type in sorted(given):
        if type in _NUMBERS:
            yield key, "number"
        elif type in _STRINGS:
            yield key, "string"
        elif not type.endswith("[]") and type != "boolean":
            raise ArgError(f"unknown type {brief(type)} in indexed_metadata_keys for {brief(key)}")
        # Lists and booleans are answered by the index on all metadata, which index() makes.
