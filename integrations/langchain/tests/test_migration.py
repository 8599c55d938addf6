"""Tables that langchain-postgres made, read back: what its documents were, whatever its tables are like."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterator
from datetime import date, datetime, timezone
from decimal import Decimal
from typing import Any
from urllib.parse import quote, urlencode
from uuid import UUID

import numpy as np
import psycopg
import pytest
from langchain_core.documents import Document
from langchain_core.embeddings import DeterministicFakeEmbedding
from langchain_postgres import Column, PGEngine, PGVector, PGVectorStore
from langchain_postgres.v2.hybrid_search_config import HybridSearchConfig
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import dict_row

import vecs
from langchain_vecs import VecsVectorStore
from langchain_vecs._async.migration import open_source as async_open_source
from langchain_vecs._sync.migration import open_source
from langchain_vecs.migration import Facts, Source
from vecs import Record
from vecs.exc import ArgError, CollectionNotFound, DatabaseError

EMBEDDING = DeterministicFakeEmbedding(size=3)
HOSTILE = 'x" ; drop table "users"; -- 100% {no} $1'

Read = Callable[..., tuple[Facts, list[Record]]]


@pytest.fixture
def db(target: str, schema: str) -> Iterator[psycopg.Connection[Any]]:
    """A connection whose search path begins with the test's own schema, which is there."""
    with psycopg.connect(target, autocommit=True, options=f"-csearch_path={schema},public") as connection:
        connection.execute("set client_min_messages = warning")
        connection.execute("create extension if not exists vector schema public")
        connection.execute(sql.SQL("create schema {}").format(sql.Identifier(schema)))
        yield connection


@pytest.fixture(params=["sync", "async"])
def read(request: pytest.FixtureRequest, target: str, schema: str) -> Read:
    """Read a source, in either world."""
    options = f"-csearch_path={schema},public"

    def sync_read(source: Source, conninfo: str = target, **arguments: Any) -> tuple[Facts, list[Record]]:
        with (
            psycopg.connect(conninfo, options=options) as connection,
            open_source(connection, source, **arguments) as opened,
        ):
            return opened.facts, list(opened.records())

    async def async_read(source: Source, conninfo: str = target, **arguments: Any) -> tuple[Facts, list[Record]]:
        async with (
            await psycopg.AsyncConnection.connect(conninfo, options=options) as connection,
            async_open_source(connection, source, **arguments) as opened,
        ):
            return opened.facts, [record async for record in opened.records()]

    if request.param == "sync":
        return sync_read
    return lambda *args, **kwargs: asyncio.run(async_read(*args, **kwargs))


def url(target: str, schema: str) -> str:
    """The target as SQLAlchemy spells it."""
    given = conninfo_to_dict(target)
    query = {
        "host": given.get("host", ""),
        "port": given.get("port", 5432),
        "options": f"-csearch_path={schema},public",
    }
    if given.get("password"):
        query["password"] = given["password"]
    return f"postgresql+psycopg://{quote(str(given['user']))}@/{given['dbname']}?{urlencode(query)}"


@pytest.fixture
def make_pgvector(db: object, target: str, schema: str) -> Iterator[Callable[..., PGVector]]:
    made: list[PGVector] = []

    def make(collection: str, metadata: dict[str, Any] | None = None) -> PGVector:
        made.append(
            PGVector(
                EMBEDDING,
                connection=url(target, schema),
                collection_name=collection,
                collection_metadata=metadata,
                create_extension=False,
            )
        )
        return made[-1]

    yield make
    for store in made:
        store.session_maker.remove()
        store._engine.dispose()


@pytest.fixture
def engine(db: object, target: str, schema: str) -> Iterator[PGEngine]:
    engine = PGEngine.from_connection_string(url(target, schema))
    yield engine
    asyncio.run(engine.close())


def vectors(texts: list[str]) -> np.ndarray[Any, Any]:
    return np.array(EMBEDDING.embed_documents(texts), np.float32)


def by_id(records: list[Record]) -> dict[str, Record]:
    return {str(record.id): record for record in records}


