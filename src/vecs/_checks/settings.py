"""Settings of requests: which may be given, and their values as Postgres takes them."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, cast
from uuid import UUID

from vecs._checks.json import check_storable, encode_json
from vecs._checks.meant import near
from vecs.exc import ArgError, DatabaseError

# Of the server's own settings those that limit a statement, or say how it is planned. What a statement means does not
# depend on them, so any statement of vecs may carry them.
SERVER_SETTINGS = (
    "role",
    "statement_timeout",
    "transaction_timeout",
    "lock_timeout",
    "idle_in_transaction_session_timeout",
    "row_security",
    "work_mem",
    "hash_mem_multiplier",
    "maintenance_work_mem",
    "max_parallel_workers_per_gather",
    "max_parallel_maintenance_workers",
    "effective_cache_size",
    "effective_io_concurrency",
    "random_page_cost",
    "seq_page_cost",
    "jit",
    "plan_cache_mode",
)

_HOW_VALUES_ARE_READ = "it changes how values are written and read"
_REFUSED = {
    "search_path": "vecs sends every name with its schema, so the setting would affect your own SQL only",
    "session_authorization": "only a superuser can change it; give 'role' instead, which holds for one statement",
    "default_text_search_config": "a collection has a language of its own: see enable_text()",
    **dict.fromkeys(
        ("transaction_read_only", "default_transaction_read_only", "transaction_isolation"),
        "it must be set before the transaction begins; set it for the role, or in the connection string",
    ),
    **dict.fromkeys(
        (
            "client_encoding",
            "standard_conforming_strings",
            "backslash_quote",
            "escape_string_warning",
            "datestyle",
            "intervalstyle",
            "timezone",
            "bytea_output",
            "extra_float_digits",
            "xmlbinary",
            "xmloption",
        ),
        _HOW_VALUES_ARE_READ,
    ),
}

_CUSTOM = re.compile(r"[a-z_][\w$]*(\.[a-z_][\w$]*)+", re.ASCII)
# Postgres has no limit; a longer name is a value in the wrong place.
_LONGEST_NAME = 200

# Extensions' own, which tune searches by their indexes.
_TUNING = ("hnsw.", "ivfflat.", "diskann.")

NONE_GIVEN: Mapping[str, str] = MappingProxyType({})


def checked_settings(given: object) -> Mapping[str, str]:
    """
    Return settings of requests as names in lower case and texts; None and an empty mapping are none.

    Raises ArgError for a name that must not be set, and for a value that Postgres cannot hold. Values are not shown:
    claims may hold tokens.
    """
    if given is None:
        return NONE_GIVEN
    if not isinstance(given, Mapping):
        raise ArgError(f'settings must be a mapping, such as {{"app.tenant": "a"}}, not {type(given).__name__}')
    settings: dict[str, str] = {}
    for key, value in cast("Mapping[Any, Any]", given).items():
        name = _checked_name(key)
        if name in settings:
            raise ArgError(f"the setting {name!r} is given twice: Postgres ignores the case of its name")
        settings[name] = _text(name, value)
    return settings


def merged_settings(first: Mapping[str, str], second: object) -> Mapping[str, str]:
    """Return settings with others that take their place where both name one; the others are checked."""
    return {**first, **checked_settings(second)}


def of_tenants(settings: Mapping[str, str]) -> list[str]:
    """
    Return the names of settings that say whose a request is: `role`, and those of one's own.

    Limits and what tunes searches are none of them.
    """
    return sorted(name for name in settings if name == "role" or ("." in name and not name.startswith(_TUNING)))


def check_may_alter(settings: Mapping[str, str], what: str) -> None:
    """
    Refuse to make, alter or delete a table in requests of a tenant: no policy guards that.

    A table that is made for a tenant would be without policies, too.
    """
    names = of_tenants(settings)
    if names:
        raise DatabaseError(
            f"{what} affects all tenants, and row-level security does not prevent that: use the client without "
            f"settings (this one has {', '.join(names)})"
        )


def _checked_name(key: Any) -> str:
    if not isinstance(key, str):
        raise ArgError(f"the name of a setting is a string, not {type(key).__name__}")
    name = key.lower()
    if name in SERVER_SETTINGS:
        return name
    if name in _REFUSED:
        raise ArgError(f"the setting {name!r} cannot be given per request: {_REFUSED[name]}")
    if len(name) > _LONGEST_NAME or not _CUSTOM.fullmatch(name):
        meant = near(name, SERVER_SETTINGS)
        hint = f"did you mean {meant!r}? " if meant else ""
        raise ArgError(
            f"{key[:_LONGEST_NAME]!r} cannot be set per request; {hint}expected a name with a dot, such as "
            f"'app.tenant', or one of {', '.join(SERVER_SETTINGS)}"
        )
    return name


def _text(name: str, value: Any) -> str:
    """Return a value as text; a mapping or list as JSON, for a custom setting."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) or (isinstance(value, float) and math.isfinite(value)):
        return str(value)
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, str):
        check_storable(value, f"the setting {name!r}")
        # A str of its own: an enum's member would be sent as something else.
        return str.__str__(value)
    if isinstance(value, Mapping | list | tuple) and "." in name:
        try:
            return encode_json(value)
        except ArgError as error:
            raise ArgError(f"the setting {name!r} has no JSON form: {error}") from None
    wanted = "a string, a number, a bool, a UUID"
    wanted += ", or a mapping or list, which becomes JSON" if "." in name else ""
    raise ArgError(f"the setting {name!r} must be {wanted}, not {_described(value)}")


def _described(value: Any) -> str:
    return repr(value) if isinstance(value, float) or value is None else type(value).__name__
