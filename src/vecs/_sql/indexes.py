"""Indexes of a collection: read from the catalog, created, dropped."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vecs._sql.fragment import EMPTY, Fragment, Identifier, Literal, fragment, join
from vecs._sql.table import Table
from vecs.indexes import METHODS, IndexMethod
from vecs.measures import MEASURES, IndexMeasure, MeasureSpec
from vecs.storage import VEC_TYPES, Precision, VecTypeName

_MEASURE_OF = {spec.opclass_for(kind): measure for measure, spec in MEASURES.items() for kind in VEC_TYPES}
# As Postgres writes expressions back; where pgvector's schema is not on the search path, its name is there, too.
_HALF = re.compile(r"\(vec\)::(?:.*\.)?halfvec\((\d+)\)", re.DOTALL)
_BINARY = re.compile(r"\((?:.*\.)?binary_quantize\(vec\)\)::bit\((\d+)\)", re.DOTALL)

# What a binary code tells something of: the angle between two vectors, hence what goes by it or nearly so.
BY_ANGLE = (IndexMeasure.cosine_distance, IndexMeasure.max_inner_product, IndexMeasure.l2_distance)
_TAGS = {"cosine": BY_ANGLE[0], "ip": BY_ANGLE[1], "l2": BY_ANGLE[2]}


@dataclass(frozen=True)
class IndexInfo:
    """
    One index of a collection.

    `measure` is None for an index that is not on all the vectors, `column` for one on other expressions or on a
    part of the rows. `precision` is "full" for an index of the vectors as they are stored, "half" or "binary" for
    one of half-precision vectors or codes made from them, None for others. A binary one serves each of
    `measures`, whichever `measure` it was made for. `valid` is False while an index is being built concurrently,
    or after such a build was interrupted. `options` are its storage parameters.
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
    precision: Precision | None = None

    @property
    def measures(self) -> tuple[IndexMeasure, ...]:
        """The measures whose searches it answers."""
        if self.measure is None:
            return ()
        return BY_ANGLE if self.precision == "binary" else (self.measure,)

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
               case when x.indpred is null and x.indnatts = 1
                    then pg_catalog.pg_get_expr(x.indexprs, x.indrelid) end
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


def read_indexes(rows: Sequence[tuple[Any, ...]], table: Table) -> list[IndexInfo]:
    """Read the answer of `list_indexes`."""
    return [_index_info(table, *row) for row in rows]


def _index_info(
    table: Table,
    name: str,
    method: str,
    column: str | None,
    opclass: str | None,
    options: Sequence[str] | None,
    valid: bool,
    primary: bool,
    size: int,
    definition: str,
    whole: bool,
    expression: str | None,
) -> IndexInfo:
    precision: Precision | None = "full" if column == "vec" and whole else _precision(table, expression)
    # By operator class, not by name: 0.1's index names do not tell.
    measure = None if precision is None else _MEASURE_OF.get(opclass or "")
    if precision == "binary":
        # All binary indexes have one operator class; that they were made for another measure is in our names only.
        tag = re.match(r"ix_binary_([a-z0-9]+)_ops_", name)
        measure = _TAGS.get(tag[1] if tag else "", BY_ANGLE[0]) if measure is IndexMeasure.hamming_distance else None
    return IndexInfo(
        name=name,
        method=method,
        # A user's own index on a part of the rows serves no search of ours, and is not ours to replace.
        column="vec" if measure else column if whole else None,
        measure=measure,
        options=dict(option.split("=", 1) for option in options or ()),
        valid=valid,
        primary=primary,
        size_bytes=size,
        definition=definition,
        precision=None if measure is None else precision,
    )


def _precision(table: Table, expression: str | None) -> Precision | None:
    """Return what an index on an expression holds; None unless it is on all of each vector."""
    found: list[tuple[Precision, re.Match[str] | None]] = [
        ("half", _HALF.fullmatch(expression or "")),
        ("binary", _BINARY.fullmatch(expression or "")),
    ]
    return next((precision for precision, match in found if match and int(match[1]) == table.dimension), None)


def indexed_type(table: Table, precision: Precision) -> VecTypeName:
    """Return the type of what an index holds."""
    if precision == "full":
        return table.vec_type
    return "halfvec" if precision == "half" else "bit"


def index_opclass(table: Table, measure: MeasureSpec, precision: Precision) -> str:
    """Return the operator class of an index."""
    return "bit_hamming_ops" if precision == "binary" else measure.opclass_for(indexed_type(table, precision))


def half_type(table: Table) -> Fragment:
    """Return the type of the collection's vectors in half precision."""
    return fragment(
        "{half}({dimension})", half=table.extension.type("halfvec"), dimension=Literal(table.dimension or 0)
    )


def bits_type(table: Table) -> Fragment:
    """Return the type of the collection's binary codes."""
    return fragment("bit({dimension})", dimension=Literal(table.dimension or 0))


def quantised(table: Table, precision: Precision) -> Fragment:
    """Return what an index holds, as an expression: searches find an index by the same one."""
    if precision == "full":
        return fragment("vec")
    if precision == "half":
        return fragment("(vec::{half})", half=half_type(table))
    quantise = table.extension.type("binary_quantize")
    return fragment("({quantise}(vec)::{bits})", quantise=quantise, bits=bits_type(table))


def index_name(
    table: Table,
    measure: MeasureSpec,
    precision: Precision,
    method: IndexMethod,
    options: Mapping[str, int],
    unique: str,
) -> str:
    """
    Name an index as vecs 0.4 did: stock vecs finds an index, and its measure, by its name.

    It looks at names that begin with `ix_vector`, hence at none that it could not search with.
    """
    tags = METHODS[method].options
    described = "_".join(f"{tags[option][3]}{value}" for option, value in options.items())
    if precision == "binary":
        what = "binary" + measure.opclass[measure.opclass.index("_") :]
    else:
        what = index_opclass(table, measure, precision)
    return f"ix_{what}_{method.value}_{described}_{unique}"


def create_vector_index(
    table: Table,
    name: str,
    measure: MeasureSpec,
    precision: Precision,
    method: IndexMethod,
    options: Mapping[str, int],
    *,
    concurrently: bool,
) -> Fragment:
    """Create an index on the vectors, or on what a lower precision leaves of them."""
    return fragment(
        "create index{concurrently} {name} on {table} using {method} ({vec} {opclass}) with ({options})",
        concurrently=fragment(" concurrently") if concurrently else EMPTY,
        name=Identifier(name),
        table=table.identifier,
        method=Identifier(method.value),
        vec=quantised(table, precision),
        opclass=table.extension.type(index_opclass(table, measure, precision)),
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


def lock_building(table: Table) -> Fragment:
    """Let one client at a time build indexes of a collection, until its transaction ends."""
    return fragment(
        "select pg_catalog.pg_advisory_xact_lock(hashtextextended({name}::text, 1))", name=table.identifier.sql
    )


def analyze(table: Table) -> Fragment:
    """Refresh the planner's statistics."""
    return fragment("analyze {table}", table=table.identifier)
