"""Nothing on the search_path gets hold of what vecs sends."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import numpy as np
import psycopg
import pytest
from psycopg import sql
from psycopg.abc import Query
from psycopg.conninfo import make_conninfo

import vecs
from tests.names import names_left_to_the_path
from tests.shadows import SHADOWS
from vecs.indexes import IndexMethod

pytestmark = pytest.mark.filterwarnings("ignore:Query does not have a covering index")

# First with pg_catalog in front of all, where Postgres puts it unasked: only what fits better is found in `evil`.
PATHS = {"implicit": "evil, public", "last": "evil, public, ext, pg_catalog"}


@pytest.fixture(scope="module", params=PATHS)
def shadowed(superuser_target: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """A database whose search_path begins with traps."""
    name = sql.Identifier(f"shadowed_{request.param}")
    role = sql.Identifier(f"shadowed_role_{request.param}")
    with psycopg.connect(superuser_target, autocommit=True) as server:
        server.execute(sql.SQL("create role {}").format(role))
        server.execute(sql.SQL("create database {}").format(name))
        inside = make_conninfo(superuser_target, dbname=f"shadowed_{request.param}")
        with psycopg.connect(inside, autocommit=True) as connection:
            connection.execute("create schema ext; create extension vector schema ext")
            for statement in SHADOWS:
                connection.execute(statement)
            path = sql.SQL(PATHS[request.param])
            connection.execute(sql.SQL("alter database {} set search_path = {}").format(name, path))
            connection.execute(sql.SQL("grant create on database {} to {}").format(name, role))
        yield make_conninfo(inside, options=f"-c role=shadowed_role_{request.param}")
        server.execute(sql.SQL("drop database {} with (force)").format(name))
        server.execute(sql.SQL("drop role {}").format(role))


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The statements that psycopg sends."""
    texts: list[str] = []
    lock = threading.Lock()

    def noting(method: Callable[..., Any]) -> Callable[..., Any]:
        def noted(self: Any, query: Query, *args: Any, **kwargs: Any) -> Any:
            with lock:
                texts.append(query.decode() if isinstance(query, bytes) else str(query))
            return method(self, query, *args, **kwargs)

        return noted

    for cls in (psycopg.Cursor, psycopg.AsyncCursor):
        for name in ("execute", "copy"):
            monkeypatch.setattr(cls, name, noting(getattr(cls, name)))
    return texts


def all_qualified(texts: list[str]) -> list[tuple[str, str]]:
    assert texts
    return [(found, text) for text in sorted(set(texts)) for found in names_left_to_the_path(text)]


EVERY_OPERATOR: list[dict[str, Any]] = [
    {"kind": "a"},
    {"kind": {"$ne": "a"}},
    {"n": {"$gte": 1, "$lt": 1e6}},
    {"kind": {"$gt": "A"}},
    {"kind": {"$lt": "z" * 300}},
    {"n": {"$between": [0, 5]}},
    {"n": {"$in": [1, 2]}},
    {"n": {"$in": list(range(60))}},
    {"n": {"$nin": [7]}},
    {"kind": {"$like": "a%"}},
    {"kind": {"$ilike": "A%"}},
    {"tags": {"$contains": "x"}},
    {"tags": {"$contains_any": [str(i) for i in range(60)]}},
    {"tags": {"$contains_all": ["x", "y"]}},
    {"deep.key": 1},
    {"deep.key": {"$lte": 3}},
    {"deep": {"$eq": {"key": 1}}},
    {"kind": {"$exists": True}},
    {"$or": [{"n": 1}, {"$not": {"kind": "b"}}]},
    {"$id": {"$in": ["1", "2"]}},
    {"$id": {"$nin": ["1"], "$like": "%", "$ne": "x"}},
]
ON_TEXT: list[dict[str, Any]] = [
    {"$text": {"$contains": "oil", "$ilike": "%OIL%"}},
    {"$document_id": {"$exists": True}},
    {"$document_id": {"$nin": ["x"], "$eq": "d"}},
]


def rows(count: int, start: int = 0) -> list[tuple[str, list[float], dict[str, Any]]]:
    return [
        (
            str(i),
            [1.0, i, -i, 2.0],
            {"kind": "ab"[i % 2], "n": i, "tags": ["x", "y"], "deep": {"key": i % 3}},
        )
        for i in range(start, start + count)
    ]


