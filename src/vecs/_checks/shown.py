"""Values as error messages show them: short, in one line, and without control characters."""

from __future__ import annotations

from collections.abc import Iterable
from reprlib import Repr
from typing import Any

# Of strings and of whole representations.
_CHARACTERS = 80
_MOST = 200


def counted(number: int, noun: str) -> str:
    """Return a number with its noun, such as "1 text" and "2 texts"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


class _Brief(Repr):
    """What `repr()` shows, of a few items; neither a huge value nor one without a representation raises."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel = 3
        self.maxtuple = self.maxlist = self.maxarray = self.maxdict = self.maxset = self.maxfrozenset = 6
        self.maxstring = self.maxlong = self.maxother = _CHARACTERS

    def repr1(self, x: Any, level: int) -> str:
        """Represent a value, or say its type."""
        try:
            return super().repr1(x, level)
        except Exception:
            # Python writes no integer of more than 4,300 digits.
            return f"<{type(x).__name__}>"

    def repr_str(self, x: str, level: int) -> str:
        """Represent a string by its beginning, so that the name or the path in it is known again."""
        if "://" in x:
            x = _without_password(x)
        return repr(x) if len(x) <= _CHARACTERS else f"{x[:_CHARACTERS]!r}... ({len(x):,} characters)"

    def repr_bytes(self, x: bytes, level: int) -> str:
        """Represent bytes by their beginning."""
        return repr(x) if len(x) <= _CHARACTERS else f"{x[:_CHARACTERS]!r}... ({len(x):,} bytes)"

    def repr_dict(self, x: dict[Any, Any], level: int) -> str:
        """Represent a dict in its own order."""
        if level <= 0 and x:
            return "{...}"
        pairs = (f"{self.repr1(key, level - 1)}: {self.repr1(value, level - 1)}" for key, value in _first(x.items()))
        return "{" + ", ".join([*pairs, *(["..."] if len(x) > self.maxdict else [])]) + "}"


def _without_password(text: str) -> str:
    """Hide the password of a connection string, postgresql://user:password@host, wherever it was given."""
    start, end = text.find("://") + 3, text.rfind("@")
    colon, slash = text.find(":", start, max(start, end)), text.find("/", start)
    # A slash before it ends what may be a user.
    return text if colon < 0 or 0 <= slash < colon else f"{text[: colon + 1]}***{text[end:]}"


_BRIEF = _Brief()


def _first(items: Iterable[Any]) -> Iterable[Any]:
    return (item for item, _ in zip(items, range(_BRIEF.maxdict), strict=False))


def _int(value: int) -> str:
    try:
        return repr(value)
    except ValueError:
        return f"<{type(value).__name__}>"


def brief(value: object) -> str:
    """Return what `repr()` shows of a value, of a large one the beginning; never raises."""
    if isinstance(value, int):
        # All of its digits, which are at most 4,300.
        return _int(value)
    shown = _BRIEF.repr(value)
    return shown if len(shown) <= _MOST else f"{shown[:_MOST]}..."


def in_double_quotes(text: str) -> str:
    """Return a name in double quotes, without control characters."""
    # Python takes double quotes where there is a single one, and no double one, inside.
    quoted = repr(f"'{text}")
    return f'"{quoted[2:]}' if quoted.startswith('"') else repr(text)


def kind_of(dtype: Any) -> str:
    """Return the kind of values that an array of numpy holds, in the plural."""
    kinds = {"U": "strings", "S": "bytes", "b": "bools", "O": "Python objects", "c": "complex numbers"}
    return kinds.get(dtype.kind, f"{dtype} values")