def as_documents(records: list[Record]) -> list[Document]:
    found = [Document(id=str(r.id), page_content=r.text or "", metadata=dict(r.metadata or {})) for r in records]
    return sorted(found, key=lambda document: str(document.id))


def contents(db: psycopg.Connection[Any], table: str) -> Any:
    """Everything a table holds, and which transactions wrote it."""
    statement = sql.SQL("select xmin::text, xmax::text, t::text from {} t order by 3").format(sql.Identifier(table))
    return db.execute(statement).fetchall()


def test_a_pgvector_collection_is_read_as_it_was_written(make_pgvector: Any, read: Read) -> None:
    texts = ["one", "", "drei ünd 🙂 'quote' \\ %s"]
    metadatas: list[dict[str, Any]] = [{"n": 1, "list": [1, None, {"a": 2.5}]}, {}, {'odd "key"': True}]
    store = make_pgvector("first", {"owner": "me"})
    store.add_texts(texts, metadatas, ids=["1", "two words", 'quote"d'])

    facts, records = read(Source(collection_name="first"))

    assert facts == Facts(3, 0, 3, "full", {"owner": "me"})
    assert [by_id(records)[i].text for i in ("1", "two words", 'quote"d')] == texts
    assert [by_id(records)[i].metadata for i in ("1", "two words", 'quote"d')] == metadatas
    got = np.array([by_id(records)[i].vec for i in ("1", "two words", 'quote"d')])
    assert got.dtype == np.float32
    np.testing.assert_array_equal(got, vectors(texts))


def test_a_pgvector_collection_is_told_from_its_neighbours(make_pgvector: Any, read: Read, schema: str) -> None:
    make_pgvector("one").add_texts(["mine"], ids=["a"])
    make_pgvector(HOSTILE).add_texts(["theirs", "theirs too"], ids=["b", "c"])
    make_pgvector("empty")

    assert [r.text for r in read(Source(collection_name="one", schema_name=schema))[1]] == ["mine"]
    assert read(Source(collection_name=HOSTILE))[0].count == 2
    assert read(Source(collection_name="empty")) == (Facts(0, 0, None, "full", None), [])


def test_an_unknown_collection_names_those_there_are(make_pgvector: Any, read: Read) -> None:
    make_pgvector("recipes")

    with pytest.raises(CollectionNotFound, match="no collection 'recipe'; there are 'recipes'"):
        read(Source(collection_name="recipe"))


def test_missing_tables_say_where_some_are(make_pgvector: Any, read: Read, target: str, schema: str) -> None:
    make_pgvector("one")

    with pytest.raises(CollectionNotFound, match=f"there is one in schema .*'{schema}'.*schema_name="):
        read(Source(collection_name="one", schema_name="pg_catalog"))
    with pytest.raises(CollectionNotFound, match=f"no table 'documents' in schema 'public'; .*'{schema}.langchain_pg"):
        read(Source(table_name="documents"))


def test_a_collection_with_vectors_of_two_dimensions_is_refused(
    make_pgvector: Any, read: Read, db: psycopg.Connection[Any]
) -> None:
    make_pgvector("mixed").add_texts(["a", "b"])
    make_pgvector("fine").add_texts(["c"])
    db.execute("update langchain_pg_embedding set embedding = '[1,2]' where document = 'a'")

    with pytest.raises(ArgError, match="vectors of 2 to 3 dimensions"):
        read(Source(collection_name="mixed"))
    assert read(Source(collection_name="fine"))[0].dimension == 3


def test_rows_without_a_vector_are_counted(make_pgvector: Any, read: Read, db: psycopg.Connection[Any]) -> None:
    make_pgvector("one").add_texts(["a", "b", "c"])
    db.execute("update langchain_pg_embedding set embedding = null where document in ('a', 'b')")

    with pytest.raises(ValueError, match=r"2 of 3 rows .*'embedding'.*skip_without_embedding=True"):
        read(Source(collection_name="one"))
    facts, records = read(Source(collection_name="one"), skip_without_embedding=True)
    assert (facts.count, facts.without_embedding, [r.text for r in records]) == (1, 2, ["c"])


