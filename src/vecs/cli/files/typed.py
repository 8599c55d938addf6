"""Values written as text, typed by one rule: in files without types, and in filters."""

from __future__ import annotations

import json
import math
import re
from typing import Any

from vecs.cli.files.problems import BadFile

TYPES = ("auto", "text", "number", "boolean", "json")
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?", re.ASCII)
_MOST_DIGITS = 4000


def typed(text: str) -> Any:
    """Return a number, True or False where JSON would read one, else the text: 007 and +49 are texts."""
    if text in ("true", "false"):
        return text == "true"
    if len(text) < _MOST_DIGITS and _NUMBER.fullmatch(text):
        value = json.loads(text)
        if isinstance(value, int) or math.isfinite(value):
            return value
    return text


def typed_as(text: str, kind: str) -> Any:
    """Return a text as the type that a person named; raises BadFile if it is none."""
    if kind == "auto":
        return typed(text)
    if kind == "text":
        return text
    if kind == "json":
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            raise BadFile(f"{_brief(text)} is not JSON") from None
    value = typed(text.lower() if kind == "boolean" else text)
    if isinstance(value, str) or isinstance(value, bool) != (kind == "boolean"):
        raise BadFile(f"{_brief(text)} is not a {kind}")
    return value


def _brief(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:37] + "...")