def read_and_change(docs: vecs.Collection, filters: list[dict[str, Any]]) -> None:
    """Call whatever reads and writes records."""
    docs.upsert(rows(30))
    docs.upsert(rows(700))
    assert len(docs) == 700
    for each in filters:
        docs.search([1, 2, 3, 4], filters=each, limit=3, include_vector=True)
        docs.count(filters=each)
        docs.update_metadata({"seen": True}, filters=each)
    assert docs.search([1, 2, 3, 4], limit=2)
    docs.search_many([[1, 2, 3, 4]] * 12, limit=2)
    docs.query([1, 2, 3, 4], limit=2, include_value=True)
    docs.explain([1, 2, 3, 4], filters={"n": 1}, analyze=True)
    assert [record.id for record in docs.get(["1", "2"])] == ["1", "2"]
    assert len(docs.fetch(["1", "2"])) == 2
    assert len(list(docs.scan())) == 700
    assert docs.facets("kind") == [("a", 350), ("b", 350)]
    assert docs.facets("tags", filters={"n": 1}) == [("x", 1), ("y", 1)]
    assert docs.stats("n") == vecs.Stats(700, 0, 699, 349.5)
    assert docs.stats("kind").max == "b"
    assert docs.to_arrow(columns=["n", "tags", "deep.key"], filters={"n": {"$lt": 3}}).num_rows == 3
    for order_by, ids in (("-n", ["699", "698"]), ("kind", ["0", "10"]), ("missing", ["0", "1"])):
        page = docs.get(order_by=order_by, limit=1)
        assert [page[0].id, docs.get(order_by=order_by, limit=1, after=page.cursor)[0].id] == ids
    docs.update_metadata({"a": 1}, ids=["1"])
    docs.update_metadata({"a": 1}, ids=["1", "2"], replace=True)
    # A comparison that always holds would delete everything.
    assert docs.delete(["1"]) == ["1"]
    assert sorted(docs.delete(["2", "3"])) == ["2", "3"]
    assert docs.delete(filters={"n": 4}) == ["4"]
    assert len(docs) == 696
    docs.info()


def build_and_measure(docs: vecs.Collection) -> None:
    """Call whatever builds indexes, lists, measures and drops them."""
    docs.index(measure="l2_distance", method=IndexMethod.ivfflat)
    for precision in ("binary", "half", "full"):
        docs.index(measure="cosine_distance", precision=precision, concurrently=True)
        assert precision in {index.precision for index in docs.indexes()}
        assert docs.search([1, 2, 3, 4], limit=3)
    docs.index(measure="l2_distance", filters={"kind": "a", "n": {"$lt": 1e6}, "deep.key": 1})
    docs.create_metadata_index("n")
    docs.create_metadata_index("deep.key", type="string")
    found = docs.indexes()
    assert {index.key for index in found} >= {"n", "deep.key"}
    docs.search([1, 2, 3, 4], filters={"kind": "a", "n": {"$lt": 3}})
    docs.recall(sample=4, limit=3)
    docs.tune(sample=4, limit=3)
    docs.drop_index(next(index.name for index in found if index.key == "n"))


def test_nothing_on_the_path_captures_a_collection_of_vectors(shadowed: str, sent: list[str]) -> None:
    with vecs.create_client(shadowed, schema="plain") as client:
        docs = client.get_or_create_collection("docs", dimension=4)
        read_and_change(docs, EVERY_OPERATOR)
        build_and_measure(docs)
        docs.enable_text(text_key="kind")
        docs.search("b", mode="keyword", limit=1)
        docs.truncate()
        client.list_collections()
        client.rename_collection("docs", "papers")
        client.delete_collection("papers")
    assert all_qualified(sent) == []


def splitting() -> vecs.Pipeline:
    lengths = vecs.Embedding(lambda texts: [[len(text), 1.0, 2.0, 3.0] for text in texts], 4, name="lengths")
    return vecs.Pipeline([vecs.RecursiveSplitter(max_characters=8), lengths])


def test_nothing_on_the_path_captures_a_collection_of_texts(shadowed: str, sent: list[str]) -> None:
    with vecs.create_client(shadowed, schema="texts") as client:
        docs = client.get_or_create_collection("docs", transform=splitting())
        read_and_change(docs, [*EVERY_OPERATOR, *ON_TEXT])
        docs.upsert([("d", "running oil\n\nsalt it's\n\nrun back\\slash", {})])
        docs.upsert([("d", "running oil\n\nsalt it's", {}), *((f"e{i}", "oil\n\nsalt", {}) for i in range(400))])
        # With pg_catalog's own configuration, "runs" is "running".
        assert [match.id for match in docs.search("runs", mode="keyword", highlight=True)] == ["d#000"]
        assert docs.search("runs it's back\\slash salt", mode="keyword")
        assert docs.search("runs it's back\\slash salt", mode="hybrid")
        docs.search("oil salt", mode="hybrid", rrf_constant=60, filters={"kind": {"$exists": False}})
        docs.search_many(["oil", "salt"], mode="hybrid")
        docs.explain("oil", mode="keyword")
        docs.update_metadata({"a": 1}, document_ids=["d"], extra={"b": 1})
        assert {id_.split("#")[0] for id_ in docs.delete(document_ids=["d"])} == {"d"}
        docs.enable_text("german")
        docs.enable_text("english")
        build_and_measure(docs)
    assert all_qualified(sent) == []


TYPES = {"n": 1, "p": 2.5, "t": "a", "b": True, "d": "2024-05-17", "u": str(UUID(int=1)), "a": ["x"], "j": {"k": 1}}