def test_a_missing_text_is_empty_and_missing_metadata_too(
    make_pgvector: Any, read: Read, db: psycopg.Connection[Any]
) -> None:
    make_pgvector("one").add_texts(["a", "b"], [{"x": 1}] * 2, ids=["a", "b"])
    db.execute("update langchain_pg_embedding set document = null, cmetadata = null where id = 'a'")
    db.execute("update langchain_pg_embedding set cmetadata = 'null' where id = 'b'")

    records = by_id(read(Source(collection_name="one"))[1])

    assert (records["a"].text, records["a"].metadata) == ("", {})
    assert (records["b"].text, records["b"].metadata) == ("b", {})


def test_metadata_that_is_no_object_names_its_row(make_pgvector: Any, read: Read, db: psycopg.Connection[Any]) -> None:
    make_pgvector("one").add_texts(["a", "b"], ids=["a", "b"])
    db.execute("update langchain_pg_embedding set cmetadata = '[1, 2]' where id = 'b'")

    with pytest.raises(ArgError, match=r"metadata of row 'b' is \[1, 2\]; expected a JSON object"):
        read(Source(collection_name="one"))


def test_tables_of_langchain_communitys_pgvector_are_read_by_the_ids_callers_know(
    db: psycopg.Connection[Any], read: Read
) -> None:
    db.execute("create table langchain_pg_collection (name varchar, cmetadata json, uuid uuid primary key)")
    db.execute(
        "create table langchain_pg_embedding (collection_id uuid references langchain_pg_collection on delete cascade,"
        " embedding vector, document varchar, cmetadata json, custom_id varchar, uuid uuid primary key)"
    )
    db.execute("insert into langchain_pg_collection values ('old', null, gen_random_uuid())")
    db.execute(
        "insert into langchain_pg_embedding select uuid, '[1,2]', 'text', '{\"a\": 1}', 'mine', gen_random_uuid()"
        " from langchain_pg_collection"
    )

    facts, records = read(Source(collection_name="old"))

    assert facts.dimension == 2
    assert records == [Record("mine", np.array([1, 2], np.float32), "text", {"a": 1})]


def test_a_pgvectorstore_table_gives_the_documents_its_store_gave(engine: PGEngine, read: Read, schema: str) -> None:
    engine.init_vectorstore_table(
        "docs",
        3,
        schema_name=schema,
        metadata_columns=[
            Column("year", "integer"),
            Column("Seen At", "timestamptz"),
            Column("day", "date"),
            Column("price", "numeric"),
            Column("owner", "uuid"),
            Column("note", "text"),
            Column("tags", "text[]"),
        ],
    )
    db_columns = ["year", "Seen At", "day", "price", "owner", "note", "tags"]
    # Their own insert names parameters after columns: no space in a name that is written.
    store = PGVectorStore.create_sync(
        engine, EMBEDDING, "docs", schema_name=schema, metadata_columns=[c for c in db_columns if " " not in c]
    )
    owner = UUID("8f14e45f-ceea-467f-a0e6-d1cd4bd4e1a5")
    given = {"year": 1973, "day": date(1973, 1, 2), "price": Decimal("1.50"), "owner": owner, "tags": ["a", "b"]}
    ids = store.add_texts(["one", "two"], [{**given, "rest": {"deep": [1]}}, {"only": "json"}])
    expected = PGVectorStore.create_sync(
        engine, EMBEDDING, "docs", schema_name=schema, metadata_columns=db_columns
    ).get_by_ids(ids)

    facts, records = read(Source(table_name="docs", schema_name=schema))

    assert facts == Facts(2, 0, 3, "full", None)
    assert as_documents(records) == sorted(expected, key=lambda document: str(document.id))
    assert by_id(records)[ids[0]].metadata == {**given, "rest": {"deep": [1]}, "Seen At": None, "note": None}
    np.testing.assert_array_equal(by_id(records)[ids[1]].vec, vectors(["two"])[0])


