"""Filters as people type them: `year>=2020 kind=recipe`."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any, cast

from vecs.cli.files.typed import typed
from vecs.cli.terminal import UsageError

_OPERATORS = {"=": "$eq", "==": "$eq", "!=": "$ne", ">": "$gt", ">=": "$gte", "<": "$lt", "<=": "$lte"}
_WORDS = {"in": "$in", "contains": "$contains", "like": "$like", "ilike": "$ilike"}
_BLANK = re.compile(r"\s*")
_KEY = re.compile(r"[^\s=!<>\"'\[\](),]+")
_OPERATOR = re.compile(r"!=|>=|<=|==|=|>|<")
_WORD = re.compile(r"(?:not\s+)?[a-z]+(?=[\s\[(\"']|$)", re.IGNORECASE)
_STRING = re.compile(r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'", re.DOTALL)
_BARE = re.compile(r"\S+")
_IN_LIST = re.compile(r"[^\s,\[\]()\"']+")
_SUCH = "such as 'year>=2020 kind=recipe'"


def parse_filters(given: Sequence[str] | None) -> dict[str, Any] | None:
    """Return what all of these say, each JSON or conditions in words, as a filter; raises UsageError."""
    parsed = [_parse(text) for text in given or ()]
    return None if not parsed else parsed[0] if len(parsed) == 1 else {"$and": parsed}


def _parse(text: str) -> dict[str, Any]:
    if text.lstrip().startswith(("{", "[")):
        return _parse_json(text)
    return _Conditions(text).parsed()


def _parse_json(text: str) -> dict[str, Any]:
    try:
        parsed = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"--filter {text!r} is not JSON ({error}); write for example '{{\"year\": 1973}}'") from None
    if not isinstance(parsed, dict):
        raise UsageError(f"--filter {text!r} is not a JSON object; write for example '{{\"year\": 1973}}'")
    return cast("dict[str, Any]", parsed)


class _Conditions:
    """A text that is read from its beginning to its end; `at` is how far."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def parsed(self) -> dict[str, Any]:
        """Return all conditions as one filter."""
        found: list[dict[str, Any]] = []
        while self._more():
            found.append(self._condition())
            self._skip_and()
        if not found:
            raise UsageError(f"--filter has no condition; write one {_SUCH}")
        return found[0] if len(found) == 1 else {"$and": found}

    def _condition(self) -> dict[str, Any]:
        key = self._quoted() or self._taken(_KEY)
        if key is None:
            raise self._wrong("a key of the metadata should stand here")
        if key.lower() == "or" and found_like_a_key(self._text[self._at :]):
            raise self._wrong('conditions are joined by "and" only; for others write JSON: {"$or": [...]}')
        self._more()
        sign = self._taken(_OPERATOR)
        if sign is not None:
            return {key: {_OPERATORS[sign]: self._value(sign)}}
        word = self._taken(_WORD)
        return self._by_word(key, " ".join(word.lower().split()) if word else "")

    def _by_word(self, key: str, word: str) -> dict[str, Any]:
        if word in ("exists", "not exists"):
            return {key: {"$exists": word == "exists"}}
        plain_word = word.removeprefix("not ")
        if plain_word not in _WORDS:
            self._at -= len(word)
            raise self._wrong(
                f"after {key!r} should stand one of =, !=, >, >=, <, <=, in, contains, like, ilike, exists"
            )
        value = self._list() if plain_word == "in" else self._value(plain_word)
        condition = {_WORDS[plain_word]: value}
        if word == "not in":
            return {key: {"$nin": value}}
        return {"$not": {key: condition}} if word.startswith("not ") else {key: condition}

    def _value(self, after: str) -> Any:
        self._more()
        quoted = self._quoted()
        if quoted is not None:
            return quoted
        if self._text.startswith(("[", "{"), self._at):
            return self._json()
        bare = self._taken(_BARE)
        if bare is None:
            raise self._wrong(f"a value should stand after {after}")
        # A comma at its end is between two conditions.
        bare = bare.rstrip(",") or bare
        return bare if after in ("like", "ilike") else _typed(bare)

    def _list(self) -> list[Any]:
        self._more()
        close = {"[": "]", "(": ")"}.get(self._text[self._at : self._at + 1])
        if close is None:
            raise self._wrong("a list should stand after in, such as [soup, bread]")
        self._at += 1
        values: list[Any] = []
        while True:
            self._more()
            if self._text.startswith(close, self._at):
                self._at += 1
                return values
            quoted = self._quoted()
            bare = self._taken(_IN_LIST) if quoted is None else None
            if quoted is None and bare is None:
                raise self._wrong(f"a value or {close} should stand here")
            values.append(quoted if bare is None else _typed(bare))
            self._more()
            if self._text.startswith(",", self._at):
                self._at += 1
            elif not self._text.startswith(close, self._at):
                raise self._wrong(f"a comma or {close} should stand here")

    def _json(self) -> Any:
        try:
            value, self._at = json.JSONDecoder().raw_decode(self._text, self._at)
        except (ValueError, RecursionError):
            raise self._wrong("this is not JSON") from None
        return value

    def _quoted(self) -> str | None:
        if not self._text.startswith(('"', "'"), self._at):
            return None
        found = self._taken(_STRING)
        if found is None:
            raise self._wrong(f"a closing {self._text[self._at]} is missing")
        if found.startswith('"'):
            try:
                return str(json.loads(found, strict=False))
            except ValueError:
                return re.sub(r"\\(.)", r"\1", found[1:-1], flags=re.DOTALL)
        return re.sub(r"\\(.)", r"\1", found[1:-1], flags=re.DOTALL)

    def _skip_and(self) -> None:
        if self._more():
            joined = re.compile(r"(?:and\s+|&&?\s*|,)", re.IGNORECASE).match(self._text, self._at)
            if joined is not None:
                self._at = joined.end()

    def _taken(self, pattern: re.Pattern[str]) -> str | None:
        found = pattern.match(self._text, self._at)
        if found is None:
            return None
        self._at = found.end()
        return found[0]

    def _more(self) -> bool:
        """Go on to what is no blank; whether there is anything."""
        self._taken(_BLANK)
        return self._at < len(self._text)

    def _wrong(self, why: str) -> UsageError:
        rest = self._text[self._at : self._at + 20]
        where = f"at character {self._at + 1} ({rest!r})" if rest else "at its end"
        return UsageError(f"--filter {self._text!r}, {where}: {why}; write {_SUCH}, or JSON")


def found_like_a_key(rest: str) -> bool:
    """Whether a key, and no operator, comes next."""
    return re.match(r"\s*[^\s=!<>]", rest) is not None


def _typed(text: str) -> Any:
    return None if text == "null" else typed(text)
