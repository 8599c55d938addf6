"""Indexes of a collection: read from the catalog, created, dropped."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from vecs._sql.filters import KeyType, condition, typed_value, value_at
from vecs._sql.fragment import EMPTY, Fragment, Identifier, Literal, fragment, join
from vecs._sql.table import Table
from vecs.filters import And, Filter
from vecs.indexes import METHODS, IndexMethod
from vecs.measures import MEASURES, IndexMeasure, MeasureSpec

_MEASURE_OF = {spec.opclass: measure for measure, spec in MEASURES.items()}


@dataclass(frozen=True)
class IndexInfo:
    """
    One index of a collection.

    `measure` is None for an index that is not on all the vectors, `column` for one on expressions or on a part
    of the rows; `valid` is False while an index is being built
    concurrently, or after such a build was interrupted. `options` are its storage parameters. `key` and
    `key_type` are those of a metadata index for ranges, `condition` that of an index on a part of the records,
    as Postgres words it. `rows` is about how many records it covers, 0 where that is not known.
    """

    name: str
    method: str
    column: str | None
    measure: IndexMeasure | None
    options: Mapping[str, str]
    valid: bool
    primary: bool
    size_bytes: int
    definition: str
    key: str | None = None
    key_type: KeyType | None = None
    condition: str | None = None
    rows: int = 0

    @property
    def approximate(self) -> bool:
        """Whether it finds most neighbours rather than all: true for any method that Postgres itself does not have."""
        return self.method not in ("btree", "hash", "gin", "gist", "spgist", "brin")


def list_indexes(table: Table) -> Fragment:
    """List the indexes of a collection, by name."""
    return fragment(
        """
        select i.relname::text, am.amname::text, a.attname::text, opc.opcname::text, i.reloptions::text[],
               x.indisvalid, x.indisprimary, pg_catalog.pg_relation_size(i.oid),
               pg_catalog.pg_get_indexdef(i.oid), x.indpred is null and x.indexprs is null,
               case when x.indnatts = 1 then pg_catalog.pg_get_expr(x.indexprs, x.indrelid) end,
               pg_catalog.pg_get_expr(x.indpred, x.indrelid), greatest(i.reltuples, 0)::int8
        from pg_catalog.pg_index x
        join pg_catalog.pg_class i on i.oid = x.indexrelid
        join pg_catalog.pg_class t on t.oid = x.indrelid
        join pg_catalog.pg_namespace n on n.oid = t.relnamespace
        join pg_catalog.pg_am am on am.oid = i.relam
        left join pg_catalog.pg_attribute a on a.attrelid = t.oid and a.attnum = x.indkey[0]
        left join pg_catalog.pg_opclass opc on opc.oid = x.indclass[0]
        where n.nspname = {schema}::text and t.relname = {name}::text
        order by 1
        """,
        schema=table.schema,
        name=table.name,
    )


def read_indexes(rows: Sequence[tuple[Any, ...]]) -> list[IndexInfo]:
    """Read the answer of `list_indexes`."""
    return [
        IndexInfo(
            name=name,
            method=method,
            # A user's own index on a part of the rows serves no search of ours, and is not ours to replace.
            column=column if whole else None,
            # By operator class, not by name: 0.1's index names do not tell.
            measure=_MEASURE_OF.get(opclass) if column == "vec" and whole else None,
            options=dict(option.split("=", 1) for option in options or ()),
            valid=valid,
            primary=primary,
            size_bytes=size,
            definition=definition,
            key=key,
            key_type=key_type,
            condition=predicate,
            rows=covered,
        )
        for (
            name, method, column, opclass, options, valid, primary, size, definition, whole, expression, predicate,
            covered,
        ) in rows
        for key, key_type in [_key_of(expression) if method == "btree" and predicate is None else (None, None)]
    ]  # fmt: skip


# What Postgres makes of typed_value(); the first literal is the whole key, dots and all.
_KEY = re.compile(
    r"""\s*CASE\s+WHEN \(jsonb_typeof\((?:COALESCE\()?\(metadata -> '((?:[^']|'')*)'::text\).*\) = """
    r"""'(number|string)'::text\) THEN (?:"left"\(.*, 200\)|.*::numeric)\s+ELSE NULL::\w+\s+END\s*""",
    re.DOTALL,
)


def _key_of(expression: str | None) -> tuple[str, KeyType] | tuple[None, None]:
    found = _KEY.fullmatch(expression or "")
    if found is None:
        return None, None
    return found[1].replace("''", "'"), "number" if found[2] == "number" else "string"


