"""Connection strings, taken apart: URLs, and libpq's key=value form."""

from __future__ import annotations

import re
from contextlib import suppress
from urllib.parse import quote, unquote

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict

from vecs._connecting.separators import check_pairs, check_url_parts
from vecs._connecting.values import check_names, check_values, known_names, taken_pooler
from vecs.exc import ArgError

_ONE_HOST = r"(?:\[[0-9A-Fa-f:.]+(?:%[\w.%-]+)?\]|[^\s/?#@:,\[\]<>{}$\"'\\|^`;=()]*)(?::[0-9]*)?"
_PLACE = re.compile(
    rf"(?P<hosts>{_ONE_HOST}(?:,{_ONE_HOST})*)(?P<name>/[^?\x00-\x1f]*)?(?:\?(?P<query>.*))?", re.DOTALL
)
_QUERY = re.compile(r"[^=&@]+=[^&]*(?:&[^=&@]+=[^&]*)*&?")
_USER = re.compile(r"(?P<user>[^:/?#\x00-\x1f]*)(?::(?P<password>[^\x00-\x1f]*))?")
_PAIR = re.compile(
    r"\s*(?P<key>\w+)\s*=\s*(?P<value>'(?:[^'\\]|\\.)*'|(?:[^\s'\\]|\\.)(?:[^\s\\]|\\.)*|)(?=\s|$)", re.DOTALL
)
_NOT_FILLED_IN = re.compile(r"\$\{|\$\(|\{\{|<[\w. -]+>|%[A-Z_]{2,}%|\$[A-Z_]{2,}")

_MALFORMED = (
    "the connection string is malformed; expected postgresql://user:password@host:port/database, with special "
    "characters in the password percent-encoded and an IPv6 address in brackets, or libpq's key=value form"
)
_SEVERAL_WAYS = (
    "the connection string can be read in more than one way; in the user and the password write @ as %40, / as %2F, "
    ": as %3A, ? as %3F, # as %23 and % as %25"
)

# What is before the last @ of a reading, None where there is none, and what is behind it.
_Reading = tuple[str | None, re.Match[str]]


def read_url(rest: str) -> tuple[dict[str, str], bool | None]:
    """
    Return libpq's parameters of a URL without its scheme, and whether it says that a pooler is in between.

    User and password may have characters that should have been encoded, as far as there is one way to read them.
    """
    # Outside of the block, an error has no context that quotes the string.
    with suppress(UnicodeError):
        before, place = _only_reading(rest)
        check_url_parts(_written(before, place))
        query = dict(_decoded(pair) for pair in (place["query"] or "").split("&") if pair)
        pooler = taken_pooler(query)
        if query.get("ssl") == "true":
            # JDBC's, which libpq knows.
            del query["ssl"]
            query["sslmode"] = "require"
        check_names(query)
        name = quote(unquote(place["name"] or "", errors="strict"), safe="/")
        parameters = _parsed(f"postgresql://{_encoded(before)}{_encoded_hosts(place['hosts'])}{name}")
        parameters.update(query)
        check_values(parameters)
        return parameters, pooler
    raise ArgError(_MALFORMED)


def read_pairs(text: str) -> tuple[dict[str, str], bool | None]:
    """Return libpq's parameters of its key=value form, and whether it says that a pooler is in between."""
    first = text.partition("=")[0].strip()
    if ";" in text and first not in known_names():
        raise ArgError("the connection string is one for .NET; write host=h port=5432 dbname=d user=u password=p")
    pairs = _pairs(text)
    pooler = taken_pooler({key: value.strip("'") for key, value in pairs if key == "pgbouncer"})
    kept = [(key, value) for key, value in pairs if key != "pgbouncer"]
    check_names(key for key, _ in kept)
    check_pairs(kept)
    parameters = _parsed(" ".join(f"{key}={value}" if value else f"{key}=''" for key, value in kept))
    check_values(parameters)
    return parameters, pooler


def _only_reading(rest: str) -> _Reading:
    readings = iter([reading for end in _ends_of_user(rest) if (reading := _reading(rest, end))])
    reading, other = next(readings, None), next(readings, None)
    if reading is not None and (other is None or _is_plain(reading)):
        return reading
    if other is not None:
        raise ArgError(_SEVERAL_WAYS)
    if _NOT_FILLED_IN.search(rest):
        raise ArgError("the connection string has a placeholder in it that was not filled in")
    if re.search(r"(?:^|@)[^\s/?#@:,\[\]]*:[^/?#@:,\[\]]*[^/?#@:,\[\]\d][^/?#@:,\[\]]*(?:[/?]|$)", rest):
        # It is not shown: it may be a password.
        raise ArgError(
            "the connection string is malformed: its port is not a number; expected "
            "postgresql://user:password@host:port/database"
        )
    raise ArgError(_MALFORMED)


def _ends_of_user(rest: str) -> list[int]:
    """Return where user and password may end: nowhere, and at every @."""
    return [-1, *(sign.start() for sign in re.finditer("@", rest))]


def _reading(rest: str, end: int) -> _Reading | None:
    before = None if end < 0 else rest[:end]
    place = _PLACE.fullmatch(rest, end + 1)
    if place is None or (place["query"] and not _QUERY.fullmatch(place["query"])):
        return None
    if before is not None and ("://" in before or not _USER.fullmatch(before)):
        return None
    return before, place


def _written(before: str | None, place: re.Match[str]) -> list[tuple[str, str]]:
    """Return the parts of a URL that are shown, and its parameters, by libpq's names and not decoded."""
    user = (before or "").partition(":")[0]
    pairs = [pair.partition("=") for pair in (place["query"] or "").split("&") if pair]
    query = [(name, value) for name, _, value in pairs]
    return [("user", user), ("dbname", (place["name"] or "")[1:]), *query]


def _is_plain(reading: _Reading) -> bool:
    """Whether this is how everybody reads it: further signs @ are in the values of known parameters."""
    _, place = reading
    names = {unquote(pair.partition("=")[0]) for pair in (place["query"] or "").split("&") if pair}
    return bool(names) and names <= {*known_names(), "pgbouncer", "ssl"} and "@" not in (place["name"] or "")


def _encoded(before: str | None) -> str:
    if before is None:
        return ""
    found = _USER.fullmatch(before)
    parts = [] if found is None else [part for part in found.groups() if part is not None]
    # A % that begins no code is itself.
    return ":".join(quote(unquote(part, errors="strict"), safe="") for part in parts) + "@"


def _encoded_hosts(hosts: str) -> str:
    # The zone of an address (fe80::1%eth0) is often not encoded.
    return re.sub(r"%(?![0-9A-Fa-f]{2})", "%25", hosts)


def _decoded(pair: str) -> tuple[str, str]:
    name, _, value = pair.partition("=")
    return unquote(name, errors="strict"), unquote(value, errors="strict")


def _pairs(text: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    end, text = 0, text.rstrip()
    while end < len(text):
        pair = _PAIR.match(text, end)
        if pair is None:
            raise ArgError(_MALFORMED)
        found.append((pair["key"], pair["value"]))
        end = pair.end()
    return found


def _parsed(conninfo: str) -> dict[str, str]:
    # libpq's own message quotes the string with its password. Raised after the block, this error has no such context.
    with suppress(ProgrammingError, UnicodeError):
        return {key: str(value) for key, value in conninfo_to_dict(conninfo).items()}
    raise ArgError(_MALFORMED)
