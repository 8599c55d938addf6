"""The shape of statements: values as parameters, and the forms that Citus runs as well as plain Postgres."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any
from uuid import UUID

import numpy as np
import pytest

from vecs._sql import documents, indexes, records, search, settings, tables, write
from vecs._sql.answers import Columns
from vecs._sql.binary import vector_param
from vecs._sql.extension import read_extension
from vecs._sql.filters import index_condition
from vecs._sql.fragment import Fragment, Identifier, Literal, Param, fragment, join
from vecs._sql.indexes import IndexSpec
from vecs._sql.rows import encode_record
from vecs._sql.selection import Selection, where
from vecs._sql.shape import Shape
from vecs._sql.tables import Extension, Table
from vecs.exc import ArgError
from vecs.filters import Column, Contains, Filter, Not, Range, parse_filters
from vecs.indexes import IndexMethod
from vecs.measures import measure_spec
from vecs.records import Record

TABLE = Table("s", 'na"me', 2, Extension("public", (0, 8, 5), 12345), has_text=True, oid=7)
COSINE = measure_spec("cosine_distance")
VEC = vector_param(np.array([1, 2], np.float32))
FILTERS = parse_filters({"k'": "v'; drop table x --", "$or": [{"a.b": {"$in": [1]}}, {"c": {"$like": "%"}}]})
COLUMNS = parse_filters(
    {
        "$id": {"$in": ["a'", "'; drop table x --"]},
        "$document_id": {"$nin": ["d'"], "$like": "a'%"},
        "$not": {"$text": {"$contains": "a' and d'"}},
    }
)
PAGE = records.Page(1, after="x'")
ROWS = [encode_record(Record("a'", [1, 2], text="t'", document_id="d"), TABLE)]


def statements(table: Table = TABLE) -> dict[str, Fragment]:
    return {
        "nearest": search.nearest(Shape(table, COSINE, Columns(), 3, selection=Selection(filters=FILTERS)), Param(VEC)),
        "exact": search.nearest(Shape(table, COSINE, Columns(vec=True), 3, 2, exact=True), Param(VEC)),
        "records": records.select_records(table, Columns(), Selection(["a'"], ["d'"], FILTERS), PAGE),
        "count": records.count_records(table, Selection(filters=FILTERS)),
        "delete": write.delete(table, Selection(ids=["a'"])),
        "update": write.update_metadata(table, Selection(filters=FILTERS), "{}", replace=False),
        "upsert": write.upsert_rows(table, ROWS, ["d'"]),
        "stage": write.upsert_stage(table),
        "columns": records.select_records(table, Columns(), Selection(filters=COLUMNS)),
        "extra": write.update_metadata(table, Selection(["a'"]), "{}", '{"d\'": 1}', replace=False),
        "stale": write.delete_stale_of_stage(table, ["d'"]),
        "replaced": write.upsert_stage(table, ["d'"]),
        "portion": write.upsert_rows(table, ROWS, ["d'"], write.Span("a'", "b'")),
        "documents": write.delete_documents(table, ["d'"]),
        "filtered": write.delete(table, Selection(filters=FILTERS)),
        "fill": write.fill_text(table, "a'"),
        "whole": write.delete(table, Selection(["a'"], whole=True)),
        "guarded": write.upsert_rows(table, ROWS, ["d'"], None, write.Guards(documents=True)),
        "same table": write.upsert_rows(table, ROWS, ["d'"], None, write.Guards(table=True)),
        "same table staged": write.upsert_stage(table, ["d'"], write.Guards(table=True)),
        "ambiguous": documents.find_ambiguous(table, ["a'"]),
        "documents counted": records.count_documents(table, Selection(["a'"])),
    }


STATEMENTS = statements()
# Those that write many rows.
LOCKING = ["update", "filtered", "documents", "fill", "upsert", "replaced", "portion", "stale", "whole", "guarded"]
LOCKING += ["same table", "same table staged"]

# Those that fail where the table was made anew.
GUARDED = ["nearest", "exact", "same table", "same table staged"]


@pytest.mark.parametrize("name", STATEMENTS)
def test_no_value_is_in_the_text_of_a_statement(name: str) -> None:
    text = STATEMENTS[name].render()[0].decode()
    assert "drop table" not in text
    assert "a'" not in text
    assert "d'" not in text
    assert ";" not in text
    assert '"na""me"' in text


@pytest.mark.parametrize("name", STATEMENTS)
@pytest.mark.parametrize("citus", [False, True])
def test_statements_keep_to_what_each_engine_runs(name: str, citus: bool) -> None:
    text = statements(replace(TABLE, citus=citus))[name].render()[0].decode().lower()
    for forbidden in ("set_config", " over (", "lateral", "merge into", "reltuples", "ctid", "now("):
        assert forbidden not in text
    locks = "for update" in text or "for no key update" in text
    assert locks == (name in LOCKING and not citus)
    # Citus does not know the table's own OID in a statement that it hands to others.
    assert ("made anew" in text) == (name in GUARDED and not citus)
    if "do update set" in text:
        updates = text.split("do update set")[1].split(" returning ")[0].split(" where ")[0]
        assert all(re.fullmatch(r'\s*"\w+" = excluded\."\w+"', part) for part in updates.split(","))
    for argument in re.findall(r"unnest\((.*?)\)", text):
        assert re.fullmatch(r'\$\d+::[\w".]+\[\]', argument)


@pytest.mark.parametrize("name", STATEMENTS)
def test_many_rows_are_locked_in_the_order_of_the_bytes_of_their_ids(name: str) -> None:
    text = STATEMENTS[name].render()[0].decode()
    # The database's own order of strings may be any language's.
    if name in (*LOCKING, "stage"):
        assert not re.search(r"(order by|distinct on \()\s*id(?! collate pg_catalog.\"C\")", text)
    for lock in ("for update)", "for no key update)"):
        for before in text.split(lock)[:-1]:
            assert before.endswith(('order by id collate pg_catalog."C" ', "where t.id operator(pg_catalog.=) u.id "))
    if "u.stale" in text:
        # One row at a time: the sort ends before the first lock.
        assert 'as n order by id collate pg_catalog."C" offset 0) as u where case when u.stale then (select' in text


def test_a_deletion_of_stale_chunks_waits_for_the_upsert() -> None:
    text = STATEMENTS["upsert"].render()[0].decode()
    assert text.startswith("with written as (insert into ")
    assert text.endswith(" and (select pg_catalog.count(*) from written) operator(pg_catalog.>=) 0")


def test_one_record_is_changed_without_a_lock_before() -> None:
    one = Selection(["a"])
    assert (
        write.delete(TABLE, one).render()[0].decode()
        == 'delete from "s"."na""me" where id operator(pg_catalog.=) any($1::pg_catalog.text[]) returning id'
    )
    text = write.update_metadata(TABLE, one, "{}", replace=True).render()[0].decode()
    assert text == (
        'update "s"."na""me" set "metadata" = $1::pg_catalog.jsonb '
        "where id operator(pg_catalog.=) any($2::pg_catalog.text[]) returning id"
    )


def test_a_nearest_neighbour_query_selects_its_distance_and_has_a_limit() -> None:
    text = STATEMENTS["nearest"].render()[0].decode()
    assert 'operator("public".<=>)' in text
    assert " as distance" in text
    assert re.search(r"order by distance limit \$\d+::bigint$", text)


def test_a_pool_is_limited_inside_and_ranked_outside() -> None:
    selection = Selection(filters=FILTERS)
    shape = Shape(TABLE, COSINE, Columns(), 3, 2, selection=selection, pool=43, probe=True)
    text, params = search.nearest_of_pool(shape, Param(VEC)).render()
    outside, inside = text.decode().split("from (select id,")
    candidates = inside.split(") as candidate")[0]
    assert re.search(r"order by distance limit \$\d+::bigint$", candidates)
    assert "over (" not in candidates
    assert candidates.count("select") == 0
    assert "over ()" in outside
    # The vector is sent once, though it is compared twice.
    assert params.count(VEC) == 1
    assert "drop table" not in text.decode()


def test_conditions_on_columns_leave_the_column_to_its_index() -> None:
    text, params = where(Selection(filters=COLUMNS)).render()
    assert text.decode() == (
        ' where (("id" operator(pg_catalog.=) any($1::pg_catalog.text[])) and (("document_id" is not null and '
        '"document_id" operator(pg_catalog.<>) all($2::pg_catalog.text[])) and '
        '("document_id" operator(pg_catalog.~~) $3::pg_catalog.text)) and '
        '(((pg_catalog.strpos("text", $4::pg_catalog.text) operator(pg_catalog.>) 0)) is not true))'
    )
    assert params == [["a'", "'; drop table x --"], ["d'"], "a'%", "a' and d'"]


def test_an_index_is_on_no_part_that_columns_choose() -> None:
    for key, each in {
        "$id": COLUMNS,
        "$text": parse_filters({"$or": [{"n": 1}, {"$text": {"$exists": True}}]}),
    }.items():
        with pytest.raises(ArgError, match=rf"\{key} cannot choose the records of an index"):
            index_condition(each)


@pytest.mark.parametrize(
    ("filters", "node"),
    [
        ({"$id": 5}, Column("id", "$eq", "5")),
        ({"$id": UUID(int=1)}, Column("id", "$eq", str(UUID(int=1)))),
        ({"$id": {"$in": [1, "b"]}}, Column("id", "$in", ("1", "b"))),
        ({"$document_id": {"$exists": False}}, Column("document_id", "$exists", False)),
        ({"$text": {"$contains": "a%"}}, Column("text", "$contains", "a%")),
        ({"$text": {"$not": {"$eq": ""}}}, Not((Column("text", "$eq", ""),))),
        ({"a": {"$contains": "a"}}, Contains("a", ("a",), every=True)),
    ],
)
def test_a_key_that_names_a_column_is_parsed_as_one(filters: dict[str, Any], node: Filter) -> None:
    assert parse_filters(filters) == node


def test_settings_are_single_statements_of_literals() -> None:
    for local in (True, False):
        text, params = settings.set_statement("hnsw.ef_search", "10'; drop", local=local).render()
        assert params == []
        assert text.decode() == f"""set {"local " if local else ""}"hnsw"."ef_search" = '10''; drop'"""


@pytest.mark.parametrize("local", [True, False])
def test_many_settings_are_one_statement_of_parameters_and_the_role_comes_last(local: bool) -> None:
    text, params = settings.set_all({"role": "r'", "app.tenant": "a'"}, local=local).render()
    until = str(local).lower()
    call = "pg_catalog.set_config(${}::pg_catalog.text, ${}::pg_catalog.text, " + until + ")"
    assert text.decode() == f"select {call.format(1, 2)}, {call.format(3, 4)}"
    assert params == ["app.tenant", "a'", "role", "r'"]


@pytest.mark.parametrize("value", ["plain", "it's", "back\\slash", "'; drop table x; --", "\\'"])
def test_a_literal_reads_as_what_it_was(value: str) -> None:
    sql = Literal(value).sql.strip()
    body = sql[1:] if sql.startswith("E") else sql
    assert body.startswith("'")
    assert body.endswith("'")
    inner = body[1:-1].replace("''", "'")
    assert (inner.replace("\\\\", "\\") if sql.startswith("E") else inner) == value


def test_a_fragment_numbers_its_parameters_and_sends_each_once() -> None:
    inner = fragment("x = {x} or y = {x}", x="v")
    whole = fragment("select {c} where {inner} and {n} < z", c=Identifier('q"'), inner=inner, n=5)
    assert whole.render() == (b'select "q""" where x = $1 or y = $1 and $2 < z', ["v", 5])
    assert join(" and ", [inner, inner]).render() == (b"x = $1 or y = $1 and x = $1 or y = $1", ["v"])
    assert whole.inline() == b"select \"q\"\"\" where x = 'v' or y = 'v' and 5 < z"


