"""What rows of a mapped table name: what is written of them, and what new ones leave to defaults."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from vecs._sql.documents import STAGE
from vecs._sql.fragment import Fragment, Identifier, join, qualified
from vecs._sql.rows import EncodedRow
from vecs._sql.tables import Table


class Named(NamedTuple):
    """
    What rows name: parts, and the declared columns behind a dot each.

    What none of them names is not written at all. `patterns` are the sets of columns with a default that single rows
    name: a new row gets the default of each that it does not name.
    """

    names: frozenset[str]
    patterns: tuple[frozenset[str], ...] = (frozenset(),)


def named_in(table: Table, rows: Iterable[EncodedRow]) -> Named:
    """Return what rows name."""
    found: set[str] = set()
    patterns: set[frozenset[str]] = set()
    with_default = frozenset(defaulted(table))
    for row in rows:
        here: set[str] = set()
        for name, value in zip(table.columns, row, strict=True):
            if name == "declared" and value is not None:
                here.update(f".{key}" for key in json.loads(value[1:]))
            elif value is not None:
                here.add(name)
        found |= here
        patterns.add(with_default & here)
    return Named(frozenset(found), _in_some_order(patterns))


def _in_some_order(patterns: Iterable[frozenset[str]]) -> tuple[frozenset[str], ...]:
    # The same in every process, so that equal writes are equal statements.
    return tuple(sorted(patterns, key=sorted))


def defaulted(table: Table) -> list[str]:
    """Return what rows may name that is another value than NULL in a new row that does not name it."""
    mapped = table.mapped
    assert mapped is not None
    parts = [name for name in table.columns if name in mapped.parts and mapped.parts[name].defaulted]
    return [*parts, *(f".{column.name}" for column in mapped.declared if column.defaulted)]


def named_in_stage(table: Table) -> Fragment:
    """Find what the staged rows name, as `named_in` does: names, and lists of which defaults each row replaces."""
    parts = [
        qualified(
            "select {name}::pg_catalog.text from {stage} where {column} is not null limit 1",
            name=name,
            stage=STAGE,
            column=Identifier(name),
        )
        for name in table.columns
        if name != "declared"
    ]
    if "declared" in table.columns:
        parts.append(
            qualified(
                "select distinct '.' || k.name from {stage} as s, pg_catalog.jsonb_object_keys(s.declared) as k (name)",
                stage=STAGE,
            )
        )
    names = [is_named(name, "s") for name in defaulted(table)]
    if names:
        parts.append(
            qualified(
                "select distinct pg_catalog.to_jsonb(array[{names}])::pg_catalog.text from {stage} as s",
                names=join(", ", names),
                stage=STAGE,
            )
        )
    return join(" union all ", (qualified("({part})", part=part) for part in parts))


def read_named(table: Table, found: Sequence[str]) -> Named:
    """Read the answer of `named_in_stage`."""
    with_default = defaulted(table)
    # No part has such a name, and those of columns are behind a dot.
    flags = [json.loads(each) for each in found if each.startswith("[")]
    patterns = [frozenset(name for name, named in zip(with_default, each, strict=True) if named) for each in flags]
    names = frozenset(each for each in found if not each.startswith("["))
    return Named(names, _in_some_order(patterns) or (frozenset(),))


def is_named(name: str, alias: str) -> Fragment:
    """Return whether a row names a part or a column."""
    if name.startswith("."):
        return qualified(
            "coalesce(pg_catalog.jsonb_exists({declared}, {key}::pg_catalog.text), false)",
            declared=Identifier(alias, "declared"),
            key=name[1:],
        )
    return qualified("({part} is not null)", part=Identifier(alias, name))