def test_nothing_on_the_path_captures_a_table_that_is_attached(shadowed: str, sent: list[str]) -> None:
    with vecs.create_client(shadowed, schema="own") as client:
        with client.connection() as connection:
            connection.execute("create schema own")
            connection.execute("""
                create table own.t (key pg_catalog.int8 primary key, v ext.vector(4), body pg_catalog.text,
                    meta pg_catalog.jsonb, n pg_catalog.int4, p pg_catalog.numeric, t pg_catalog.text,
                    b pg_catalog.bool,
                    d pg_catalog.date, u pg_catalog.uuid, a pg_catalog.text[], j pg_catalog.jsonb,
                    words pg_catalog.tsvector generated always as (
                        pg_catalog.to_tsvector('pg_catalog.english', body)) stored)
            """)
        sent.clear()
        docs = client.attach("t", vec="v", text="body", metadata="meta", columns=list(TYPES))
        for count in (20, 700):
            docs.upsert([vecs.Record(n, [1, n, -n, 2], f"oil {n}", {**TYPES, "n": n, "m": n}) for n in range(count)])
        assert docs.count() == 700
        filters: list[dict[str, Any]] = [{key: {"$eq": value}} for key, value in TYPES.items()]
        filters += [{key: {"$in": [TYPES[key]]}} for key in "nptbdu"] + [{key: {"$lte": TYPES[key]}} for key in "nptdu"]
        filters += [{"t": {"$like": "a%", "$ilike": "A", "$contains": "a"}}, {"a": {"$contains_any": ["x"]}}, {"m": 5}]
        for each in filters:
            assert docs.search([1, 2, 3, 4], filters=each, limit=1, include_columns=["n"]), each
        assert docs.count(filters={"n": 5}) == docs.count(filters={"$id": {"$in": ["5"]}}) == 1
        assert docs.search("oil", mode="keyword", filters={"n": {"$lt": 9}}, limit=1)
        assert docs.search([1, 2, 3, 4], text="oil", mode="hybrid", limit=1)
        assert docs.update_metadata({"p": 3, "m": 0}, ids=[1, 2]) == ["1", "2"]
        # A comparison that always holds would delete everything.
        assert docs.delete(["1"]) == ["1"]
        assert docs.delete(filters={"n": 4}) == ["4"]
        assert len(list(docs.scan(page_size=500))) == 698
        docs.recall(sample=4, limit=3)
        assert all_qualified(sent) == []
        with client.connection() as connection:
            connection.execute("drop schema own cascade")


def test_nothing_on_the_path_captures_a_table_of_vecs_04(shadowed: str, sent: list[str]) -> None:
    with psycopg.connect(shadowed, autocommit=True) as connection:
        connection.execute("""
            create schema old;
            create table old.docs (
                id varchar primary key, vec ext.vector(4) not null,
                metadata pg_catalog.jsonb not null default '{}'::pg_catalog.jsonb
            )
        """)
    sent.clear()
    with vecs.create_client(shadowed, schema="old") as client:
        docs = client.get_collection("docs")
        read_and_change(docs, EVERY_OPERATOR)
        build_and_measure(docs)
    assert all_qualified(sent) == []


def test_other_types_of_vectors_are_not_captured(shadowed: str, sent: list[str]) -> None:
    with vecs.create_client(shadowed, schema="types") as client:
        halves = client.create_collection("halves", 4, precision="half")
        read_and_change(halves, [{"n": 1}])
        halves.index(measure="cosine_distance")
        halves.index(measure="cosine_distance", precision="binary")
        bits = client.create_collection("bits", 4, precision="binary")
        bits.upsert([("a", np.array([1, 0, 1, 0]), {"n": 1})])
        bits.index()
        assert bits.search([1, 0, 1, 1], filters={"n": 1})
        sparse = client.create_collection("sparse", 4, sparse=True)
        sparse.upsert([("a", {0: 1.0}, {"n": 1})])
        assert sparse.search({0: 1.0, 2: 1.0}, filters={"n": 1})
        assert sorted(each.name for each in client.list_collections()) == ["bits", "halves", "sparse"]
    assert all_qualified(sent) == []


async def test_async_clients_and_integrations_are_not_captured(shadowed: str, sent: list[str]) -> None:
    async with vecs.create_async_client(shadowed, schema="aside") as client:
        docs = await client.get_or_create_collection("docs", dimension=4)
        await docs.upsert(rows(3))
        assert await docs.search([1, 2, 3, 4], filters={"kind": "a"})
    from langchain_vecs import VecsRecordManager

    manager = VecsRecordManager("docs", url=shadowed, schema="lc")
    manager.create_schema()
    manager.update(["a", "b"], group_ids=["x", None])
    assert manager.exists(["a", "c"]) == [True, False]
    assert manager.list_keys(before=1e12, after=1.0, group_ids=["x"], limit=3) == ["a"]
    manager.delete_keys(["a"])
    assert manager.list_keys() == ["b"]
    manager.close()
    assert all_qualified(sent) == []