def index_name(measure: MeasureSpec, method: IndexMethod, options: Mapping[str, int], unique: str) -> str:
    """Name an index as vecs 0.4 did: stock vecs finds an index, and its measure, by its name."""
    tags = METHODS[method].options
    described = "_".join(f"{tags[option][3]}{value}" for option, value in options.items())
    return f"ix_{measure.opclass}_{method.value}_{described}_{unique}"


def create_vector_index(
    table: Table,
    name: str,
    measure: MeasureSpec,
    method: IndexMethod,
    options: Mapping[str, int],
    *,
    concurrently: bool,
    part: Fragment = EMPTY,
) -> Fragment:
    """Create an index on the vectors, or on those whose records meet a condition."""
    return fragment(
        "create index{concurrently} {name} on {table} using {method} (vec {opclass}) with ({options}){condition}",
        condition=fragment(" where {part}", part=part) if part.parts else EMPTY,
        concurrently=fragment(" concurrently") if concurrently else EMPTY,
        name=Identifier(name),
        table=table.identifier,
        method=Identifier(method.value),
        opclass=table.extension.type(measure.opclass),
        options=join(
            ", ",
            (
                fragment("{option} = {value}", option=Identifier(option), value=Literal(value))
                for option, value in options.items()
            ),
        ),
    )


def create_metadata_index(table: Table, name: str, *, concurrently: bool) -> Fragment:
    """Create the GIN index that answers containment, hence equality, on metadata."""
    return fragment(
        "create index{concurrently} {name} on {table} using gin (metadata jsonb_path_ops)",
        concurrently=fragment(" concurrently") if concurrently else EMPTY,
        name=Identifier(name),
        table=table.identifier,
    )


def part_of_name(part: Fragment) -> str:
    """Return how names of indexes begin that are on the records of this condition."""
    # Not "ix_vector": stock vecs would take it for one on all vectors.
    return f"ix_part_{sha256(part.inline()).hexdigest()[:12]}_"


def serves_part(indexes: Iterable[IndexInfo], node: Filter) -> bool:
    """Whether one of these indexes is on just the records of a filter, or of a condition at its top."""
    names = [index.name for index in indexes if index.condition]
    nodes = [node, *(node.parts if isinstance(node, And) else ())] if names else []
    return any(name.startswith(part_of_name(condition(each))) for each in nodes for name in names)


def part_name(part: Fragment, measure: MeasureSpec, unique: str) -> str:
    """Name an index on the records of a condition; Postgres words conditions its own way, hence a digest."""
    return f"{part_of_name(part)}{measure.opclass}_{unique}"


def key_index_name(key: str, type: KeyType, unique: str) -> str:
    """Name a metadata index for ranges; a hint of the key is in it, for who reads a plan."""
    hint = re.sub("[^a-z0-9]+", "_", key.lower())[:30].strip("_")
    return f"ix_meta_{hint}_{type}_{unique}"


def create_key_index(table: Table, name: str, key: str, type: KeyType, *, concurrently: bool) -> Fragment:
    """Create the btree index that answers ranges of numbers or of strings at a key."""
    return fragment(
        "create index{concurrently} {name} on {table} ({value})",
        concurrently=fragment(" concurrently") if concurrently else EMPTY,
        name=Identifier(name),
        table=table.identifier,
        value=Fragment((typed_value(key, type).inline().decode(),)),
    )


def key_types(table: Table, key: str) -> Fragment:
    """Find the JSON types of a key's values, among some of the records."""
    return fragment(
        """
        select distinct jsonb_typeof(found)
        from (select {value} as found from {table} where {value} is not null limit 10000) as sample (found)
        order by 1
        """,
        value=value_at(key),
        table=table.identifier,
    )


def drop_index(table: Table, name: str, *, concurrently: bool) -> Fragment:
    """Drop an index; absent is no error."""
    return fragment(
        "drop index{concurrently} if exists {index}",
        concurrently=fragment(" concurrently") if concurrently else EMPTY,
        index=Identifier(table.schema, name),
    )


def lock_building(table: Table) -> Fragment:
    """Let one client at a time build indexes of a collection, until its transaction ends."""
    return fragment(
        "select pg_catalog.pg_advisory_xact_lock(hashtextextended({name}::text, 1))", name=table.identifier.sql
    )


def analyze(table: Table) -> Fragment:
    """Refresh the planner's statistics."""
    return fragment("analyze {table}", table=table.identifier)
