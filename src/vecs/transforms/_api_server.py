"""Servers of embedding APIs: their addresses, their keys, and which of them a description may name."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from vecs._checks.shown import brief
from vecs.exc import ArgError, TransformError

OPENAI = "https://api.openai.com/v1"
OPENAI_KEY = "OPENAI_API_KEY"
# The environment variable with more servers that descriptions may name: "https://host/v1=NAME_OF_KEY http://other/v1".
ALLOWED = "VECS_API_SERVERS"

# So strict that no two libraries can understand an address differently.
_URL = re.compile(
    r"(?P<scheme>https?)://(?P<host>[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<path>(?:/[a-z0-9._~%+:-]*)*)(?P<query>\?api-version=[a-z0-9.-]+)?",
    re.IGNORECASE | re.ASCII,
)
_LOCAL = ("localhost", "127.0.0.1", "[::1]")
_AZURE = (".openai.azure.com", ".cognitiveservices.azure.com", ".services.ai.azure.com")
_DEFAULT_PORTS = {"http": 80, "https": 443}
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_KEY = re.compile(r"[!-~]+")
_NO_KEY = "has a character that is in no key, perhaps a space or a line break at its end; it is not shown here"
# As many of a key's characters, one after another, are not shown.
_PART = 8
# Arguments of embedders that are no key and have no password in them.
_SHOWN = (
    "model",
    "dimension",
    "truncate_dim",
    "normalize",
    "batch_size",
    "retries",
    "timeout",
    "query_prompt",
    "document_prompt",
)

# The servers, and the variables of their keys, that code of this process has given.
_given: set[tuple[str, str | None]] = set()


@dataclass(frozen=True)
class Hidden:
    """A value that is not shown where a traceback shows variables."""

    value: Any = field(repr=False)


def hidden(value: Any) -> Hidden:
    """Hide a value, if it is not hidden yet."""
    return value if isinstance(value, Hidden) else Hidden(value)


def hide_keys(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Hide the arguments of an embedder that may be a key, also those too many and those with wrong names."""
    return (
        (*args[:1], *map(_unless_model, args[1:2]), *map(Hidden, args[2:])),
        {
            name: _unless_model(value) if name in _SHOWN or value is None else Hidden(value)
            for name, value in kwargs.items()
        },
    )


def _unless_model(value: Any) -> Any:
    return Hidden(value) if is_key(value) else value


def is_key(value: Any) -> bool:
    """Whether a value looks like a key: OpenAI's, and those of many others, begin so."""
    return isinstance(value, str) and value.startswith("sk-")


@dataclass(frozen=True)
class Server:
    """An address without a slash at its end, and where its key comes from."""

    url: str
    key_env: str | None = None
    # Whether it may do without a key: nobody named the variable.
    keyless: bool = True
    # Returns a key that was given itself; a function shows nothing of it.
    read: Callable[[], str] | None = field(default=None, repr=False)
    # Whether its address was not given.
    is_default: bool = False
    # The key of one request, or None in it.
    sent: Hidden | None = field(default=None, repr=False)

    @property
    def endpoint(self) -> str:
        """Where texts are sent."""
        address, mark, query = self.url.partition("?")
        return f"{address}/embeddings{mark}{query}"

    @property
    def is_openai(self) -> bool:
        """Whether it is OpenAI itself or Azure, with its limits."""
        return _host(self.url) == _host(OPENAI) or _host(self.url).endswith(_AZURE)

    def for_request(self) -> Server:
        """Read the key, for a request and its answer: it may be replaced meanwhile. Raises as `headers()`."""
        return replace(self, sent=Hidden(self._key()))

    def headers(self) -> Hidden:
        """Return the headers with the key, if there is one; raises TransformError if it is missing or malformed."""
        key = self._key()
        if key is None:
            return Hidden({})
        return Hidden({"api-key": key} if _host(self.url).endswith(_AZURE) else {"Authorization": f"Bearer {key}"})

    def has_key(self) -> bool:
        """Whether a key is sent."""
        return self._key() is not None

    def without_key(self, words: str) -> str:
        """Return a server's words without the key, which it may repeat, without parts of it, and as printable text."""
        words = "".join(letter if letter.isprintable() else " " for letter in words)
        key = self._key() or ""
        size = min(_PART, len(key))
        parts = {key[at : at + size] for at in range(len(key) - size + 1)} if size else set[str]()
        # Where one part follows another, both are one.
        shown, end = list[str](), 0
        for at in range(len(words)):
            if words[at : at + size] in parts:
                shown += [] if at < end else ["***"]
                end = at + size
            elif at >= end:
                shown.append(words[at])
        return "".join(shown)

    def _key(self) -> str | None:
        if self.sent is not None:
            return self.sent.value
        # Read anew for each request: keys are replaced.
        if self.read is not None:
            return self.read()
        key = os.environ.get(self.key_env or "") or None
        if key is None and self.keyless and self.url != OPENAI:
            return None
        if key is None:
            raise TransformError(
                f"{self.url} needs a key, and the environment variable {self.key_env} is not set: set it, or give the "
                "name of another one as vecs.APIEmbedding(..., api_key_env=)"
            )
        if not _KEY.fullmatch(key):
            key = None
            raise TransformError(f"the key in the environment variable {self.key_env} {_NO_KEY}")
        return key


