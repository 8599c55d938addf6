"""The SQL that adds what a table of somebody else lacks, for errors to show."""

from __future__ import annotations

from vecs._checks.meant import near
from vecs._checks.shown import brief
from vecs._sql.fragment import Identifier
from vecs._sql.mapped import leads_into_column
from vecs._sql.relations import KINDS_OF_RELATIONS
from vecs._sql.tables import Table
from vecs.columns import TableColumn
from vecs.exc import ArgError
from vecs.measures import MeasureSpec
from vecs.storage import Precision


def shown(table: Table) -> str:
    """Return the name of a table as SQL has it."""
    return table.mapped.shown if table.mapped is not None and table.mapped.shown else table.identifier.sql


def why_not_written(table: Table) -> str | None:
    """Return why records of a table cannot be written, and what would help; None where they can."""
    mapped = table.mapped
    if mapped is not None and mapped.read_only:
        return "it was attached with read_only=True"
    if mapped is not None and mapped.relation not in ("r", "p"):
        return f"it is a {KINDS_OF_RELATIONS[mapped.relation]}; attach the table itself to write"
    if not table.keyed:
        why = "so that an upsert would not know what to replace"
        return f"its column {key_name(table)} is not unique, {why}: {unique(table)}"
    return None


def check_unique(table: Table, what: str) -> None:
    """Refuse what needs ids that are unique, where a table, of which that can be said, does not have them."""
    if not table.keyed and (table.mapped is None or table.mapped.relation in ("r", "p")):
        raise ArgError(
            f"{what} needs ids that are unique, and column {key_name(table)} of {shown(table)} is not: {unique(table)}"
        )


def why_no_key(table: Table, key: str) -> str | None:
    """Return why a key cannot be one of the metadata, where that is declared columns alone, and what to write."""
    mapped = table.mapped
    if mapped is None or "metadata" in mapped.parts or leads_into_column(key, mapped):
        return None
    first, declared = key.partition(".")[0], [column.name for column in mapped.declared]
    names = [column.name for column in mapped.columns]
    meant = near(key, [*declared, *names])
    if any(first == column.name for column in mapped.undeclared):
        path = "" if first == key else f" for {brief(key)}"
        hint = f"declare it with columns=[{first!r}]{path}" + (f", or write {'$' + key!r}" if first == key else "")
    elif key in names or (key == "id" or (key == "text" and table.has_text)):
        hint = f"write {'$' + key!r}"
    elif key == "document_id":
        hint = "write '$document_id'" if table.has_documents else "name the column with document_id="
    elif meant is not None:
        hint = f"did you mean {(meant if meant in declared else '$' + meant)!r}?"
    else:
        hint = f"they are {', '.join(map(brief, declared)) or 'none'}"
    return (
        f"{shown(table)} was attached without metadata=, so that its keys are those of columns=, and {brief(key)} is "
        f"none of them; {hint}"
    )


def why_not_indexed(table: Table) -> str | None:
    """Return why indexes of a collection cannot be made as searches need them, and what would help."""
    if not table.keyed:
        return f"its column {key_name(table)} is not unique: {unique(table)}"
    metadata = None if table.mapped is None else table.mapped.parts.get("metadata")
    if metadata is not None and metadata.type.name != "jsonb":
        column = metadata.quoted
        return (
            f"no index answers filters on metadata of type {metadata.shown}; first run alter table {shown(table)} "
            f"alter column {column} type jsonb using {column}::jsonb"
        )
    return None


def key_name(table: Table) -> str:
    """Return the name of the column of the ids as SQL has it."""
    return "id" if table.mapped is None else table.mapped.key.quoted


def unique(table: Table) -> str:
    """Return the SQL that makes the ids unique, and where it does not."""
    statement = f"alter table {shown(table)} add unique ({key_name(table)})"
    if table.not_unique == "children":
        return "tables inherit from it, which no constraint spans: attach them one by one, or make it partitioned"
    if table.not_unique == "deferrable":
        return f"its constraint is deferrable, and one is needed that is not: {statement}"
    if table.mapped is not None and table.mapped.relation == "p":
        return f"{statement}, which works if it is partitioned by this column alone; otherwise attach its partitions"
    return statement


def vector_index(table: Table, measure: MeasureSpec, method: str, precision: Precision, part: str = "") -> str:
    """Return the SQL that makes an index on the vectors of an attached table."""
    if table.mapped is None or "vec" not in table.mapped.parts:
        return add_vectors(table)
    column = table.mapped.parts["vec"].quoted
    size = table.dimension or "N"
    schema = "" if table.extension.schema == "public" else f"{Identifier(table.extension.schema).sql}."
    held, opclass = column, f"{schema}{measure.opclass_for(table.vec_type)}"
    if precision == "half" and table.vec_type == "vector":
        held, opclass = f"({column}::{schema}halfvec({size}))", f"{schema}{measure.opclass_for('halfvec')}"
    elif precision == "binary":
        held, opclass = f"({schema}binary_quantize({column})::bit({size}))", f"{schema}bit_hamming_ops"
    return _create_index(table, f"using {method} ({held} {opclass})")


def metadata_index(table: Table) -> str | None:
    """Return the SQL that makes an index on the metadata of an attached table, if it has any."""
    if table.mapped is None or "metadata" not in table.mapped.parts:
        return None
    metadata = table.mapped.parts["metadata"]
    column = metadata.quoted if metadata.type.name == "jsonb" else f"({metadata.quoted}::jsonb)"
    return _create_index(table, f"using gin ({column} jsonb_path_ops)")


def key_index(table: Table, column: TableColumn | None, key: str) -> str:
    """Return the SQL that makes an index for ranges of a column, or of a key of metadata."""
    if column is None:
        return f"declare a column for it, columns=[{brief(key)}], and make an index on that"
    return _create_index(table, f"({column.quoted})")


def _create_index(table: Table, what: str) -> str:
    relation = "r" if table.mapped is None else table.mapped.relation
    if relation in ("v", "f"):
        return f"a {KINDS_OF_RELATIONS[relation]} has no indexes; index the table below it: create index on ... {what}"
    # Postgres makes none of a partitioned table that way.
    return f"create index {'' if relation == 'p' else 'concurrently '}on {shown(table)} {what}"


def add_keywords(table: Table, language: str = "english") -> str:
    """Return the SQL that gives an attached table keywords."""
    mapped = table.mapped
    text = mapped.parts["text"] if mapped is not None and "text" in mapped.parts else None
    if text is None:
        return "name the column of the texts: attach(..., text=...)"
    return (
        f"alter table {shown(table)} add column text_search tsvector generated always as "
        f"(to_tsvector('{language}', left({text.quoted}, 100000))) stored; "
        f"create index on {shown(table)} using gin (text_search)"
    )


def add_column(table: Table, name: str, type: str) -> str:
    """Return the SQL that adds a column."""
    return f"alter table {shown(table)} add column {name} {type}"


def add_vectors(table: Table) -> str:
    """Return the SQL that gives a table vectors."""
    return add_column(table, "embedding", f"vector({table.dimension or 'N'})")


def drop_index(table: Table, name: str) -> str:
    """Return the SQL that drops an index."""
    return f"drop index concurrently {Identifier(table.schema, name).sql}"


def rename(table: Table, name: str) -> str:
    """Return the SQL that renames a table."""
    return f"alter table {shown(table)} rename to {Identifier(name).sql}"
