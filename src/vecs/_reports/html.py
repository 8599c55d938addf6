"""HTML for notebooks: tables of what is known already, with every text escaped."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape as escape_html
from typing import Any

_CELL = "text-align:left;vertical-align:top;white-space:pre-wrap;overflow-wrap:anywhere"
# Notebooks would otherwise take what stands between two dollars for a formula.
_NO_FORMULAS = 'class="tex2jax_ignore mathjax_ignore"'
# What would turn the reading direction of the rest of the page, and what no HTML may have.
_UNSEEN = {
    ord(each): "\ufffd" for each in "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c"
} | {code: "\ufffd" for code in (*range(9), 11, 12, *range(14, 32), 127, *range(0xD800, 0xE000))}


def escaped(text: object) -> str:
    """Return a text that HTML shows as it is, as content and in quoted attributes."""
    return escape_html(str(text).translate(_UNSEEN))


def mark(text: str) -> str:
    """Return escaped text as a highlight."""
    return f"<mark>{text}</mark>"


def table(names: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; its cells are HTML, and the names of its columns are text."""
    head = "".join(f'<th style="text-align:left">{escaped(name)}</th>' for name in names)
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    return f"<div {_NO_FORMULAS}><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"


def facts(title: str, parts: Mapping[str, Any]) -> str:
    """Return a title above a table of names and values, all of them text; what is None is left out."""
    rows = "".join(
        f'<tr><th style="text-align:left">{escaped(name)}</th>{_cell(escaped(_shown(value)))}</tr>'
        for name, value in parts.items()
        if value is not None
    )
    return f"<div {_NO_FORMULAS}><b>{escaped(title)}</b><table><tbody>{rows}</tbody></table></div>"


def _cell(content: str) -> str:
    return f'<td style="{_CELL}">{content}</td>'


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else str(value)
