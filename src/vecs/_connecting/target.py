"""Where a client connects: a server named by a URI or libpq string, or an embedded server in a folder."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote

from vecs._connecting.secrets import seen, unseen, with_secrets
from vecs._connecting.separators import masked
from vecs._connecting.slips import is_path, slip_in, slip_in_path
from vecs._connecting.strings import read_pairs, read_url
from vecs._connecting.values import known_names
from vecs.exc import ArgError

URL_VARIABLE = "VECS_URL"
_SCHEME = re.compile(r"postgres(?:ql)?(?:\+\w+)?://", re.IGNORECASE)
_KEYWORD = re.compile(r"\s*(\w+)\s*=")
# One pair of these around a string is from a settings file, or from a text.
_QUOTES = ('""', "''", "``", "“”", "„“", "‘’", "«»")
_INVISIBLE = " \t\r\n\v\f\u00a0\ufeff\u200b"


@dataclass(frozen=True)
class ServerTarget:
    """
    A server; `parameters` are libpq's, of which secrets are not shown.

    `pooler` is what the connection string says of a transaction pooler in between, None where it says nothing.
    """

    parameters: Mapping[str, Any] = field(repr=False)
    pooler: bool | None = None

    def __str__(self) -> str:
        shown = {key: str(self.parameters.get(key) or "") for key in ("user", "host", "hostaddr", "port", "dbname")}
        user = quote(masked(shown["user"])) + (":***" if self.parameters.get("password") else "")
        service = self.parameters.get("service")
        where = _places(masked(shown["host"] or shown["hostaddr"]), masked(shown["port"]))
        # What is checked has no secret there, but its parameters may come from elsewhere.
        return (
            f"postgresql://{user + '@' if shown['user'] else ''}{where}/{masked(shown['dbname'])}"
            f"{f'?service={masked(service)}' if service else ''}"
        )


@dataclass(frozen=True)
class FolderTarget:
    """An embedded server in a folder; None is the user's data folder."""

    folder: Path | None

    def __str__(self) -> str:
        return str(self.folder) if self.folder else "the embedded server in the user's data folder"


def resolve_target(target: Any, name: str = "the target") -> ServerTarget | FolderTarget:
    """
    Tell a server from a folder, and refuse what is not clearly one of them.

    `postgresql://` and `postgres://` (also with a SQLAlchemy driver: `postgresql+psycopg2://`) and libpq's
    `key=value` strings are servers. A folder is a path object, a single name, or begins with /, ./, ../ or ~; other
    relative paths are, too, where they do not look like a host. Blanks and one pair of quotation marks around a string
    are passed over. None is $VECS_URL if set, else the user's folder. What is a target already is returned as it is.

    `name` is what errors call it. Raises ArgError, which shows nothing of the string.
    """
    target = unseen(target)
    try:
        return _resolved(seen(target))
    except ArgError as error:
        refused = str(error).replace("the target", name, 1)
    # A new one, without the frames below, whose variables are parts of the string.
    raise ArgError(refused)


def _resolved(target: Any) -> ServerTarget | FolderTarget:
    if isinstance(target, ServerTarget | FolderTarget):
        return target
    if target is None:
        return _of_environment()
    if isinstance(target, os.PathLike):
        path = os.fspath(cast("os.PathLike[Any]", target))
        return _folder(path, slip_in_path(path)) if isinstance(path, str) else _refused(path)
    if not isinstance(target, str):
        return _refused(target)
    text = _bare(target)
    if not text:
        raise ArgError("the target is an empty string; give a connection string, a folder, or None")
    return _server(text) or _folder(text, slip_in(text))


def _of_environment() -> ServerTarget | FolderTarget:
    text = os.environ.get(URL_VARIABLE)
    if not text:
        return FolderTarget(None)
    try:
        place = _resolved(text)
    except ArgError as error:
        message = str(error)
    else:
        if isinstance(place, ServerTarget) or is_path(_bare(text)):
            return place
        # A name alone is rather a slip: programs that are started elsewhere would each make a folder of that name.
        message = "write ./ before a relative folder, or give an absolute one"
    raise ArgError(f"${URL_VARIABLE}: {message}")


def _bare(text: str) -> str:
    """Return a string without blanks around it, and without one pair of quotation marks."""
    text = text.strip(_INVISIBLE)
    if len(text) > 1 and text[0] + text[-1] in _QUOTES:
        text = text[1:-1].strip(_INVISIBLE)
    return text


def _server(text: str) -> ServerTarget | None:
    scheme = _SCHEME.match(text)
    if scheme:
        parameters, pooler = read_url(text[scheme.end() :])
        return ServerTarget(with_secrets(parameters), pooler)
    keyword = _KEYWORD.match(text)
    if keyword and (keyword[1].lower() in known_names() or "://" not in text):
        parameters, pooler = read_pairs(text)
        return ServerTarget(with_secrets(parameters), pooler)
    return None


def _folder(path: str, slip: str | None) -> FolderTarget:
    if slip is not None:
        raise ArgError(slip)
    with suppress(RuntimeError):
        # Absolute now: it connects later, and perhaps in another process, when another folder may be the current one.
        return FolderTarget(Path(path).expanduser().absolute())
    raise ArgError("the target begins with ~ and names a user whose home folder is not known")


def _refused(target: object) -> ServerTarget | FolderTarget:
    # Of other types the value is not shown: it may hold a password.
    shown = repr(target) if isinstance(target, int | float) else type(target).__name__
    raise ArgError(
        f"the target must be a connection string, a folder or None, not {shown}; a URL object of another library is "
        "given as a string, with its password"
    )


def _places(hosts: str, ports: str) -> str:
    """Return hosts and ports as a URL has them: in pairs, and IPv6 addresses in brackets."""
    names, numbers = hosts.split(","), ports.split(",")
    pairs = zip(names, numbers * len(names) if len(numbers) == 1 else numbers, strict=False)
    return ",".join(f"{_place(name)}{':' + number if number else ''}" for name, number in pairs)


def _place(host: str) -> str:
    return f"[{host}]" if ":" in host else quote(host, safe="")
