"""Matches as people and programs read them."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator

from rich.text import Text

import vecs
from vecs.cli.plain import plain, plain_json
from vecs.cli.terminal import OUT

_LINES = 5
_INDENT = "   "


def print_matches(matches: list[vecs.Match]) -> None:
    """Print each match: its id and score, then the beginning of its text."""
    for match in matches:
        OUT.print(Text.assemble((plain(match.id), "bold"), (f"  {match.score:.3f}", "cyan")), soft_wrap=True)
        text = match.text if match.context is None else match.context.text
        lines = _LINES if match.context is None else _LINES * (len(match.context.before) + len(match.context.after) + 1)
        for line in excerpt(text or json.dumps(match.metadata, ensure_ascii=False), OUT.width - 1, lines):
            OUT.print(line, soft_wrap=True)


def print_json(matches: list[vecs.Match]) -> None:
    """Print each match as one line of JSON."""
    for match in matches:
        fields = ("id", "score", "distance", "text", "metadata", "document_id", "group", "context")
        parts = match.to_dict()
        OUT.out(plain_json(json.dumps({name: parts[name] for name in fields if name in parts}, ensure_ascii=False)))


def excerpt(text: str, width: int, lines: int = _LINES) -> list[str]:
    """Return the first lines of a text, indented and no wider than this; dots where it goes on."""
    shown: list[str] = []
    for line in _wrapped(text, max(20, width) - len(_INDENT)):
        if len(shown) == lines:
            shown[-1] += " ..." if len(shown[-1]) + 4 <= width else ""
            break
        shown.append(_INDENT + line)
    return shown


def _wrapped(text: str, width: int) -> Iterator[str]:
    for line in plain(text, lines=True).split("\n"):
        # The indentation of code is kept; empty lines would use up the few there are.
        inner = line[: len(line) - len(line.lstrip())].expandtabs(4)[: width // 2]
        yield from textwrap.wrap(line.strip(), width, initial_indent=inner, subsequent_indent=inner)
