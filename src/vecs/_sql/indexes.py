"""Indexes of a collection: read from the catalog, created, dropped."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, NamedTuple

from vecs._sql.filters import KeyType, condition, typed_value, value_at
from vecs._sql.fragment import EMPTY, Fragment, Identifier, Literal, fragment, join, qualified
from vecs._sql.names import unqualified
from vecs._sql.tables import Table
from vecs.filters import And, Filter
from vecs.indexes import METHODS, IndexMethod
from vecs.measures import MEASURES, IndexMeasure, MeasureSpec
from vecs.storage import VEC_TYPES, Precision, VecTypeName

_MEASURE_OF = {spec.opclass_for(kind): measure for measure, spec in MEASURES.items() for kind in VEC_TYPES}
# As Postgres writes expressions back; where pgvector's schema is not on the search path, its name is there, too.
_HALF = r"\({vec}\)::(?:.*\.)?halfvec\((\d+)\)"
_BINARY = r"\((?:.*\.)?binary_quantize\({vec}\)\)::bit\((\d+)\)"

# The measures that binary codes can answer: they depend on the angle between two vectors, wholly or mostly.
BY_ANGLE = (IndexMeasure.cosine_distance, IndexMeasure.max_inner_product, IndexMeasure.l2_distance)
# A regular expression of Postgres for the names of indexes that vecs makes, this version and 0.4.
NAMED_BY_VECS = "^ix_((vector|halfvec|sparsevec|bit|binary|part)_[a-z0-9_]+|meta(_[a-z0-9_]+)?)_[0-9a-f]{7}$"
_TAGS = {"cosine": BY_ANGLE[0], "ip": BY_ANGLE[1], "l2": BY_ANGLE[2]}


@dataclass(frozen=True)
class IndexInfo:
    """
    One index of a collection.

    `measure` is None for an index that is not on all the vectors, `column` for one on other expressions or on a
    part of the rows. `precision` is "full" for an index of the vectors as they are stored, "half" or "binary" for
    one of half-precision vectors or codes made from them, None for others. A binary one serves each of
    `measures`, whichever `measure` it was made for. `valid` is False while an index is being built concurrently,
    or after such a build was interrupted. `options` are its storage parameters. `key` and `key_type` are those of a
    metadata index for ranges, `condition` that of an index on a part of the records, as Postgres words it. `rows`
    is about how many records it covers, 0 where that is not known.
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
    key: str | None = None
    key_type: KeyType | None = None
    condition: str | None = None
    rows: int = 0

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


class _IndexRow(NamedTuple):
    """What `list_indexes` selects; `column`, `opclass` and `expression` are those of an index's only column."""

    name: str
    method: str
    column: str | None
    opclass: str | None
    options: Sequence[str] | None
    valid: bool
    primary: bool
    size_bytes: int
    definition: str
    expression: str | None
    condition: str | None
    rows: int


# Where a row has its name and its condition.
INDEX_NAME, INDEX_CONDITION = 0, 10


def list_indexes(table: Table) -> Fragment:
    """List the indexes of a collection, by name."""
    return qualified(
        """
        select i.relname::pg_catalog.text, am.amname::pg_catalog.text, a.attname::pg_catalog.text,
               opc.opcname::pg_catalog.text, i.reloptions::pg_catalog.text[],
               x.indisvalid, x.indisprimary, pg_catalog.pg_relation_size(i.oid),
               pg_catalog.pg_get_indexdef(i.oid),
               case when x.indnatts = 1 then pg_catalog.pg_get_expr(x.indexprs, x.indrelid) end,
               pg_catalog.pg_get_expr(x.indpred, x.indrelid), greatest(i.reltuples, 0)::bigint
        from pg_catalog.pg_index x
        join pg_catalog.pg_class i on i.oid = x.indexrelid
        join pg_catalog.pg_class t on t.oid = x.indrelid
        join pg_catalog.pg_namespace n on n.oid = t.relnamespace
        join pg_catalog.pg_am am on am.oid = i.relam
        left join pg_catalog.pg_attribute a on a.attrelid = t.oid and a.attnum = x.indkey[0]
        left join pg_catalog.pg_opclass opc on opc.oid = x.indclass[0]
        where n.nspname = {schema}::pg_catalog.text and t.relname = {name}::pg_catalog.text
        order by 1
        """,
        schema=table.schema,
        name=table.name,
    )


def read_indexes(rows: Sequence[tuple[Any, ...]], table: Table) -> list[IndexInfo]:
    """Read the answer of `list_indexes`."""
    return [_index_info(table, _IndexRow(*row)) for row in rows]


