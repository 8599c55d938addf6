"""A collection's comment: what vecs wrote there is read as what anybody may have written there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple, NoReturn, cast

from vecs._checks.json import nested_deeper_than
from vecs._checks.shown import brief
from vecs.exc import ArgError

# Generous: a description has some 500 characters, and more where prompts are long.
MOST_CHARACTERS = 100_000
MOST_LEVELS = 32
# What begins otherwise is not of vecs.
_BEGINNING = '{"vecs":'


class Comment(NamedTuple):
    """What a comment says of its collection; `damage` is why it could not be read, where it is one of vecs'."""

    described: dict[str, Any]
    damage: str | None = None


def read_comment(comment: str | None) -> Comment:
    """Read a table's comment; anybody else's is left alone."""
    if not comment or not comment.startswith(_BEGINNING):
        return Comment({})
    if len(comment) > MOST_CHARACTERS:
        return Comment({}, f"it has more than {MOST_CHARACTERS:,} characters")
    # Before it is parsed: the parser recurses.
    if nested_deeper_than(MOST_LEVELS, comment):
        return Comment({}, f"it is nested deeper than {MOST_LEVELS} levels")
    try:
        described: Any = json.loads(comment, parse_constant=_refused)["vecs"]
    except ValueError as error:
        return Comment({}, f"it is not JSON that can be read ({error})")
    if not isinstance(described, dict):
        return Comment({}, f"what it says is {brief(described)}, not an object")
    return Comment(cast("dict[str, Any]", described))


def comment_of(described: Mapping[str, Any]) -> str:
    """Return the comment that describes a collection; raises ArgError for what could not be read again."""
    try:
        comment = json.dumps({"vecs": described}, ensure_ascii=False, allow_nan=False)
        comment.encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise ArgError(f"the transform's config() is not JSON that a comment can hold: {error}") from error
    if len(comment) > MOST_CHARACTERS or nested_deeper_than(MOST_LEVELS, comment):
        raise ArgError(
            f"the transform's config() has {len(comment):,} characters as JSON; a collection remembers up to "
            f"{MOST_CHARACTERS:,}, nested up to {MOST_LEVELS} levels"
        )
    return comment


def _refused(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")
