"""Indexes of a collection: read from the catalog, created, dropped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vecs._sql.fragment import EMPTY, Fragment, Identifier, Literal, fragment, join
from vecs._sql.table import Table
from vecs.indexes import METHODS, IndexMethod
from vecs.measures import MEASURES, IndexMeasure, MeasureSpec

_MEASURE_OF = {spec.opclass: measure for measure, spec in MEASURES.items()}


@dataclass(frozen=True)
class IndexInfo:
    """
    One index of a collection.

    `measure` is None for an index that is not on all the vectors, `column` for one on expressions or on a part
    of the rows; `valid` is False while an index is being built
    concurrently, or after such a build was interrupted. `options` are its storage parameters.
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
               pg_catalog.pg_get_indexdef(i.oid), x.indpred is null and x.indexprs is null
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
        )
        for name, method, column, opclass, options, valid, primary, size, definition, whole in rows
    ]


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
) -> Fragment:
    """Create an index on the vectors."""
    return fragment(
        "create index{concurrently} {name} on {table} using {method} (vec {opclass}) with ({options})",
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


def drop_index(table: Table, name: str, *, concurrently: bool) -> Fragment:
    """Drop an index; absent is no error."""
    return fragment(
        "drop index{concurrently} if exists {index}",
        concurrently=fragment(" concurrently") if concurrently else EMPTY,
        index=Identifier(table.schema, name),
    )


def analyze(table: Table) -> Fragment:
    """Refresh the planner's statistics."""
    return fragment("analyze {table}", table=table.identifier)
