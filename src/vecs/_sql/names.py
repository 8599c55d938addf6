"""Names with their schema, which the search_path has no say in, and expressions without it."""

from __future__ import annotations

import re

# A string constant is left alone.
_QUALIFIED = re.compile(r"""('(?:[^']|'')*')|\boperator\s*\(pg_catalog\.([^\s()]+)\)|\bpg_catalog\.""", re.IGNORECASE)


def unqualified(expression: str) -> str:
    """
    Return an expression without the schema pg_catalog.

    Postgres writes it where the search_path has another object of a name, so that one expression has several texts.
    """
    return _QUALIFIED.sub(lambda found: found[1] or found[2] or "", expression)


def regconfig(language: str) -> str:
    """Return a text search configuration, which has its schema unless that is pg_catalog, with its schema."""
    has_schema = re.fullmatch(r'("(?:[^"]|"")*"|[^."]+)\..+', language, re.DOTALL)
    return language if has_schema else f"pg_catalog.{language}"
