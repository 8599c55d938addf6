"""Values that are not shown: passwords, and strings that may hold one."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, SupportsIndex, TypeVar, cast

from vecs._checks.wrong_calls import explains_wrong_calls

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])

# Arguments that may contain a password: connection strings, and values given instead of them.
SECRETIVE = (
    "url", "path", "source", "password", "dsn", "uri", "conninfo", "database_url", "db_url", "target", "connection",
    "connection_string", "persist_directory",
)  # fmt: skip

# libpq's parameters that let somebody in.
SECRETS = ("password", "sslpassword", "oauth_client_secret", "scram_client_key", "scram_server_key")

# The beginning of a secret, with the word before it, if any: sslpassword=, PGPASSWORD:, api_key=.
SECRET = re.compile(
    # Bounded, so that a long text takes no longer than it is long.
    r"(?<!\w)\w{0,100}(?:pass|pwd|secret|token|credential|api_?key)\w{0,100}[\"']?\s{0,100}[=:]",
    re.IGNORECASE,
)


class Secret(str):
    """
    A string whose repr hides it, so that it can be in a variable when a traceback shows variables.

    psycopg gets it as it is: `str()` returns it in full. Being a value, it stays hidden in every copy of a mapping.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return "'***'"

    def __getitem__(self, key: SupportsIndex | slice) -> Secret:
        # Long strings are shown by their beginning.
        return Secret(super().__getitem__(key))


@dataclass(frozen=True)
class _Unseen:
    value: Any = field(repr=False)


def unseen(value: T) -> T:
    """
    Wrap what a caller named as a target, of whatever type, until `seen()` is asked for it.

    Functions that are given a target do this first: it may be a connection string, and an error of theirs would
    hold it in their variables.
    """
    return value if value is None or isinstance(value, _Unseen) else cast("T", _Unseen(value))


def seen(value: Any) -> Any:
    """Return what `unseen()` wrapped, and anything else as it is."""
    return value.value if isinstance(value, _Unseen) else value


def looks_like_target(value: Any) -> bool:
    """Whether a value, also an unseen one, may be a connection string, or another text with a secret in it."""
    text = seen(value)
    if not isinstance(text, str):
        return False
    # user:password@host, with what is before and behind it.
    return "://" in text or 0 <= text.find(":") < text.rfind("@") or bool(SECRET.search(text))


def hidden_arguments(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return keyword arguments with those unseen that may hold a password, by their names or values."""
    return {
        name: unseen(value) if _is_secretive(name) or looks_like_target(value) else value
        for name, value in arguments.items()
    }


def _is_secretive(name: str) -> bool:
    return name in (*SECRETIVE, "pw") or bool(SECRET.match(f"{name}="))


def hides_targets(
    function: Callable[..., Any],
) -> Callable[[tuple[Any, ...], dict[str, Any]], tuple[tuple[Any, ...], dict[str, Any]]]:
    """
    Return a function that hides the arguments of a call that may contain a password.

    Arguments that the function does not have may, too. It must accept the others as `unseen()` returns them. Where it
    hands any others on, those are hidden that look like it, until the function that has them is called.
    """
    parameters = inspect.signature(function).parameters.values()
    places = [one.name for one in parameters if one.kind is one.POSITIONAL_OR_KEYWORD]
    own = {one.name for one in parameters}
    known = {one.name for one in parameters if one.name not in SECRETIVE}
    others = any(one.kind is one.VAR_KEYWORD for one in parameters)

    def hidden(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        handed_on = hidden_arguments(kwargs) if others else kwargs
        named = zip(args, [*places, *[""] * len(args)], strict=False)
        return (
            tuple(seen(value) if name in known else unseen(value) for value, name in named),
            {
                name: seen(value) if name in known else unseen(value) if name in own or not others else handed_on[name]
                for name, value in kwargs.items()
            },
        )

    return hidden


def explains_calls_to_connect(function: F) -> F:
    """The same as `explains_wrong_calls`, for a function whose arguments say where to connect."""
    return explains_wrong_calls(function, hide=hides_targets(function))


def with_hidden_values(settings: Mapping[str, str]) -> Mapping[str, str]:
    """Return settings of requests with their values hidden: claims may hold tokens."""
    return {name: Secret(value) for name, value in settings.items()} if settings else settings


def with_secrets(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return libpq's parameters with those hidden that are secret."""
    return {key: Secret(value) if key in SECRETS else value for key, value in parameters.items()}