@pytest.mark.parametrize(("id_type", "ids"), [("uuid", None), ("text", ["a", 'ü "b"']), ("varchar(9)", ["x", "y"])])
def test_every_type_of_id_is_read_as_text(
    engine: PGEngine, read: Read, schema: str, id_type: str, ids: list[str] | None
) -> None:
    engine.init_vectorstore_table("docs", 3, schema_name=schema, id_column=Column("key", id_type, False))
    store = PGVectorStore.create_sync(engine, EMBEDDING, "docs", schema_name=schema, id_column="key")
    given = store.add_texts(["one", "two"], ids=ids)

    records = read(Source(table_name="docs", schema_name=schema))[1]

    assert sorted(str(r.id) for r in records) == sorted(map(str, given))
    assert all(isinstance(r.id, str) for r in records)


def test_whole_numbers_as_ids_are_read_as_text(engine: PGEngine, read: Read, schema: str, db: Any) -> None:
    engine.init_vectorstore_table("docs", 3, schema_name=schema, id_column=Column("key", "bigint", False))
    db.execute("insert into docs values (7, 'seven', '[1,2,3]', '{}')")

    assert read(Source(table_name="docs", schema_name=schema))[1][0].id == "7"


def test_named_and_custom_columns_are_read(engine: PGEngine, read: Read, schema: str) -> None:
    engine.init_vectorstore_table(
        "Mixed Case",
        3,
        schema_name=schema,
        id_column="Key",
        content_column="Body",
        embedding_column="Vec",
        metadata_json_column="Meta",
        metadata_columns=[Column("title", "text"), Column("attrs", "jsonb")],
    )
    store = PGVectorStore.create_sync(
        engine,
        EMBEDDING,
        "Mixed Case",
        schema_name=schema,
        id_column="Key",
        content_column="Body",
        embedding_column="Vec",
        metadata_json_column="Meta",
        metadata_columns=["title", "attrs"],
    )
    ids = store.add_texts(["one"], [{"title": "T", "attrs": {"a": 1}, "more": 2}])
    source = Source(
        table_name="Mixed Case",
        schema_name=schema,
        content_column="Body",
        metadata_json_column="Meta",
        metadata_columns=["title", "attrs"],
    )
    spelled_out = Source(
        table_name="Mixed Case",
        schema_name=schema,
        id_column="Key",
        content_column="Body",
        embedding_column="Vec",
        metadata_json_column="Meta",
    )

    assert as_documents(read(source)[1]) == store.get_by_ids(ids)
    assert as_documents(read(spelled_out)[1]) == store.get_by_ids(ids)


def test_a_table_without_json_and_one_made_for_hybrid_search_are_read(
    engine: PGEngine, read: Read, schema: str
) -> None:
    config = HybridSearchConfig(tsv_lang="pg_catalog.english")
    engine.init_vectorstore_table("docs", 3, schema_name=schema, store_metadata=False, hybrid_search_config=config)
    store = PGVectorStore.create_sync(
        engine, EMBEDDING, "docs", schema_name=schema, hybrid_search_config=config, metadata_json_column=None
    )
    store.add_texts(["one"])

    assert read(Source(table_name="docs", schema_name=schema))[1][0].metadata == {}


def test_hostile_names_are_only_names(engine: PGEngine, read: Read, schema: str, db: Any) -> None:
    names = {part: f"{part}{HOSTILE}" for part in ("id", "text", "vec", "json", "typed")}
    db.execute("create table users ()")
    engine.init_vectorstore_table(
        HOSTILE,
        3,
        schema_name=schema,
        id_column=names["id"],
        content_column=names["text"],
        embedding_column=names["vec"],
        # The one name that they do not quote.
        metadata_json_column=names["json"].replace('"', '""'),
        metadata_columns=[Column(names["typed"], "text")],
    )
    insert = sql.SQL("insert into {} values (gen_random_uuid(), 'a', '[1,2,3]', 'b', {})")
    db.execute(insert.format(sql.Identifier(HOSTILE), '{"c": 1}'))

    found = Source(table_name=HOSTILE, schema_name=schema, content_column=names["text"])
    named = Source(
        table_name=HOSTILE,
        schema_name=schema,
        id_column=names["id"],
        content_column=names["text"],
        embedding_column=names["vec"],
        metadata_json_column=names["json"],
        metadata_columns=[names["typed"]],
    )

    for source in (found, named):
        (record,) = read(source)[1]
        assert record.text == "a"
        assert record.metadata == {"c": 1, names["typed"]: "b"}
    assert db.execute("select count(*) from users").fetchone() == (0,)


