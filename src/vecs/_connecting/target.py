"""Where a client connects: a server named by a URI or libpq string, or an embedded server in a folder."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict

from vecs.exc import ArgError

URL_VARIABLE = "VECS_URL"
_SECRETS = ("password", "sslpassword", "oauth_client_secret")
_SCHEME = re.compile(r"^([A-Za-z][A-Za-z0-9.-]*)(?:\+[A-Za-z0-9_]+)?://")
_LIKE_A_SERVER = re.compile(r"^(postgres(ql)?[:/]|[^/\\]*:[^/\\]*@|[\w.-]+:\d+(/|$))", re.IGNORECASE)
_KEYWORDS = re.compile(r"^\s*[A-Za-z_]+\s*=")


@dataclass(frozen=True)
class ServerTarget:
    """A server; `parameters` are libpq's, the password among them, so they stay out of the repr."""

    parameters: Mapping[str, Any] = field(repr=False)

    def __str__(self) -> str:
        shown = {key: value for key, value in self.parameters.items() if key not in _SECRETS}
        user, host, port = (str(shown.get(key) or "") for key in ("user", "host", "port"))
        hidden = ":***" if self.parameters.get("password") else ""
        where = quote(host, safe=":,[]") + (f":{port}" if port else "")
        return f"postgresql://{quote(user) + hidden + '@' if user else ''}{where}/{shown.get('dbname') or ''}"


@dataclass(frozen=True)
class FolderTarget:
    """An embedded server in a folder; None is the user's data folder."""

    folder: Path | None

    def __str__(self) -> str:
        return str(self.folder) if self.folder else "the embedded server in the user's data folder"


def resolve_target(target: str | os.PathLike[str] | None) -> ServerTarget | FolderTarget:
    """
    Tell a server from a folder.

    `postgresql://` and `postgres://` (also with a SQLAlchemy driver: `postgresql+psycopg2://`) and libpq's
    `key=value` strings are servers, anything else is a path; None is $VECS_URL if set, else the user's folder.
    """
    if target is None:
        target = os.environ.get(URL_VARIABLE) or None
        if target is None:
            return FolderTarget(None)
    if isinstance(target, os.PathLike):
        return FolderTarget(_folder(target))
    if not isinstance(target, str) or not target.strip():
        raise ArgError(
            f"the target must be a connection string, a folder or None, not {target!r}"
            if not isinstance(target, str)
            else "the target is an empty string; give a connection string, a folder, or None"
        )
    scheme = _SCHEME.match(target)
    if scheme:
        if scheme[1].lower() not in ("postgresql", "postgres"):
            raise ArgError(f"the scheme {scheme[1]!r} is not Postgres'; expected postgresql://...")
        return ServerTarget(_parse("postgresql://" + target[scheme.end() :]))
    if _KEYWORDS.match(target):
        return ServerTarget(_parse(target))
    if _LIKE_A_SERVER.match(target):
        # Not taken for a folder: it may hold a password, and a folder's name is shown.
        raise ArgError(
            "the target looks like a connection string with a mistake in it; expected postgresql://user:password@"
            "host:port/database, or a pathlib.Path for a folder of that name"
        )
    if "\x00" in target:
        raise ArgError("the target has a NUL character; expected a connection string or a folder")
    return FolderTarget(_folder(target))


def _folder(path: str | os.PathLike[str]) -> Path:
    # Absolute now: it connects later, and perhaps in another process, when another folder may be the current one.
    return Path(path).expanduser().absolute()


def _parse(conninfo: str) -> dict[str, Any]:
    # libpq's own message quotes the string with its password. Raised after the block, this error has no such context.
    with suppress(ProgrammingError, UnicodeError):
        parameters = conninfo_to_dict(conninfo)
        _check_parts(parameters)
        return parameters
    raise ArgError(
        "the connection string is malformed; expected postgresql://user:password@host:port/database, "
        "with special characters in the password percent-encoded, or libpq's key=value form"
    )


def _check_parts(parameters: Mapping[str, Any]) -> None:
    # An unencoded @ or / in a password moves its rest into the host, the port or the database, which are shown.
    if any("@" in str(parameters.get(key) or "") for key in ("host", "port", "dbname")):
        raise ArgError(
            "the connection string has an @ too many; a password with special characters must be percent-encoded"
        )
    for part in str(parameters.get("port") or "").split(","):
        if part and not (part.isascii() and part.isdigit() and 0 < int(part) < 65536):
            raise ArgError("the port in the connection string is not a number from 1 to 65535")
