"""Arguments that stores of every framework take, checked."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields
from typing import Any, TypeVar

from vecs._checks.meant import unknown_argument
from vecs._checks.shown import brief
from vecs._checks.wrong_calls import methods_explain_wrong_calls
from vecs._connecting.options import Options
from vecs._connecting.secrets import hidden_arguments, hides_targets, looks_like_target, seen
from vecs._sql.tables import check_name
from vecs.exc import ArgError, CallError

C = TypeVar("C", bound=type)

# What a client can be told besides where it connects: a store takes these, too, and hands them on.
CLIENT_OPTIONS = tuple(field.name for field in fields(Options))


def check_client_options(
    given: Iterable[str], owner: Callable[..., Any], elsewhere: Mapping[str, str] | None = None
) -> None:
    """
    Refuse keyword arguments of `owner` that are not client options.

    The error, an ArgError, says which argument may be meant. `elsewhere` maps other stores' argument names to this
    store's.
    """
    for name in given:
        if name in CLIENT_OPTIONS:
            continue
        own = [p.name for p in inspect.signature(owner).parameters.values() if p.kind is not p.VAR_KEYWORD]
        known = [*(argument for argument in own if argument != "self"), *CLIENT_OPTIONS]
        raise CallError(unknown_argument(name, known, elsewhere=elsewhere))


def check_known(given: Iterable[str], known: Sequence[str], elsewhere: Mapping[str, str] | None = None) -> None:
    """Raise ArgError for unknown arguments; the message suggests the right ones."""
    for name in given:
        if name not in known:
            raise CallError(unknown_argument(name, known, elsewhere=elsewhere))


def checked_collection_name(name: Any, argument: str, instead: str = "") -> str:
    """Return a collection's name, which a store was given as `argument`; raises ArgError if it is not a valid name."""
    if not isinstance(name, str):
        raise ArgError(f"{argument} must be a string, not {brief(name)}{instead}")
    if "://" in name:
        # Its value is not shown: it may hold a password.
        raise ArgError(f"{argument} is the collection's name, and was given a connection string; that is url=")
    return check_name(name, argument)


def checked_name_of_others(name: Any, argument: str) -> Any:
    """Return a name in somebody else's database; raises ArgError for a connection string, and does not show that."""
    if looks_like_target(name):
        raise ArgError(f"{argument} is a name, and was given what looks like a connection string; that is url=")
    return seen(name)


def checked_choice(name: str, value: Any, allowed: tuple[str, ...]) -> Any:
    """Return an argument that is one of a few strings, or raise ArgError."""
    if not isinstance(value, str) or value not in allowed:
        raise ArgError(f"{name} must be one of {', '.join(map(repr, allowed))}, not {brief(value)}")
    return value


def hidden(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """
    Return the keyword arguments of a store with those unseen that may hold a password.

    For functions that hand them on: their own variables are in the traceback of every error below them.
    """
    return hidden_arguments(arguments)


def explains_wrong_calls(cls: C) -> C:
    """Make the constructor and methods of a framework's class explain wrong calls as vecs does."""
    return methods_explain_wrong_calls(cls, hiding=hides_targets)
