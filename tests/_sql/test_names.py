"""Whatever a statement names has its schema, and to name it so changes nothing of what the statement means."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from pglast import parse_sql
from tests.names import names_left_to_the_path

from vecs._sql import (
    builds,
    context,
    documents,
    extension,
    groups,
    highlights,
    indexes,
    keywords,
    languages,
    lexemes,
    mapped_merge,
    mapped_named,
    mapped_write,
    ordering,
    records,
    relations,
    sampling,
    search,
    settings,
    summaries,
    tables,
    write,
)
from vecs._sql.answers import Columns
from vecs._sql.binary import vector_param
from vecs._sql.filters import condition, index_condition
from vecs._sql.fragment import Fragment, Param, qualified
from vecs._sql.indexes import IndexSpec
from vecs._sql.keyed import Keyed
from vecs._sql.languages import regconfig
from vecs._sql.mapped import Mapped
from vecs._sql.names import unqualified
from vecs._sql.ordering import Order, Place, Stretch
from vecs._sql.rows import encode_record
from vecs._sql.selection import Selection, mapped_selection
from vecs._sql.server import server_facts
from vecs._sql.shape import Fusion, Grouping, Shape
from vecs._sql.tables import Extension, Table
from vecs._sql.terms import NO_TERMS, WordStatistics, find_statistics, terms_of
from vecs.columns import ColumnType, TableColumn
from vecs.filters import And, parse_filters, parsed_filters
from vecs.indexes import IndexMethod
from vecs.measures import MEASURES, measure_spec
from vecs.records import Record

TABLE = Table("s", 'na"me', 2, Extension("ext", (0, 8, 5), 12345, 1, 2), has_text=True, language="english")
PLAIN = replace(TABLE, has_text=False, language=None)
COSINE = measure_spec("cosine_distance")
VEC = vector_param(np.array([1, 2], np.float32))
# Every operator, with a key that is a path and one that is none.
EVERY = parse_filters(
    {
        "$and": [
            {key: {operator: operand}}
            for key in ("a", "a.b")
            for operator, operand in {
                "$eq": [1, {"x": "y'\\"}],
                "$ne": 1,
                "$gt": 1,
                "$lte": "b",
                "$gte": "c" * 300,
                "$between": [1, 2],
                "$in": [1, "b"],
                "$nin": list(range(60)),
                "$exists": True,
                "$like": "a%",
                "$ilike": "%\\b",
                "$contains_any": list(range(60)),
                "$contains_all": [1, 2],
                "$contains": 1,
            }.items()
        ],
        "$or": [{"b": {"$in": list(range(60))}}, {"$not": {"c": {"$exists": False}}}],
        "$id": {"$in": ["a"], "$nin": ["b"], "$ne": "c"},
        "$document_id": {"$eq": "a", "$like": "b", "$exists": True},
        "$text": {"$contains": "a", "$ilike": "b"},
    }
)
PART = parse_filters({"a": {"$gte": 1}, "b.c": {"$like": "pg_catalog.%'"}, "d": {"$in": ["x"]}})
CHOSEN = Selection(["a"], ["d"], EVERY)
WHOLE = Selection(["a"], filters=EVERY, whole=True)
SHAPE = Shape(TABLE, COSINE, Columns(vec=True, extra=True), 3)
ROWS = [encode_record(Record("a'", [1, 2], text="t'", document_id="d"), TABLE)]


STATISTICS = WordStatistics(1000, {"a": 0.5, "b'\\": 0.4})
FOUND = terms_of([("a", [1, 5], None), ("b'\\", [2], None), ("rare", [3], 4)], STATISTICS)
_TEXT = ColumnType("text", "pg_catalog", "text")
_NUMERIC = ColumnType("numeric", "pg_catalog", "numeric")
KEY = TableColumn("k'\"", ColumnType("uuid", "pg_catalog", "uuid"), "uuid", "c1", identity=True)
BODY, META, WORDS, VECTORS = (
    TableColumn(name, type, "", f"c{n}")
    for n, (name, type) in enumerate(
        [
            ('bo"dy', ColumnType("text", "ext", "citext")),
            ("meta", ColumnType("json", "pg_catalog", "json")),
            ("words", ColumnType("other", "pg_catalog", "tsvector")),
            ("vectors", ColumnType("other", "ext", "vector")),
        ],
        2,
    )
)
DECLARED = tuple(
    TableColumn(f"co'l{n}\\", type, "", f"c{n}")
    for n, type in enumerate(
        [
            ColumnType("integer", "pg_catalog", "int4"),
            _TEXT,
            ColumnType("text", "ext", "citext"),
            ColumnType("json", "pg_catalog", "jsonb"),
            ColumnType("array", "pg_catalog", "_text", (), _TEXT),
            ColumnType("enum", "s", "mood", ("a",)),
        ],
        10,
    )
)
_PARTS = {"vec": VECTORS, "text": BODY, "metadata": META, "text_search": WORDS, "document_id": BODY, "extra": META}
MAPPED = replace(
    TABLE, mapped=Mapped(KEY, _PARTS, DECLARED, (KEY, BODY, META, WORDS, VECTORS, *DECLARED), attached=True)
)
BY_TYPES = parsed_filters(
    {
        f"co'l{n}\\": {
            operator: {"$exists": True, "$between": [one, one]}.get(operator, some if "n" in operator else one)
        }
        for n, operators, one, some in [
            (10, ("$eq", "$ne", "$lt", "$between", "$in", "$nin", "$exists"), 1, [1]),
            (11, ("$eq", "$gt", "$in", "$nin", "$like", "$ilike"), "a", ["a"]),
            (12, ("$eq", "$gt", "$in", "$nin", "$like", "$ilike"), "a", ["a"]),
            (13, ("$eq", "$ne", "$in", "$nin"), 1, [1]),
            (15, ("$eq", "$lt", "$in"), "a", ["a"]),
        ]
        for operator in operators
    }
    | {"co'l14\\": {"$contains": "a", "$contains_any": ["a"], "$contains_all": ["a"], "$eq": ["a"]}}
    | {"co'l13\\": {"$contains": 1, "$contains_any": [1], "$contains_all": [1], "$in": [1], "$nin": [2], "$ne": 1}}
    | {"co'l12\\": {"$contains": "a", "$like": "a", "$in": ["a"]}, "$id": {"$nin": ["a"], "$like": "b"}},
    MAPPED.known_columns,
)


def sent() -> Iterator[tuple[str, Fragment]]:
    yield from (("mapped", each) for each in _of_mapped())
    yield from (("builds", each) for each in _of_builds())
    yield from (("searches", each) for each in _of_searches())
    yield from (("tables", each) for each in _of_tables())
    yield from (("writes", each) for each in _of_writes())


def _of_mapped() -> Iterator[Fragment]:
    assert MAPPED.mapped is not None
    assert BY_TYPES is not None
    vec = Param(VEC)
    id = "00000000-0000-0000-0000-000000000001"
    chosen = mapped_selection(MAPPED.mapped, [id], ["d"], And((EVERY, BY_TYPES)), writes=True)
    shape = SHAPE._replace(table=MAPPED, selection=chosen, candidates=40)
    yield from (search.nearest(shape._replace(precision=kind), vec) for kind in ("full", "half", "binary"))
    yield search.nearest_of_pool(shape._replace(pool=43, probe=True), vec)
    yield keywords.by_words(shape, FOUND)
    fusion = Fusion((50, 50), around=True)
    yield keywords.by_both(shape._replace(fusion=fusion), fusion, vec, FOUND)
    yield records.select_records(MAPPED, Columns(vec=True, extra=True), chosen, records.Page(1, 2, id))
    yield from (records.count_records(MAPPED, chosen), records.count_documents(MAPPED, chosen))
    yield from (records.select_columns(table, [id], DECLARED) for table in (MAPPED, TABLE))
    yield sampling.sample_ids(MAPPED, chosen, 3, 4)
    named = {"title": 1}
    metadata = {column.name: value for column, value in zip(DECLARED, (1, "a", "b", named, ["c"], "a"), strict=True)}
    row = encode_record(Record(id, [1, 2], "t", {**metadata, "rest": 1}, "d", {"e": 1}), MAPPED)
    yield mapped_write.upsert_rows(MAPPED, [row], mapped_named.named_in(MAPPED, [row]))
    yield mapped_write.upsert_rows(MAPPED, [row], mapped_named.named_in(MAPPED, []))
    defaulted = tuple(replace(column, defaulted=True) for column in DECLARED)
    table = replace(MAPPED, mapped=replace(MAPPED.mapped, declared=defaulted))
    other = encode_record(Record(id, metadata={DECLARED[0].name: 1}), MAPPED)
    yield mapped_write.upsert_rows(table, [row, other], mapped_named.named_in(table, [row, other]))
    yield from (mapped_named.named_in_stage(table), mapped_merge.merge_staged(table))
    yield from (mapped_write.create_stage(MAPPED), write.copy_into_stage(MAPPED), mapped_named.named_in_stage(MAPPED))
    yield mapped_write.upsert_stage(MAPPED, mapped_named.named_in(MAPPED, [row]))
    yield mapped_write.delete(MAPPED, chosen)
    for replaces in (True, False):
        yield mapped_write.update_metadata(MAPPED, chosen, {**metadata, "rest": 1}, "{}", replace=replaces)
    yield from (relations.list_relations(["s"]), relations.find_relation("s", "t"))
    by_uuid = replace(MAPPED.mapped, parts={**_PARTS, "document_id": KEY})
    paths = parsed_filters({"co'l13\\.a": {"$gt": 1, "$like": "a"}, "$document_id": id}, MAPPED.known_columns)
    of_documents = mapped_selection(by_uuid, None, [id], paths, writes=True)
    yield records.count_records(replace(MAPPED, mapped=by_uuid), of_documents)
    yield context.neighbours(replace(MAPPED, mapped=by_uuid), Columns(), [id], [id], (1, 2))
    for grouping in (*(Grouping(c.name, 2, c) for c in DECLARED), Grouping("co'l13\\.a", 2, None, True)):
        yield groups.groups_by_both(shape._replace(groups=grouping), fusion, vec, FOUND)
        within = Selection(within=groups.of_groups(MAPPED, grouping, ['"d"', "1"]))
        yield records.count_records(MAPPED, within)
    exact = TableColumn("n", ColumnType("array", "pg_catalog", "_numeric", (), _NUMERIC), "numeric[]", "c20")
    yield records.select_columns(TABLE, [id], [exact, replace(exact, type=_NUMERIC)])


def _of_builds() -> Iterator[Fragment]:
    for measure in MEASURES.values():
        for precision in ("full", "half", "binary"):
            spec = IndexSpec(TABLE, measure, precision, IndexMethod.hnsw, {"m": 16}, index_condition(PART))
            yield indexes.create_vector_index(spec, "i", concurrently=True)
    yield indexes.list_indexes(TABLE)
    yield indexes.create_metadata_index(TABLE, "i", concurrently=False)
    for kind in ("number", "string"):
        yield indexes.create_key_index(TABLE, "i", "a.b", kind, concurrently=False)
    yield indexes.key_types(TABLE, "a.b")
    yield indexes.drop_index(TABLE, "i", concurrently=True)
    yield indexes.analyze(TABLE)
    yield from (builds.try_lock(TABLE), builds.unlock(TABLE), builds.try_lock_transaction(TABLE))
    statement = indexes.analyze(TABLE)
    yield from (builds.read_progress(statement), builds.cancel(statement))
    yield from (builds.being_built(TABLE), builds.estimate(TABLE), builds.timeouts(), builds.RELEASE_SNAPSHOT)


def _of_searches() -> Iterator[Fragment]:
    vec = Param(VEC)
    filtered = SHAPE._replace(selection=CHOSEN, candidates=40)
    for shape in (SHAPE, SHAPE._replace(exact=True, offset=2), filtered, filtered._replace(precision="half")):
        yield search.nearest(shape, vec)
    for measure in MEASURES.values():
        yield search.nearest(SHAPE._replace(measure=measure, precision="binary", candidates=40), vec)
    pool = search.nearest_of_pool(filtered._replace(pool=43, probe=True), vec)
    yield from (pool, search.several([pool, pool]), search.explain(pool, True))
    yield keywords.by_words(filtered, FOUND)
    for fusion in (Fusion((50, 50), around=True), Fusion((50, 50), rrf_constant=60)):
        yield keywords.by_both(filtered._replace(fusion=fusion), fusion, vec, FOUND)
    yield from _of_keys()
    yield from _of_groups(filtered, vec)
    yield from (keywords.find_terms(TABLE, "it's", STATISTICS), keywords.find_dropped(TABLE, "it's"))
    yield find_statistics(TABLE)
    yield keywords.by_words(filtered, NO_TERMS)
    yield context.neighbours(TABLE, Columns(extra=True), ["a"], ["d"], (1, 2))
    yield highlights.lexemes_of(TABLE, ["it's", "a\\b"])
    target = sampling.Target(VEC, 1.0, None)
    yield sampling.sample_ids(TABLE, CHOSEN, 3, 4)
    yield sampling.exact_distances(TABLE, COSINE, CHOSEN, [target, target], limit=3)
    yield records.select_records(TABLE, Columns(vec=True), CHOSEN, records.Page(1, 2, "x"))
    yield records.count_records(TABLE, CHOSEN)
    # Written out, and with what is unpacked once.
    yield qualified("select 1 where {all}", all=condition(EVERY))
    yield records.count_records(TABLE, Selection(filters=And((EVERY, EVERY, EVERY))))
    yield records.select_unordered(PLAIN, Columns(), Selection(filters=PART), 3)


def _of_keys() -> Iterator[Fragment]:
    price = TableColumn("price", _NUMERIC, "numeric", "c9")
    for keyed in (Keyed("a"), Keyed("a.b"), Keyed("a.b", shown=True), Keyed("$id"), Keyed("$text"), Keyed("$p", price)):
        yield summaries.count_values(TABLE, keyed, CHOSEN, 3)
        yield summaries.sum_up(TABLE, keyed, CHOSEN)
        yield summaries.find_kinds(TABLE, [keyed, Keyed("c")], CHOSEN)
        yield ordering.types_at(TABLE, keyed)
        for order in (Order(keyed, True, "string"), Order(keyed, False, "number")):
            stretch = Stretch(Place("1", "a"), 3)
            yield ordering.select_ordered(TABLE, Columns(), CHOSEN, order, stretch)
            yield ordering.select_unvalued(TABLE, Columns(), CHOSEN, order, stretch)


def _of_groups(filtered: Shape, vec: Param) -> Iterator[Fragment]:
    for key in ("a", "a.b", "$id", "$document_id", "$text"):
        shape = filtered._replace(groups=Grouping(key, 2))
        yield groups.nearest_groups(shape, vec)
        yield groups.nearest_groups(shape._replace(pool=50, probe=True), vec)
        yield groups.nearest_groups(shape._replace(pool=50, precision="half"), vec)
        yield groups.groups_by_words(shape, FOUND)
        yield groups.groups_by_both(shape, Fusion((50, 50), around=True), vec, FOUND)
        within = Selection(within=groups.of_groups(TABLE, Grouping(key), ['"d"', "1"]))
        yield records.count_records(TABLE, within)


def _of_tables() -> Iterator[Fragment]:
    yield from tables.create_table(TABLE)
    for preparation in (lexemes.PLAIN, lexemes.UNICODE, lexemes.BYTES):
        yield from tables.add_text(replace(TABLE, has_text=False), '"my"."config"', preparation)
        yield keywords.find_terms(replace(TABLE, preparation=preparation), "it's", STATISTICS)
    yield lexemes.server_encoding()
    yield from (extension.find_extension(), relations.find_relation("s", "t"), tables.find_tables("s"))
    yield from (extension.find_available_extension(), tables.create_schema("s"), tables.find_schema("s"))
    yield from (tables.write_comment(TABLE, {"a": "it's"}), tables.lock_creation(), languages.find_language("english"))
    yield from (languages.list_languages(), tables.drop_table("s", "t"), tables.rename_table("s", "t", "u"))
    yield from (tables.truncate_table(TABLE), tables.table_facts(TABLE), server_facts())
    yield from (settings.index_settings(), settings.ping(), settings.find_prepared(), *settings.FORGET_SESSION)


def _of_writes() -> Iterator[Fragment]:
    for table in (TABLE, replace(TABLE, locks_deleted=False), replace(TABLE, citus=True)):
        yield from (write.upsert_rows(table, ROWS), write.upsert_rows(table, ROWS, ["d"]))
        yield from (write.delete_documents(table, ["d"]), write.delete(table, CHOSEN), write.fill_text(table, "k"))
        yield write.delete(table, Selection(["a"]))
        yield write.create_stage(table)
        yield from (write.upsert_stage(table, ["d"]), write.upsert_rows(table, ROWS, ["d"], write.Span("a", "b")))
        yield write.delete_stale_of_stage(table, ["d"])
        yield write.drop_superseded({"d": 3})
        guards = write.Guards(documents=True, table=True)
        yield from (write.upsert_rows(table, ROWS, ["d"], None, guards), write.upsert_stage(table, ["d"], guards))
        yield from (documents.find_ambiguous(table, ["d"]), documents.find_ambiguous_of_stage(table))
        yield from (documents.find_shared_of_stage(), documents.lock_all_ids(table))
        yield documents.lock_ids(table, ["a"], ["d"])
        yield from (write.delete(table, WHOLE), records.count_documents(table, CHOSEN))
        for chosen in (CHOSEN, Selection(["a"])):
            yield write.update_metadata(table, chosen, "{}", "{}", replace=False)
            yield write.update_metadata(table, chosen, "{}", replace=True)


STATEMENTS = {f"{room}-{number}": each.render()[0].decode() for number, (room, each) in enumerate(sent())}


@pytest.mark.parametrize("name", STATEMENTS)
def test_every_name_of_a_statement_has_its_schema(name: str) -> None:
    assert names_left_to_the_path(STATEMENTS[name]) == []


@pytest.mark.parametrize("name", STATEMENTS)
def test_operators_with_their_schema_bind_as_they_do_without_it(name: str) -> None:
    text = STATEMENTS[name]

    def bare(node: object) -> object:
        if isinstance(node, dict):
            return {
                key: bare(value)
                for key, value in node.items()
                if key
                not in (
                    "location",
                    "stmt_len",
                    "name_location",
                    "list_start",
                    "list_end",
                    "rexpr_list_start",
                    "rexpr_list_end",
                )
            }
        if isinstance(node, list | tuple):
            kept = [bare(each) for each in node]
            return [each for each in kept if each != {"@": "String", "sval": "pg_catalog"}]
        return node

    written = re.sub(r"operator\(pg_catalog\.([^\s()]+)\)", r"\1", text)
    assert bare(parse_sql(written)[0].stmt(skip_none=True)) == bare(parse_sql(text)[0].stmt(skip_none=True))


def test_an_expression_loses_its_schema_but_no_constant_does() -> None:
    text = """(metadata OPERATOR(pg_catalog.->) 'pg_catalog.it''s'::pg_catalog.text) COLLATE pg_catalog."C" """
    assert unqualified(text) == """(metadata -> 'pg_catalog.it''s'::text) COLLATE "C" """


@pytest.mark.parametrize(
    ("language", "name"),
    [
        ("english", "pg_catalog.english"),
        ('"with.dot"', 'pg_catalog."with.dot"'),
        ("my.english", "my.english"),
        ('"a.b""c"."d e"', '"a.b""c"."d e"'),
    ],
)
def test_a_language_without_a_schema_is_one_of_the_servers(language: str, name: str) -> None:
    assert regconfig(language) == name


def test_the_index_on_a_part_that_was_made_before_is_known_by_its_name() -> None:
    assert indexes.part_of_name(index_condition(PART)) == "ix_part_61950258d2dc_"