def test_a_typed_column_wins_over_the_json_key_of_its_name(engine: PGEngine, read: Read, schema: str, db: Any) -> None:
    engine.init_vectorstore_table("docs", 3, schema_name=schema, metadata_columns=[Column("a", "integer")])
    db.execute("""insert into docs values (gen_random_uuid(), 'x', '[1,2,3]', 7, '{"a": "json", "b": 1}')""")

    assert read(Source(table_name="docs", schema_name=schema))[1][0].metadata == {"a": 7, "b": 1}


def test_columns_of_any_type_become_values_that_metadata_can_hold(read: Read, schema: str, db: Any) -> None:
    db.execute("create type mood as enum ('fine', 'not so fine')")
    db.execute("create domain year as integer check (value > 0)")
    db.execute(
        "create table docs (langchain_id int primary key, content text, embedding vector(3), langchain_metadata json,"
        " mood mood, moods mood[], year year, span interval, address inet, at timestamptz, blob bytea, flag bool,"
        " nested jsonb, matrix int[], time_of_day time, score real)"
    )
    db.execute(
        "insert into docs values (1, 'a', '[1,2,3]', null, 'not so fine', '{fine,null}', 1973, '1 day', '10.0.0.1',"
        " '2024-01-02 03:04:05+00', '\\x01ff', true, '[1, {}]', '{{1,2},{3,4}}', '12:30', 1.5)"
    )

    metadata = read(Source(table_name="docs", schema_name=schema))[1][0].metadata

    assert metadata is not None
    assert metadata.pop("at") == datetime(2024, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
    assert metadata.pop("time_of_day").isoformat() == "12:30:00"
    assert metadata == {
        "mood": "not so fine",
        "moods": ["fine", None],
        "year": 1973,
        "span": "1 day",
        "address": "10.0.0.1/32",
        "blob": "\\x01ff",
        "flag": True,
        "nested": [1, {}],
        "matrix": [[1, 2], [3, 4]],
        "score": 1.5,
    }


def test_halfvec_is_read_in_full(read: Read, schema: str, db: Any) -> None:
    db.execute("create table docs (langchain_id uuid primary key, content text, embedding halfvec)")
    db.execute("insert into docs values (gen_random_uuid(), 'a', '[1.5,-2,65504]')")

    facts, records = read(Source(table_name="docs", schema_name=schema))

    assert (facts.precision, facts.dimension) == ("half", 3)
    assert records[0].vec is not None
    assert np.asarray(records[0].vec).tolist() == [1.5, -2, 65504]


def columns(db: psycopg.Connection[Any], definition: str) -> None:
    db.execute(f"create table docs ({definition})")


@pytest.mark.parametrize(
    ("definition", "given", "message"),
    [
        ("id int primary key, a text, b text, v vector", {}, "columns of text, 'a', 'b': .*content_column="),
        ("id int primary key, c text, v vector, w vector", {}, "'v', 'w': .*embedding_column="),
        ("id int primary key, c text, v vector, j json, k jsonb", {}, "'j', 'k': .*metadata_json_column="),
        ("c text, v vector", {}, "no key, but 'c', 'v': .*id_column="),
        ("a int, b int, c text, v vector, primary key (a, b)", {}, "primary key 'a', 'b': .*id_column="),
        ("id int primary key, c text", {}, r"no column of vectors \(embedding_column=\); it has 'id', 'c'"),
        ("id int primary key, v vector", {}, r"no column of text \(content_column=\)"),
        ("id text primary key, v vector", {}, r"no column of text \(content_column=\)"),
        ("id int primary key, c text, v sparsevec", {}, "no column of vectors"),
        ("id int primary key, c text, v sparsevec", {"embedding_column": "v"}, "'v' of table 'docs' is sparsevec"),
        ("id int primary key, c text, v vector", {"metadata_json_column": "c"}, "is text; .* is a column of JSON"),
        ("id int primary key, c text, v vector", {"content_column": "C"}, r"no column 'C' \(content_column=\); it has"),
        ("id int primary key, c text, v vector", {"id_column": "i"}, r"no column 'i' \(id_column=\)"),
        ("id int primary key, c text, v vector", {"metadata_columns": ["m"]}, r"no column 'm' \(metadata_columns=\)"),
    ],
)
def test_a_column_that_is_missing_or_could_be_several_is_told(
    db: psycopg.Connection[Any], read: Read, schema: str, definition: str, given: dict[str, Any], message: str
) -> None:
    columns(db, definition)

    with pytest.raises(ArgError, match=message):
        read(Source(table_name="docs", schema_name=schema, **given))


def test_ids_that_repeat_are_refused(db: psycopg.Connection[Any], read: Read, schema: str) -> None:
    columns(db, "langchain_id text, content text, embedding vector(2)")
    db.execute("insert into docs values ('a', 'x', '[1,2]'), ('a', 'y', '[1,2]'), (null, 'z', '[1,2]')")

    with pytest.raises(ArgError, match="'langchain_id' of table 'docs' has 1 ids for 3 rows"):
        read(Source(table_name="docs", schema_name=schema))


def test_a_view_is_a_source_too(engine: PGEngine, read: Read, schema: str, db: Any) -> None:
    engine.init_vectorstore_table("docs", 3, schema_name=schema)
    store = PGVectorStore.create_sync(engine, EMBEDDING, "docs", schema_name=schema)
    store.add_texts(["one", "two"], [{"keep": 1}, {}])
    db.execute("create view kept as select * from docs where langchain_metadata ->> 'keep' is not null")

    assert [r.text for r in read(Source(table_name="kept", schema_name=schema))[1]] == ["one"]


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"collection_name": "a", "table_name": "b"},
        {"collection_name": "a", "id_column": "b"},
        {"table_name": "a", "metadata_columns": "b"},
    ],
)
def test_a_source_that_contradicts_itself_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ArgError, match="collection_name=|metadata_columns"):
        Source(**given)


