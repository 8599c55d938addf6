"""A relation of somebody else as a collection: which of its columns hold the parts of a record."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from vecs._checks.meant import near
from vecs._checks.numbers import checked_flag
from vecs._checks.shown import brief
from vecs._sql.extension import Extension
from vecs._sql.lexemes import PLAIN, preparation_of
from vecs._sql.mapped import Mapped
from vecs._sql.reading import KEY_KINDS, language_of, table_of
from vecs._sql.relations import KINDS_OF_RELATIONS, ColumnRow, table_column
from vecs._sql.tables import Table, check_name
from vecs.columns import TableColumn
from vecs.exc import ArgError
from vecs.storage import VEC_TYPES

# A name in double quotes, in which two stand for one, or a name without.
_NAME = re.compile(r'"((?:[^"]|"")+)"|([^".]+)')
_SHOWN = 30


@dataclass(frozen=True)
class Attachment:
    """What was said of a table: its schema (None: to be looked for), its name, and what its columns are."""

    schema: str | None
    name: str
    id: str | None
    parts: tuple[tuple[str, str], ...]
    columns: tuple[str, ...]
    read_only: bool
    # How the keywords are read where a program fills their column.
    language: str | None = None


def attachment(name: Any, id: Any, parts: Mapping[str, Any], columns: Any, read_only: Any) -> Attachment:
    """Return what the arguments of `attach()` say; raises ArgError for what cannot be meant."""
    schema, table = relation_name(name)
    return Attachment(
        schema,
        table,
        None if id is None else _column_name(id, "id"),
        tuple((part, _column_name(value, part)) for part, value in parts.items() if value is not None),
        _column_names(columns),
        checked_flag(read_only, "read_only"),
    )


def relation_name(name: Any) -> tuple[str | None, str]:
    """Return the schema, if there is one, and the name that name a table; raises ArgError for what names none."""
    if isinstance(name, tuple | list):
        pair = list(cast("Sequence[Any]", name))
        if len(pair) != 2:
            raise ArgError(f"a table is named by a pair (schema, table), not by {brief(pair)}")
        return check_name(pair[0], "schema name"), check_name(pair[1], "table name")
    if not isinstance(name, str):
        raise ArgError(f'the table is "schema.table", "table" or a pair (schema, table), not {brief(name)}')
    found = list(_NAME.finditer(name))
    if not found or ".".join(each[0] for each in found) != name or len(found) > 2:
        raise ArgError(
            f"{brief(name)} names no table: write 'schema.table', put names with dots or quotes in double quotes, or "
            "give a pair (schema, table)"
        )
    names = [each[2] if each[1] is None else each[1].replace('""', '"') for each in found]
    schema = check_name(names[0], "schema name") if len(names) == 2 else None
    return schema, check_name(names[-1], "table name")


def _column_name(value: Any, what: str) -> str:
    if not isinstance(value, str):
        raise ArgError(f"{what}= is the name of a column, not {brief(value)}")
    return check_name(value, f"name of a column ({what}=)")


def _column_names(columns: Any) -> tuple[str, ...]:
    if columns is None:
        return ()
    if isinstance(columns, str | bytes | Mapping) or not isinstance(columns, Iterable):
        every = columns is True or columns == "*"
        shown = f"; write columns=[{columns!r}]" if isinstance(columns, str) else ""
        if every:
            shown = (
                "; name each that is to be a key of metadata, and include_columns=True of search(), get() and scan() "
                "returns all others"
            )
        raise ArgError(f"columns= is a list of names of columns, not {brief(cast('Any', columns))}{shown}")
    names = [_column_name(each, "columns") for each in cast("Iterable[Any]", columns)]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ArgError(f"columns= names {brief(twice)} twice")
    hidden = next((name for name in names if name.startswith("$")), None)
    if hidden is not None:
        raise ArgError(
            f"columns= names {brief(hidden)}, and no key of metadata that filters use begins with $: leave it out; "
            f"filters reach it as {'$' + hidden!r}"
        )
    return tuple(names)


def read_attached(rows: Sequence[tuple[Any, ...]], given: Attachment, schema: str, extension: Extension) -> Table:
    """Read the answer of `find_relation`, by what was said of the table; raises ArgError where it is not so."""
    found = [ColumnRow(*row) for row in rows]
    relation = found[0]
    what = relation.relation
    if relation.relkind not in KINDS_OF_RELATIONS:
        raise ArgError(f"{what} is neither a table nor a view")
    rows_of = {each.column: each for each in found if each.column}
    columns = {name: table_column(each, f"c{each.number}") for name, each in rows_of.items()}

    def column(name: str, argument: str) -> TableColumn:
        if name not in columns:
            meant = near(name, columns)
            hint = f"; did you mean {brief(meant)}?" if meant is not None else ""
            raise ArgError(f"{what} has no column {brief(name)}, which {argument}= names; {_listed(columns)}{hint}")
        return columns[name]

    key = _key_of(found, given, column)
    parts: dict[str, TableColumn] = {part: column(name, part) for part, name in given.parts}
    if "vec" not in parts and "text" not in parts:
        vectors = [name for name, each in rows_of.items() if each.type in VEC_TYPES and each.type != "bit"]
        hint = f"vec={vectors[0]!r}" if vectors else f"text=; {_listed(columns)}"
        raise ArgError(f"attach({what}) needs vec= or text=, the columns of the vectors and of the texts: give {hint}")
    _check_parts(rows_of, parts)
    if "text_search" not in parts and (keywords := _keywords(found, parts)) is not None:
        parts["text_search"] = columns[keywords]
    declared = tuple(column(name, "columns") for name in given.columns)
    _check_once(key, parts, declared)
    vec = rows_of[parts["vec"].name] if "vec" in parts else None
    keywords = rows_of[parts["text_search"].name] if "text_search" in parts else None
    # A select that names a column needs the privilege to read it.
    readable = tuple(each for name, each in columns.items() if rows_of[name].readable)
    mapped = Mapped(key, parts, declared, readable, relation.relkind, True, given.read_only, relation.relation)
    return replace(
        table_of(relation, schema, given.name, extension),
        # The comment of a table of others is theirs.
        comment={},
        comment_damage=None,
        dimension=vec.typmod if vec is not None and vec.typmod > 0 else None,
        vec_type=vec.type if vec is not None else "vector",
        has_text="text" in parts,
        language=_language(keywords, given.language),
        preparation=PLAIN if keywords is None else preparation_of(keywords.expression),
        keyed=rows_of[key.name].unique,
        not_unique=rows_of[key.name].not_unique,
        mapped=mapped,
    )


def _language(keywords: ColumnRow | None, given: str | None) -> str | None:
    if given is None:
        return None if keywords is None else language_of(keywords)
    if keywords is None:
        raise ArgError("language= is that of the column of keywords, and text_search=, which names it, is missing")
    made = language_of(keywords) if keywords.generated else given
    if made != given:
        what = f"column {brief(keywords.column)} of {keywords.relation}"
        raise ArgError(f"Postgres generates {what} with {made!r}, not with language={given!r}; leave out language=")
    return given


def _listed(names: Iterable[str]) -> str:
    listed = list(names)
    more = ", ..." if len(listed) > _SHOWN else ""
    return f"its columns are {', '.join(map(brief, listed[:_SHOWN]))}{more}"


def _key_of(found: Sequence[ColumnRow], given: Attachment, column: Any) -> TableColumn:
    what = found[0].relation
    name = given.id
    if name is None:
        name = next((each.column for each in found if each.primary), None)
    if name is None:
        kind = KINDS_OF_RELATIONS[found[0].relkind]
        raise ArgError(
            f"{what}, a {kind}, has no primary key of one column: say which column has the ids with id=; "
            f"{_listed(each.column for each in found if each.column)}"
        )
    key: TableColumn = column(name, "id")
    if key.kind not in KEY_KINDS or (key.kind == "text" and key.type.schema != "pg_catalog"):
        raise ArgError(
            f"column {brief(name)} of {what} is {key.shown}; ids may be of type uuid, bigint, integer, smallint, text "
            "and varchar"
        )
    return key


def _check_parts(rows: Mapping[str, ColumnRow], parts: Mapping[str, TableColumn]) -> None:
    for part, column in parts.items():
        row, problem = rows[column.name], ""
        if part == "vec" and row.type not in VEC_TYPES:
            problem = f"vectors are of type {', '.join(VEC_TYPES)}"
            if column.kind == "array":
                altered = f"alter table {row.relation} alter column {row.quoted}"
                problem += f": {altered} type vector(N) using {row.quoted}::vector(N)"
        elif part == "text" and column.kind != "text":
            problem = "texts are of type text or varchar"
        elif part == "metadata" and column.kind != "json":
            problem = "metadata is of type jsonb or json; other columns are keys of it with columns=[...]"
        elif part == "document_id" and column.kind not in KEY_KINDS:
            problem = "document ids are of type text, varchar, uuid, bigint or integer"
        elif part == "text_search" and row.type != "tsvector":
            problem = "keywords are of type tsvector"
        if problem:
            what = f"column {brief(column.name)} of {row.relation}"
            raise ArgError(f"{what} is {column.shown}, and {part}= names it; {problem}")


def _keywords(found: Sequence[ColumnRow], parts: Mapping[str, TableColumn]) -> str | None:
    """Return the generated column of keywords over the texts, if there is just one."""
    if "text" not in parts:
        return None
    text = re.compile(rf"(?<![\w\"]){re.escape(parts['text'].quoted)}(?![\w\"])")
    names = [
        each.column
        for each in found
        if each.type == "tsvector" and each.generated and text.search(each.expression or "")
    ]
    return names[0] if len(names) == 1 else None


def _check_once(key: TableColumn, parts: Mapping[str, TableColumn], declared: Sequence[TableColumn]) -> None:
    uses = [("id", key.name), *((part, each.name) for part, each in parts.items())]
    uses += [("columns", each.name) for each in declared]
    first: dict[str, str] = {}
    for argument, name in uses:
        if name in first:
            raise ArgError(f"column {brief(name)} is named by {first[name]}= and by {argument}=; it can be one of them")
        first[name] = argument
