"""Expressions as Postgres writes them back, whatever the search_path."""

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