@pytest.fixture
def own_database(superuser_target: str, schema: str) -> Iterator[str]:
    """A superuser's way to a database that the test may turn upside down, and the role "<schema>_reader"."""
    name, role = sql.Identifier(schema), sql.Identifier(f"{schema}_reader")
    with psycopg.connect(superuser_target, autocommit=True) as connection:
        connection.execute(sql.SQL("create database {}").format(name))
        connection.execute(sql.SQL("create role {}").format(role))
        yield make_conninfo(superuser_target, dbname=schema)
        connection.execute(sql.SQL("drop database {} with (force)").format(name))
        connection.execute(sql.SQL("drop role {}").format(role))


def test_rights_to_select_are_enough_and_pgvector_may_live_in_any_schema(own_database: str, schema: str) -> None:
    role = sql.Identifier(f"{schema}_reader")
    source = Source(table_name="docs", schema_name="s")

    def texts() -> list[str | None]:
        with psycopg.connect(own_database, autocommit=True) as connection:
            connection.execute(sql.SQL("set search_path to nothing; set role {}").format(role))
            with open_source(connection, source) as opened:
                return [record.text for record in opened.records()]

    with psycopg.connect(own_database, autocommit=True) as db:
        db.execute("drop extension if exists vector")
        db.execute('create schema "Ext \'s"; create extension vector schema "Ext \'s"; create schema s')
        db.execute('set search_path to s, "Ext \'s"')
        columns(db, "langchain_id uuid primary key, content text, embedding vector, langchain_metadata json")
        db.execute("insert into docs values (gen_random_uuid(), 'x', '[1,2]', '{}')")
        db.execute(sql.SQL('grant usage on schema s, "Ext \'s" to {}').format(role))

        with pytest.raises(DatabaseError, match="permission denied for table docs"):
            texts()
        db.execute(sql.SQL("grant select on docs to {}").format(role))
        assert texts() == ["x"]


