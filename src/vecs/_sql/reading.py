"""What a relation of the catalog is as a collection, or why it is none."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from vecs._sql.comments import read_comment
from vecs._sql.extension import Extension
from vecs._sql.lexemes import PLAIN, preparation_of
from vecs._sql.mapped import Mapped
from vecs._sql.names import unqualified
from vecs._sql.relations import ColumnRow, table_column
from vecs._sql.tables import HASH_COLUMN, NEXT_HASH, NEXT_OF, NEXT_VEC, TEXT_COLUMNS, VECTOR_COLUMNS, Table
from vecs.exc import CollectionAlreadyExists
from vecs.storage import VEC_TYPES

# Ids are strings; what is of one of these types is cast.
KEY_KINDS = ("text", "uuid", "integer")


def read_table(rows: Sequence[tuple[Any, ...]], schema: str, name: str, extension: Extension | None) -> Table | None:
    """
    Read the answer of `find_relation`; None where the name is free.

    Raises CollectionAlreadyExists where the name belongs to something that is not a collection.
    """
    if not rows:
        return None
    found = [ColumnRow(*row) for row in rows]
    columns = {each.column or "": each for each in found}
    problem = _why_no_collection(found[0], columns)
    if extension is None:
        problem = "pgvector is not installed in this database"
    if problem is not None or extension is None:
        raise CollectionAlreadyExists(f'"{schema}"."{name}" exists but is not a collection: {problem}')
    vec, keywords = columns["vec"], columns.get("text_search")
    has_text = all(column in columns for column in TEXT_COLUMNS)
    odd = _is_odd(columns, has_text)
    has_hash = has_text and not odd and _keeps_hash(columns)
    own = {*VECTOR_COLUMNS, *(TEXT_COLUMNS if has_text else ()), "text_search", *([HASH_COLUMN] if has_hash else ())}
    # Of a change of the model that is under way.
    own |= {NEXT_VEC, NEXT_OF, NEXT_HASH}
    made = table_of(found[0], schema, name, extension)
    return replace(
        made,
        vec_number=vec.number if made.comment.get("identity") is not None else 0,
        dimension=vec.typmod if vec.typmod > 0 else None,
        vec_type=vec.type,
        has_text=has_text,
        has_hash=has_hash,
        language=None if keywords is None or keywords.type != "tsvector" else language_of(keywords),
        preparation=PLAIN if keywords is None else preparation_of(keywords.expression),
        keyed=columns["id"].unique,
        not_unique=columns["id"].not_unique,
        extras=tuple(
            table_column(each, each.column)
            for each in found
            if each.readable and each.column and each.column not in own
        ),
        mapped=_mapped(found, has_text, keywords) if odd else None,
    )


def table_of(relation: ColumnRow, schema: str, name: str, extension: Extension) -> Table:
    """Return what a relation is, whatever its columns are."""
    comment = read_comment(relation.comment)
    return Table(
        schema=schema,
        name=name,
        dimension=None,
        extension=extension,
        comment=comment.described,
        comment_damage=comment.damage,
        locks_deleted=relation.locks_deleted,
        row_security=relation.row_security,
        citus=relation.citus,
        oid=relation.oid,
    )


def _why_no_collection(relation: ColumnRow, columns: Mapping[str, ColumnRow]) -> str | None:
    missing = [column for column in VECTOR_COLUMNS if column not in columns]
    if missing:
        return f"it has no column {', '.join(missing)}; client.attach() opens a table whose columns have other names"
    if relation.relkind not in ("r", "p"):
        return "it is not a table; client.attach() opens views, too"
    if relation.parent is not None:
        return f"it is a partition of {relation.parent}; open that table"
    if columns["vec"].type not in VEC_TYPES:
        return f"its column vec has type {columns['vec'].type}; collections hold {', '.join(VEC_TYPES)}"
    if table_column(columns["id"], "").kind not in KEY_KINDS:
        return f"its column id has type {columns['id'].shown}; ids are of type text, varchar, uuid, bigint or integer"
    if columns["metadata"].base not in ("json", "jsonb"):
        return f"its column metadata has type {columns['metadata'].shown}; metadata is of type jsonb or json"
    return None


def _is_odd(columns: Mapping[str, ColumnRow], has_text: bool) -> bool:
    """Whether a column is of another type than a collection's, so that it has to be cast."""
    texts, objects = ["id"], ["metadata"]
    if has_text:
        texts, objects = ["id", "text", "document_id"], ["metadata", "extra"]
    return any(table_column(columns[name], "").kind != "text" for name in texts) or any(
        columns[name].base != "jsonb" for name in objects
    )


def _keeps_hash(columns: Mapping[str, ColumnRow]) -> bool:
    found = columns.get(HASH_COLUMN)
    return found is not None and found.type == "text" and not found.generated and found.readable


def _mapped(found: Sequence[ColumnRow], has_text: bool, keywords: ColumnRow | None) -> Mapped:
    columns = {each.column or "": table_column(each, f"c{each.number}") for each in found}
    parts: list[str] = ["vec", "metadata"]
    if has_text:
        parts += ["text", "document_id", "extra"]
    if keywords is not None and keywords.type == "tsvector":
        parts.append("text_search")
    return Mapped(
        key=columns["id"],
        parts={part: columns[part] for part in parts},
        declared=(),
        columns=tuple(columns[each.column or ""] for each in found if each.readable),
        relation=found[0].relkind,
        shown=found[0].relation,
    )


def language_of(keywords: ColumnRow) -> str:
    """Return the configuration that the keywords are made with; `simple` where a user fills the column."""
    found = re.search(r"to_tsvector\('((?:[^']|'')*)'::regconfig", unqualified(keywords.expression or ""))
    if found is None:
        return "simple"
    return keywords.configuration or found[1].replace("''", "'").removeprefix("pg_catalog.")


def fills_keywords(rows: Sequence[tuple[Any, ...]]) -> bool:
    """Whether somebody else than vecs fills the keywords of a table, by the answer of `find_relation`."""
    columns = (ColumnRow(*row) for row in rows)
    return any(found.column == "text_search" and "to_tsvector(" not in (found.expression or "") for found in columns)
