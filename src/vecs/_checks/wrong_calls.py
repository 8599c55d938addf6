"""Errors for calls of functions and methods with wrong names or arguments; they say what is right."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import wraps
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, TypeVar, cast

from vecs._checks.meant import instead_of, unknown_argument
from vecs.exc import CallError, NoSuchName

F = TypeVar("F", bound=Callable[..., Any])
C = TypeVar("C", bound=type)

# Hides arguments, by position and by name, that may be a password.
Hide = Callable[[tuple[Any, ...], dict[str, Any]], "tuple[tuple[Any, ...], dict[str, Any]]"]

# Set on functions that explain wrong calls themselves.
_EXPLAINS = "__vecs_explains__"
# What an additional argument probably means, by its type.
_BY_TYPE: tuple[tuple[type | tuple[type, ...], tuple[str, ...]], ...] = (
    (bool, ()),
    (int, ("limit", "dimension", "batch_size")),
    (Mapping, ("filters", "metadata")),
    (str, ("mode", "text", "schema")),
    ((list, tuple, set), ("ids",)),
)
# What to write where several arguments are given for the one of this name.
_LISTED = {"steps": "; put the steps in a list"}
# What to write where an argument of this name is missing.
_WITHOUT = {"query": "; to look at records without a query write get(limit=10) or get(filters={...})"}


def explains_wrong_calls(function: F, *, hide: Hide | None = None) -> F:
    """
    Make a function raise CallError where Python would raise a TypeError for wrong arguments.

    Nothing is checked before the call, and the signature does not change, also for type checkers.
    """
    called: Any = function

    @wraps(called)
    def call(*args: Any, **kwargs: Any) -> Any:
        if hide is not None:
            args, kwargs = hide(args, kwargs)
        try:
            return called(*args, **kwargs)
        except TypeError:
            explain_wrong_call(called, args, kwargs)
            raise

    @wraps(called)
    async def acall(*args: Any, **kwargs: Any) -> Any:
        if hide is not None:
            args, kwargs = hide(args, kwargs)
        try:
            return await called(*args, **kwargs)
        except TypeError:
            explain_wrong_call(called, args, kwargs)
            raise

    return explaining(cast("F", acall if inspect.iscoroutinefunction(called) else call))


def explaining(function: F) -> F:
    """Mark a function that explains wrong calls itself."""
    setattr(function, _EXPLAINS, True)
    return function


def methods_explain_wrong_calls(cls: C, *, hiding: Callable[[Callable[..., Any]], Hide] | None = None) -> C:
    """
    Make the constructor and the public methods of a class explain wrong calls: its own methods, and those of vecs.

    `hiding` returns a function that hides passwords in the arguments of the constructor and of other factories.
    """
    own = cls.__module__.rpartition(".")[0]
    for base in cls.__mro__:
        if base is cls or f"{base.__module__}.".startswith(("vecs.", f"{own}.")):
            for name, member in list(vars(base).items()):
                public = not name.startswith("_") or (name == "__init__" and base is cls)
                if public and inspect.getattr_static(cls, name) is member:
                    _explain_in(cls, name, member, hiding)
    return cls


def constructor_explains_wrong_calls(cls: C) -> C:
    """Make the constructor of a class explain wrong calls."""
    _explain_in(cls, "__init__", vars(cls)["__init__"], None)
    return cls


def _explain_in(cls: type, name: str, member: Any, hiding: Callable[[Callable[..., Any]], Hide] | None) -> None:
    makes = isinstance(member, classmethod)
    function: Any = cast("Any", member).__func__ if makes else member
    if not inspect.isfunction(function):
        return
    if not hasattr(function, _EXPLAINS):
        hide = hiding(function) if hiding is not None and (makes or name == "__init__") else None
        function = explains_wrong_calls(function, hide=hide)
        setattr(cls, name, classmethod(function) if makes else function)
    if name == function.__name__:
        # Use the name of the class that users know: warnings about coroutines that were not awaited show it.
        function.__module__, function.__qualname__ = cls.__module__, f"{cls.__qualname__}.{name}"


def explain_wrong_call(function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
    """Raise CallError if a function cannot be called with these arguments; do nothing if it can be."""
    signature = inspect.signature(function)
    try:
        signature.bind(*args, **kwargs)
    except TypeError as error:
        told = _told(function, signature, args, kwargs, str(error))
    else:
        return
    # Raised after the block, so that tracebacks do not show the arguments in its frames.
    raise CallError(told) from None


def _told(
    function: Callable[..., Any],
    signature: inspect.Signature,
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    said: str,
) -> str:
    parameters = list(signature.parameters.values())
    is_method = bool(parameters) and parameters[0].name in ("self", "cls")
    what = _name_of(function, args[0] if is_method and args else None)
    parameters, args = parameters[is_method:], args[is_method:]
    by_name = [one.name for one in parameters if one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY)]
    by_place = [one.name for one in parameters if one.kind is one.POSITIONAL_OR_KEYWORD]
    takes = f"{what} takes"
    takes_any = any(one.kind is one.VAR_KEYWORD for one in parameters)
    unknown = [] if takes_any else [name for name in kwargs if name not in by_name]
    if unknown:
        given = {*by_place[: len(args)], *kwargs}
        return unknown_argument(unknown[0], by_name, given=given, takes=takes)
    if len(args) > len(by_place):
        only = f"only {', '.join(by_place)}" if by_place else "nothing"
        if _ids_first(args[0], by_name, by_place):
            return f"{takes} {only} by position; write {by_place[0]} first, and ids=..."
        listed = _LISTED.get(by_place[-1]) if by_place else None
        return f"{takes} {only} by position{listed or _how_to_name(args[len(by_place)], by_name, by_place)}"
    if said.startswith("missing"):
        missing = [
            one.name
            for one in parameters
            if one.default is one.empty and one.name in by_name and one.name not in {*by_place[: len(args)], *kwargs}
        ]
        without = "".join(_WITHOUT.get(name, "") for name in missing)
        return f"{what} needs the argument {', '.join(map(repr, missing))}; it takes {', '.join(by_name)}{without}"
    if args and _ids_first(args[0], by_name, by_place):
        return f"{what} takes {by_place[0]} first; write ids=..."
    return f"{what} was called wrongly: {said}"


def _name_of(function: Any, owner: Any) -> str:
    """Return the name of a function as users know it, without internal base classes."""
    if owner is None:
        return f"{function.__qualname__}()"
    cls = owner if isinstance(owner, type) else type(owner)
    return f"{cls.__name__}{'' if function.__name__ == '__init__' else f'.{function.__name__}'}()"


def _ids_first(first: Any, by_name: list[str], by_place: list[str]) -> bool:
    """Whether ids were given where metadata is due."""
    return "metadata" in by_place[:1] and "ids" in by_name and isinstance(first, str | list | tuple | set)


def _how_to_name(surplus: Any, by_name: list[str], by_place: list[str]) -> str:
    free = [name for name in by_name if name not in by_place]
    for kind, candidates in _BY_TYPE:
        if isinstance(surplus, kind):
            likely = [name for name in candidates if name in free]
            return f"; write {likely[0]}=..." if likely else _named(free)
    return _named(free)


def _named(names: list[str]) -> str:
    return f"; by name it takes {', '.join(names)}" if names else ""


class Telling:
    """An object whose error for an unknown method or attribute says what to write instead."""

    # Names of other libraries, and what to write here.
    _instead: ClassVar[Mapping[str, str]] = {}

    # Hidden from type checkers, which would accept every name otherwise.
    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            cls = type(self)
            inherited = getattr(super(), "__getattr__", None)
            if name.startswith("_"):
                # Python, pickle and notebooks ask for many such names.
                if inherited is not None:
                    return inherited(name)
                raise AttributeError(f"{cls.__name__!r} object has no attribute {name!r}", name=name, obj=self)
            if hasattr(cls, name):
                # A property raised AttributeError: show that error.
                return object.__getattribute__(self, name)
            _raise_no_such_name(f"{cls.__name__}", name, dir(self), self._instead)


def _raise_no_such_name(what: str, name: str, known: list[str], elsewhere: Mapping[str, str]) -> NoReturn:
    def told() -> str:
        meant = instead_of(name, [one for one in known if not one.startswith("_")], elsewhere)
        hint = "" if meant is None else f"; did you mean {meant!r}?" if meant in known else f"; instead: {meant}"
        return f"{what} has no {name!r}{hint}"

    # Without `obj`, because Python would add its own guess.
    raise NoSuchName(_Later(told), name=name)


class _Later:
    """A message that is made when somebody reads it: hasattr() need not wait for it."""

    def __init__(self, tell: Callable[[], str]) -> None:
        self._tell = tell

    def __str__(self) -> str:
        return self._tell()

    def __repr__(self) -> str:
        return repr(str(self))

    def __reduce__(self) -> tuple[type[str], tuple[str]]:
        return str, (str(self),)


def missing_in_module(module: str, name: str, known: list[str], elsewhere: Mapping[str, str]) -> NoReturn:
    """Raise the error of a module's `__getattr__` for an unknown name."""
    if name.startswith("_"):
        raise AttributeError(f"module {module!r} has no attribute {name!r}", name=name)
    _raise_no_such_name(module, name, known, elsewhere)