def test_a_fragment_shows_no_values() -> None:
    assert "secret" not in repr(fragment("select {x}", x="secret"))


def test_dates_of_numpy_are_compared_as_they_are_stored() -> None:
    assert parse_filters({"day": {"$gt": np.datetime64("2020-05-17")}}) == Range("day", "$gt", "2020-05-17")


@pytest.mark.parametrize("name", ["", "a" * 64, "é" * 32, "x\0", 5, None, "\ud800"])
def test_a_name_postgres_would_cut_or_refuse_is_refused(name: Any) -> None:
    with pytest.raises(ValueError, match="collection name"):
        tables.check_name(name)


def test_an_index_is_named_as_stock_vecs_looks_for_it() -> None:
    spec = IndexSpec(TABLE, COSINE, "full", IndexMethod.hnsw, {"m": 16, "ef_construction": 64})
    name = indexes.index_name(spec, "abcdefg")
    assert name == "ix_vector_cosine_ops_hnsw_m16_efc64_abcdefg"
    spec = IndexSpec(TABLE, measure_spec("l2_distance"), "full", IndexMethod.ivfflat, {"lists": 30})
    name = indexes.index_name(spec, "abcdefg")
    assert name == "ix_vector_l2_ops_ivfflat_nl30_abcdefg"


@pytest.mark.parametrize("precision", ["half", "binary"])
def test_stock_vecs_does_not_see_an_index_it_cannot_search_with(precision: Any) -> None:
    name = indexes.index_name(IndexSpec(TABLE, COSINE, precision, IndexMethod.hnsw, {"m": 16}), "abcdefg")
    # What it looks for is `ilike 'ix_vector%'`.
    assert not re.match("ix.vector", name)


def test_versions_compare_by_number() -> None:
    assert read_extension([("public", "0.10.0", 1, None, None)]) == Extension("public", (0, 10, 0), 1)
    assert Extension("x", (0, 10, 0), 1).iterative_scan
    assert not Extension("x", (0, 7, 4), 1).iterative_scan