def server_given(base_url: Hidden, key_env: Hidden, api_key: Hidden) -> Server:
    """Return the server that a caller gives, and remember it; raises ArgError, which shows no key and no password."""
    if key_env.value is not None and api_key.value is not None:
        raise ArgError("give api_key_env= or api_key=, not both")
    if not _is_variable(key_env):
        # A key in its place is a likely slip.
        raise ArgError("api_key_env must be the name of an environment variable that holds the key, not the key itself")
    is_default = base_url.value is None
    url = _default() if is_default else checked_url(base_url)
    if api_key.value is not None:
        return _remembered(Server(url, read=_reader(api_key), is_default=is_default))
    implied = OPENAI_KEY if url in (OPENAI, _default()) else None
    keyless = key_env.value is None
    return _remembered(Server(url, implied if keyless else key_env.value, keyless, is_default=is_default))


def _remembered(server: Server) -> Server:
    _given.add((server.url, server.key_env))
    return server


def server_described(base_url: Any, key_env: Any) -> Server:
    """
    Return the server that a description names, which anybody may have written; raises ArgError for a foreign one.

    Texts go only to the default, to this machine, and to servers that this process' own code or environment has named.
    A key is read only from a variable that these have named for the same server, and $OPENAI_API_KEY for the default:
    no variable is read because a description names it.
    """
    default = _default()
    url = default if base_url is None else checked_url(hidden(base_url), "the server in the comment of its table")
    known = {name for server, name in _known() if server == url}
    implied = OPENAI_KEY if url == default else None
    wanted = key_env if isinstance(key_env, str) else implied
    names = {name for name in known if name is not None}
    if wanted in known:
        chosen = wanted
    elif names:
        # Always the same one of several.
        chosen = max(names)
    elif known or url == default or _host(url) in _LOCAL:
        chosen = implied
    else:
        raise ArgError(
            f"the comment of its table names the server {brief(url)}, to which texts would be sent, and which your "
            f"code has not named. If you trust it: pass transform=vecs.APIEmbedding(..., base_url={brief(url)}), or "
            f"put the address into the environment variable {ALLOWED}"
        )
    # A variable that code or environment has named for the server has to be set.
    keyless = chosen is None or (chosen == implied and chosen != key_env)
    return Server(url, chosen, keyless=keyless, is_default=base_url is None)


def checked_url(base_url: Hidden, what: str = "base_url") -> str:
    """Return an address in one form; raises ArgError, which does not show it, since there may be a password in it."""
    found = _parsed(base_url)
    if found is None and "@" in str(base_url.value):
        raise ArgError(f"{what} has a user name or a password in it, which is not shown; give a key by api_key_env=")
    if found is None or int(found["port"] or 1) > 65535:
        raise ArgError(
            f"{what} must be the address of a server without a query and without spaces, such as "
            f"'http://localhost:11434/v1' or {OPENAI!r}"
        )
    scheme, host = found["scheme"].lower(), found["host"].lower()
    number = int(found["port"] or _DEFAULT_PORTS[scheme])
    port = "" if number == _DEFAULT_PORTS[scheme] else f":{number}"
    path = found["path"].rstrip("/").removesuffix("/embeddings").rstrip("/")
    return f"{scheme}://{host}{port}{path}{found['query'] or ''}"


def forgotten_key(server: Server) -> Server:
    """Return the server without a key that was given as `api_key=`, for a pickle."""
    return Server(server.url, read=_forgotten, is_default=server.is_default)


def _forgotten() -> str:
    raise TransformError("its key was given as api_key=, which is not pickled: give api_key_env= instead")


def _parsed(base_url: Hidden) -> re.Match[str] | None:
    return _URL.fullmatch(base_url.value.strip()) if isinstance(base_url.value, str) else None


def _host(url: str) -> str:
    found = _URL.fullmatch(url)
    return found["host"] if found else ""


def _default() -> str:
    """Return the server for those who name none: OpenAI's clients read the same variable."""
    named = os.environ.get("OPENAI_BASE_URL")
    return checked_url(Hidden(named), "the environment variable OPENAI_BASE_URL") if named else OPENAI


def _known() -> set[tuple[str, str | None]]:
    """Return the servers, each with the variable of its key, that code or the environment has given."""
    known = set(_given)
    for entry in re.split(r"[\s,]+", os.environ.get(ALLOWED, "")):
        url, _, variable = entry.rpartition("=")
        # What follows the last = may be a part of the address: ?api-version=preview.
        if _URL.fullmatch(entry) or not _VARIABLE.fullmatch(variable):
            url, variable = entry, ""
        if url:
            known.add((checked_url(Hidden(url), f"an address in the environment variable {ALLOWED}"), variable or None))
    return known


def _is_variable(name: Hidden) -> bool:
    return name.value is None or (isinstance(name.value, str) and bool(_VARIABLE.fullmatch(name.value)))


def _reader(api_key: Hidden) -> Callable[[], str]:
    if not isinstance(api_key.value, str) or not api_key.value:
        empty = "is empty" if api_key.value == "" else f"must be a string, not {type(api_key.value).__name__}"
        raise ArgError(f"api_key {empty}; for a server that needs no key leave it out")
    if not _KEY.fullmatch(api_key.value):
        raise ArgError(f"api_key {_NO_KEY}")
    return lambda: api_key.value
