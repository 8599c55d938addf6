"""The first look at a server: who answers, which pgvector it has, and what must be set there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from vecs._sql.extension import Extension, find_extension, read_extension
from vecs._sql.fragment import Fragment, join, qualified
from vecs._sql.settings import Settings

# What our statements and the reading of their answers rest on, where a role or a database may say otherwise.
_NEEDED: Settings = {
    # A pooler may not have handed on what the connection asked for.
    "client_encoding": "UTF8",
    "standard_conforming_strings": "on",
    # Otherwise null in an array is the text 'NULL'.
    "array_nulls": "on",
    "transform_null_equals": "off",
    # Definitions of indexes are read without quotes.
    "quote_all_identifiers": "off",
    # Otherwise a GIN index finds some of the records that match.
    "gin_fuzzy_search_limit": "0",
}


_SETTING = "pg_catalog.current_setting({name}::pg_catalog.text)"


@dataclass(frozen=True)
class Look:
    """What was seen: `pid` is of the session that answered, `needed` what it was set to otherwise."""

    pid: int
    extension: Extension | None
    needed: Settings


def look_at_server() -> Fragment:
    """Read all of it in one row."""
    return qualified(
        """
        select pg_catalog.pg_backend_pid(), {settings}, e.*
        from (values (1)) as always (one) left join ({extension}) as e on true
        """,
        settings=join(", ", (qualified(_SETTING, name=name) for name in _NEEDED)),
        extension=find_extension(),
    )


def read_look(rows: Sequence[tuple[Any, ...]]) -> Look:
    """Read the answer of `look_at_server`."""
    pid, *rest = rows[0]
    extension = rest[len(_NEEDED) :]
    found = zip(_NEEDED.items(), rest, strict=False)
    return Look(
        pid=pid,
        extension=read_extension([tuple(extension)] if extension[0] is not None else []),
        needed={name: wanted for (name, wanted), value in found if value != wanted},
    )