def test_reading_streams_and_leaves_the_table_as_it_was(engine: PGEngine, read: Read, schema: str, db: Any) -> None:
    engine.init_vectorstore_table("docs", 3, schema_name=schema, id_column=Column("langchain_id", "text", False))
    db.execute(
        "insert into docs select 'id' || n, 'text ' || n, array[n, 1, 0]::real[]::vector, '{}'"
        " from generate_series(1, 5000) n"
    )
    before = contents(db, "docs")

    facts, records = read(Source(table_name="docs", schema_name=schema))

    assert facts.count == len(records) == len(by_id(records)) == 5000
    assert by_id(records)["id4321"].text == "text 4321"
    assert np.asarray(by_id(records)["id4321"].vec).tolist() == [4321, 1, 0]
    assert contents(db, "docs") == before


@pytest.fixture
def five_thousand(db: psycopg.Connection[Any]) -> None:
    columns(db, "langchain_id int primary key, content text, embedding vector(2)")
    db.execute("insert into docs select n, 'x', '[1,2]' from generate_series(1, 5000) n")


def test_only_some_rows_are_held_at_a_time(five_thousand: None, target: str, schema: str) -> None:
    with (
        psycopg.connect(target, autocommit=True) as connection,
        open_source(connection, Source(table_name="docs", schema_name=schema)) as opened,
    ):
        fetched: list[int] = []
        for _ in itertools.islice(opened.records(), 1001):
            fetched.append(opened._cursor.pgresult.ntuples if opened._cursor.pgresult else 0)
        assert max(fetched) <= 500


def test_what_others_write_meanwhile_is_not_seen(five_thousand: None, db: Any, target: str, schema: str) -> None:
    with (
        psycopg.connect(target) as connection,
        open_source(connection, Source(table_name="docs", schema_name=schema)) as opened,
    ):
        db.execute("delete from docs where langchain_id % 2 = 0")
        db.execute("insert into docs values (9999, 'late', '[1,2]')")
        assert len(list(opened.records())) == opened.facts.count == 5000
        assert connection.execute("show transaction_read_only").fetchone() == ("on",)


def test_a_reading_given_up_halfway_leaves_the_connection_free(five_thousand: None, target: str, schema: str) -> None:
    source = Source(table_name="docs", schema_name=schema)
    with psycopg.connect(target, autocommit=True, row_factory=dict_row) as connection:
        with open_source(connection, source) as opened:
            kept = opened.records()
            next(kept)
        with connection.transaction():
            connection.execute("create temporary table mine (n int)")
            kept.close()
            assert connection.execute("select count(*) as n from mine").fetchone() == {"n": 0}


async def test_an_async_reading_given_up_halfway_leaves_the_connection_free(
    five_thousand: None, target: str, schema: str
) -> None:
    source = Source(table_name="docs", schema_name=schema)
    async with await psycopg.AsyncConnection.connect(target, autocommit=True) as connection:
        async with async_open_source(connection, source) as opened:
            kept = opened.records()
            await anext(kept)
        async with connection.transaction():
            await connection.execute("create temporary table mine (n int)")
            await kept.aclose()
            cursor = await connection.execute("select count(*) from mine")
            assert await cursor.fetchone() == (0,)


def test_what_no_python_value_can_hold_is_told(db: psycopg.Connection[Any], read: Read, schema: str) -> None:
    columns(db, "langchain_id int primary key, content text, embedding vector(2), seen timestamptz")
    db.execute("insert into docs values (1, 'x', '[1,2]', 'infinity')")

    with pytest.raises(DatabaseError, match="timestamp too large .*; leave out the column .*metadata_columns="):
        read(Source(table_name="docs", schema_name=schema))
    assert read(Source(table_name="docs", schema_name=schema, metadata_columns=[]))[1][0].metadata == {}


def test_records_go_straight_into_a_collection(five_thousand: None, target: str, schema: str) -> None:
    source = Source(table_name="docs", schema_name=schema)
    with (
        vecs.create_client(target, schema=schema) as client,
        client.connection() as connection,
        open_source(connection, source) as opened,
    ):
        collection = client.create_collection("copied", dimension=opened.facts.dimension, text=True)
        assert collection.upsert(opened.records()) == 5000
        assert collection.count() == 5000