def _index_info(table: Table, row: _IndexRow) -> IndexInfo:
    whole = row.condition is None and row.expression is None
    own = table.name_of("vec") if table.has_vectors else None
    precision: Precision | None = "full" if row.column == own and own is not None and whole else None
    if row.condition is None and precision is None:
        precision = _precision(table, row.expression)
    # By operator class, not by name: 0.1's index names do not tell.
    measure = None if precision is None else _MEASURE_OF.get(row.opclass or "")
    if precision == "binary":
        # All binary indexes have one operator class; that they were made for another measure is in our names only.
        tag = re.match(r"ix_binary_([a-z0-9]+)_ops_", row.name)
        measure = _TAGS.get(tag[1] if tag else "", BY_ANGLE[0]) if measure is IndexMeasure.hamming_distance else None
    on_key = row.method == "btree" and row.condition is None
    key, key_type = _key_of(row.expression) if on_key else (None, None)
    return IndexInfo(
        name=row.name,
        method=row.method,
        # An index that a user made on some of the rows: searches do not use it, and index() does not replace it.
        column=own if measure else row.column if whole else None,
        measure=measure,
        options=dict(option.split("=", 1) for option in row.options or ()),
        valid=row.valid,
        primary=row.primary,
        size_bytes=row.size_bytes,
        definition=row.definition,
        precision=None if measure is None else precision,
        key=key,
        key_type=key_type,
        condition=row.condition,
        rows=row.rows,
    )


def _precision(table: Table, expression: str | None) -> Precision | None:
    """Return what an index on an expression holds; None unless it is on all of each vector."""
    if expression is None or not table.has_vectors:
        return None
    vec = "vec" if table.mapped is None else table.mapped.parts["vec"].quoted
    text = unqualified(expression)
    found: list[tuple[Precision, re.Match[str] | None]] = [
        ("half", re.fullmatch(_HALF.replace("{vec}", re.escape(vec)), text, re.DOTALL)),
        ("binary", re.fullmatch(_BINARY.replace("{vec}", re.escape(vec)), text, re.DOTALL)),
    ]
    return next((precision for precision, match in found if match and int(match[1]) == table.dimension), None)


# What Postgres makes of typed_value(); the first literal is the whole key, dots and all.
_KEY = re.compile(
    r"""\s*CASE\s+WHEN \(jsonb_typeof\((?:COALESCE\()?\(metadata -> '((?:[^']|'')*)'::text\).*\) = """
    r"""'(number|string)'::text\) THEN (?:"left"\(.*, 200\)|.*::numeric)\s+ELSE NULL::\w+\s+END\s*""",
    re.DOTALL,
)


def _key_of(expression: str | None) -> tuple[str, KeyType] | tuple[None, None]:
    found = _KEY.fullmatch(unqualified(expression or ""))
    if found is None:
        return None, None
    return found[1].replace("''", "'"), "number" if found[2] == "number" else "string"


def indexed_type(table: Table, precision: Precision) -> VecTypeName:
    """Return the type of what an index holds."""
    if precision == "full":
        return table.vec_type
    return "halfvec" if precision == "half" else "bit"


@dataclass(frozen=True)
class IndexSpec:
    """A vector index as it is to be built: on all records, or on those of a condition."""

    table: Table
    measure: MeasureSpec
    precision: Precision
    method: IndexMethod
    options: Mapping[str, int]
    condition: Fragment = EMPTY

    @property
    def vec_type(self) -> VecTypeName:
        """The type of what it holds."""
        return indexed_type(self.table, self.precision)

    @property
    def opclass(self) -> str:
        """Its operator class."""
        return "bit_hamming_ops" if self.precision == "binary" else self.measure.opclass_for(self.vec_type)


def half_type(table: Table) -> Fragment:
    """Return the type of the collection's vectors in half precision."""
    return qualified(
        "{half}({dimension})", half=table.extension.type("halfvec"), dimension=Literal(table.dimension or 0)
    )


def bits_type(table: Table) -> Fragment:
    """Return the type of the collection's binary codes."""
    return qualified("bit({dimension})", dimension=Literal(table.dimension or 0))


def quantised(table: Table, precision: Precision) -> Fragment:
    """Return what an index holds, as an expression: searches find an index by the same one."""
    vec = Fragment((table.vec_column,))
    if precision == "full":
        return vec
    if precision == "half":
        return qualified("({vec}::{half})", vec=vec, half=half_type(table))
    quantise = table.extension.type("binary_quantize")
    return qualified("({quantise}({vec})::{bits})", quantise=quantise, vec=vec, bits=bits_type(table))