async def test_async_records_go_straight_into_a_collection(five_thousand: None, target: str, schema: str) -> None:
    source = Source(table_name="docs", schema_name=schema)
    async with (
        vecs.create_async_client(target, schema=schema) as client,
        client.connection() as connection,
        async_open_source(connection, source) as opened,
    ):
        collection = await client.create_collection("copied", dimension=opened.facts.dimension, text=True)
        assert await collection.upsert(opened.records()) == 5000
        assert await collection.count() == 5000


def test_a_connection_in_a_transaction_is_refused(target: str) -> None:
    with psycopg.connect(make_conninfo(target)) as connection:
        connection.execute("select 1")
        with pytest.raises(ArgError, match="in a transaction"), open_source(connection, Source(table_name="docs")):
            pass


@pytest.fixture(params=["sync", "async"])
def copy(request: pytest.FixtureRequest) -> Callable[..., VecsVectorStore]:
    """Make a store of a source, in either world."""
    if request.param == "sync":
        return VecsVectorStore.from_langchain_postgres
    return lambda *args, **kwargs: asyncio.run(VecsVectorStore.afrom_langchain_postgres(*args, **kwargs))


def test_a_store_answers_as_the_table_it_was_copied_from(
    copy: Callable[..., VecsVectorStore], engine: PGEngine, target: str, schema: str
) -> None:
    engine.init_vectorstore_table(
        "docs", 3, schema_name=schema, id_column="key", metadata_columns=[Column("day", "date"), Column("key2", "uuid")]
    )
    theirs = PGVectorStore.create_sync(
        engine, EMBEDDING, "docs", schema_name=schema, id_column="key", metadata_columns=["day", "key2"]
    )
    documents = [
        Document(
            id=str(UUID(int=number)),
            page_content=f"text {number}",
            metadata={"n": number, "day": date(2024, 1, number + 1), "key2": UUID(int=number)},
        )
        for number in range(20)
    ]
    theirs.add_documents(documents)
    with copy(EMBEDDING, table_name="docs", schema_name=schema, collection="ours", url=target, schema=schema) as store:
        assert store.count() == 20
        expected = theirs.similarity_search_with_score("text 7", k=5)
        found = store.similarity_search_with_score("text 7", k=5)
        assert [document for document, _ in found] == [document for document, _ in expected]
        assert [score for _, score in found] == pytest.approx([score for _, score in expected], abs=1e-6)
        assert store.get_by_ids([str(UUID(int=3))]) == [documents[3]]


def test_a_store_is_copied_twice_without_doubling_anything(
    copy: Callable[..., VecsVectorStore], make_pgvector: Callable[..., PGVector], target: str, schema: str
) -> None:
    theirs = make_pgvector("notes")
    theirs.add_texts(["a", "b"], [{"n": 1}, {"n": 2}], ids=["1", "2"])
    make_pgvector("others").add_texts(["c"], ids=["3"])
    for _ in range(2):
        with copy(
            EMBEDDING, collection_name="notes", schema_name=schema, source=target, url=target, schema=schema
        ) as store:
            assert sorted(document.page_content for document in store.get_by_ids(["1", "2", "3"])) == ["a", "b"]
            assert store.count() == 2


def test_an_empty_table_becomes_an_empty_store(
    copy: Callable[..., VecsVectorStore], make_pgvector: Callable[..., PGVector], target: str, schema: str
) -> None:
    make_pgvector("notes")
    with copy(EMBEDDING, collection_name="notes", schema_name=schema, url=target, schema=schema) as store:
        assert store.similarity_search("a") == []
        assert store.count() == 0


def test_what_is_not_there_is_said_and_nothing_is_made(
    copy: Callable[..., VecsVectorStore], db: psycopg.Connection[Any], target: str, schema: str
) -> None:
    with pytest.raises(CollectionNotFound, match="missing"):
        copy(EMBEDDING, table_name="missing", schema_name=schema, url=target, schema=schema)
    with pytest.raises(ArgError, match="table_name"):
        copy(EMBEDDING, url=target, schema=schema)
    assert vecs.create_client(target, schema=schema).collection_names() == []