def index_name(spec: IndexSpec, unique: str) -> str:
    """
    Name an index as vecs 0.4 did: stock vecs finds an index, and its measure, by its name.

    It looks at names that begin with `ix_vector`, hence at none that it could not search with.
    """
    if spec.condition.parts:
        # Postgres words conditions its own way, so that a digest stands for the condition.
        return f"{part_of_name(spec.condition)}{spec.measure.opclass}_{unique}"
    tags = {option: tag for option, (*_, tag) in METHODS[spec.method].options.items()}
    described = "_".join(f"{tags[option]}{value}" for option, value in spec.options.items())
    if spec.precision == "binary":
        what = "binary" + spec.measure.opclass[spec.measure.opclass.index("_") :]
    else:
        what = spec.opclass
    return f"ix_{what}_{spec.method.value}_{described}_{unique}"


def create_vector_index(spec: IndexSpec, name: str, *, concurrently: bool) -> Fragment:
    """Create an index on the vectors, or on what a lower precision leaves of them; of all records, or of a part."""
    return qualified(
        "create index{concurrently} {name} on {table} using {method} ({vec} {opclass}) with ({options}){condition}",
        condition=_of_part(spec),
        concurrently=qualified(" concurrently") if concurrently else EMPTY,
        name=Identifier(name),
        table=spec.table.identifier,
        method=Identifier(spec.method.value),
        vec=quantised(spec.table, spec.precision),
        opclass=spec.table.extension.type(spec.opclass),
        options=join(
            ", ",
            (
                fragment("{option} = {value}", option=Identifier(option), value=Literal(value))
                for option, value in spec.options.items()
            ),
        ),
    )


def count_indexed(spec: IndexSpec) -> Fragment:
    """Count the records that an index is on."""
    return qualified(
        "select pg_catalog.count(*) from {table}{condition}",
        table=spec.table.identifier,
        condition=_of_part(spec),
    )


def _of_part(spec: IndexSpec) -> Fragment:
    return qualified(" where {part}", part=spec.condition) if spec.condition.parts else EMPTY


def create_metadata_index(table: Table, name: str, *, concurrently: bool) -> Fragment:
    """Create the GIN index that answers containment, hence equality, on metadata."""
    return qualified(
        "create index{concurrently} {name} on {table} using gin (metadata pg_catalog.jsonb_path_ops)",
        concurrently=qualified(" concurrently") if concurrently else EMPTY,
        name=Identifier(name),
        table=table.identifier,
    )


def part_of_name(part: Fragment) -> str:
    """Return how the names of indexes on the records of this condition begin."""
    # Not "ix_vector": stock vecs would take it for one on all vectors.
    # The digest is of the condition as it once was written, so that indexes that are there are found.
    text = unqualified(part.inline().decode()).replace(" ~~* ", " ilike ").replace(" ~~ ", " like ")
    return f"ix_part_{sha256(text.encode()).hexdigest()[:12]}_"


def serves_part(indexes: Iterable[IndexInfo], node: Filter) -> bool:
    """Whether one of these indexes is on just the records of a filter, or of a condition at its top."""
    names = [index.name for index in indexes if index.condition]
    nodes = [node, *(node.parts if isinstance(node, And) else ())] if names else []
    return any(name.startswith(part_of_name(condition(each))) for each in nodes for name in names)


def key_index_name(key: str, type: KeyType, unique: str) -> str:
    """Name a metadata index for ranges; a hint of the key is in it, for people who read plans."""
    hint = re.sub("[^a-z0-9]+", "_", key.lower())[:30].strip("_")
    return f"ix_meta_{hint}_{type}_{unique}"


def create_key_index(table: Table, name: str, key: str, type: KeyType, *, concurrently: bool) -> Fragment:
    """Create the btree index that answers ranges of numbers or of strings at a key."""
    return qualified(
        "create index{concurrently} {name} on {table} ({value})",
        concurrently=qualified(" concurrently") if concurrently else EMPTY,
        name=Identifier(name),
        table=table.identifier,
        value=Fragment((typed_value(key, type).inline().decode(),)),
    )


def key_types(table: Table, key: str) -> Fragment:
    """Find the JSON types of a key's values, among some of the records."""
    return qualified(
        """
        select distinct pg_catalog.jsonb_typeof(found)
        from (select {value} as found from {table} where {value} is not null limit 10000) as sample (found)
        order by 1
        """,
        value=value_at(key),
        table=table.identifier,
    )


def drop_index(table: Table, name: str, *, concurrently: bool) -> Fragment:
    """Drop an index; absent is no error."""
    return qualified(
        "drop index{concurrently} if exists {index}",
        concurrently=qualified(" concurrently") if concurrently else EMPTY,
        index=Identifier(table.schema, name),
    )


def analyze(table: Table) -> Fragment:
    """Refresh the planner's statistics."""
    return qualified("analyze {table}", table=table.identifier)
