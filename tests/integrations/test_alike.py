"""What the stores of all frameworks have in common: where they are, how long they live, what they refuse."""

from __future__ import annotations

import asyncio
import copy
import gc
import multiprocessing
import os
import pickle
import threading
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from langchain_core.embeddings import DeterministicFakeEmbedding
from llama_index.core import MockEmbedding, VectorStoreIndex
from llama_index.core.schema import TextNode
from llama_index.core.vector_stores.types import VectorStoreQuery
from tests.tenants import TENANTS, a_role, kept_apart, of

import langchain_vecs
import vecs
from llama_index.vector_stores import vecs as llama_index_vecs
from vecs.exc import ArgError, CollectionNotFound, DatabaseError, VecsException

SECRET = "postgresql://me:secret@localhost:1/db"


class LangChain:
    """Records written and read through LangChain's store."""

    schema = "schema"
    cls = langchain_vecs.VecsVectorStore

    def make(self, name: Any = "docs", dimension: int = 2, **options: Any) -> Any:
        return self.cls(DeterministicFakeEmbedding(size=dimension), name, **options)

    def of_collection(self, collection: Any, **options: Any) -> Any:
        return self.cls(DeterministicFakeEmbedding(size=2), collection, **options)

    def write(self, store: Any, *ids: str) -> None:
        store.add_texts([f"text of {id}" for id in ids], ids=ids)

    def ids(self, store: Any) -> list[str]:
        return sorted(store.get()["ids"])

    async def awrite(self, store: Any, *ids: str) -> None:
        await store.aadd_texts([f"text of {id}" for id in ids], ids=ids)

    async def aids(self, store: Any) -> list[str]:
        return sorted((await store.aget())["ids"])

    def found(self, store: Any, **options: Any) -> list[str]:
        return [document.id for document in store.similarity_search_by_vector([1, 1], 9, **options)]

    async def afound(self, store: Any, **options: Any) -> list[str]:
        return [document.id for document in await store.asimilarity_search_by_vector([1, 1], 9, **options)]

    def retrieved(self, store: Any, **options: Any) -> list[str]:
        return [document.id for document in store.as_retriever(search_kwargs=options).invoke("anything")]

    def delete(self, store: Any, id: str, **options: Any) -> None:
        store.delete([id], **options)

    def empty(self, store: Any, **options: Any) -> None:
        store.delete(delete_all=True, **options)

    async def aempty(self, store: Any) -> None:
        await store.adelete(delete_all=True)


class LlamaIndex:
    """Records written and read through LlamaIndex's store."""

    schema = "schema_name"
    cls = llama_index_vecs.VecsVectorStore

    def __init__(self) -> None:
        self.dimensions: dict[int, int] = {}

    def make(self, name: Any = "docs", dimension: int = 2, **options: Any) -> Any:
        store = self.cls(name, **options)
        self.dimensions[id(store)] = dimension
        return store

    def of_collection(self, collection: Any, **options: Any) -> Any:
        return self.cls.from_collection(collection, **options)

    def nodes(self, store: Any, ids: Any) -> list[TextNode]:
        vector = [1.0] * self.dimensions.get(id(store), 2)
        return [TextNode(id_=id, text=f"text of {id}", embedding=vector) for id in ids]

    def write(self, store: Any, *ids: str) -> None:
        store.add(self.nodes(store, ids))

    def ids(self, store: Any) -> list[str]:
        return sorted(node.node_id for node in store.get_nodes())

    def found(self, store: Any, **options: Any) -> list[str]:
        return list(store.query(VectorStoreQuery(query_embedding=[1, 1], similarity_top_k=9), **options).ids)

    async def afound(self, store: Any, **options: Any) -> list[str]:
        query = VectorStoreQuery(query_embedding=[1, 1], similarity_top_k=9)
        return list((await store.aquery(query, **options)).ids)

    def retrieved(self, store: Any, **options: Any) -> list[str]:
        index = VectorStoreIndex.from_vector_store(store, MockEmbedding(2))
        return [each.node.node_id for each in index.as_retriever(vector_store_kwargs=options).retrieve("anything")]

    def delete(self, store: Any, id: str, **options: Any) -> None:
        store.delete_nodes([id], **options)

    def empty(self, store: Any, **options: Any) -> None:
        store.clear(**options)

    async def aempty(self, store: Any) -> None:
        await store.aclear()

    async def awrite(self, store: Any, *ids: str) -> None:
        await store.async_add(self.nodes(store, ids))

    async def aids(self, store: Any) -> list[str]:
        return sorted(node.node_id for node in await store.aget_nodes())


FRAMEWORKS = [LangChain, LlamaIndex]
COPIES: dict[str, Callable[[Any], Any]] = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": lambda one: pickle.loads(pickle.dumps(one)),
}


@pytest.fixture(params=FRAMEWORKS, ids=lambda framework: framework.__name__)
def framework(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.delenv("VECS_URL", raising=False)
    return request.param()


@pytest.fixture
def make(framework: Any, target: str, schema: str) -> Iterator[Callable[..., Any]]:
    """Make stores in the test's schema; closed afterwards."""
    made: list[Any] = []

    def make(name: Any = "docs", dimension: int = 2, **options: Any) -> Any:
        made.append(framework.make(name, dimension, **{"url": target, framework.schema: schema, **options}))
        return made[-1]

    yield make
    for store in made:
        store.close()


def place(store: Any) -> str:
    return repr(store.client)


def pid(store: Any) -> int:
    with store.client.connection() as connection:
        return connection.info.backend_pid


# --- where it is ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", COPIES)
def test_a_relative_path_is_in_the_folder_where_the_store_was_made(
    framework: Any, how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "here")
    store = framework.make(path="kb")
    pickled = pickle.dumps(store)
    monkeypatch.chdir(tmp_path / "there")
    for one in (store, COPIES[how](store), pickle.loads(pickled)):
        assert repr(str(tmp_path / "here" / "kb")) in place(one)


@pytest.mark.parametrize("how", COPIES)
@pytest.mark.parametrize("later", [None, "postgresql://b.example/db"])
def test_the_variable_is_read_when_the_store_is_made(
    framework: Any, how: str, later: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VECS_URL", "postgresql://a.example/db")
    store = framework.make()
    pickled = pickle.dumps(store)
    if later is None:
        monkeypatch.delenv("VECS_URL")
    else:
        monkeypatch.setenv("VECS_URL", later)
    for one in (store, COPIES[how](store), pickle.loads(pickled)):
        assert "a.example" in place(one)


def test_a_variable_that_is_set_later_moves_no_store(framework: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    store = framework.make()
    pickled = pickle.dumps(store)
    monkeypatch.setenv("VECS_URL", "postgresql://b.example/db")
    for one in (store, copy.copy(store), pickle.loads(pickled)):
        assert "user's data folder" in place(one)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"path": ""}, "path is an empty string"),
        ({"path": "  "}, "path is an empty string"),
        ({"path": 5}, "path must be a folder, as a string or a Path, not int"),
        ({"path": b"kb"}, "path must be a folder, as a string or a Path, not bytes"),
        ({"path": "k\x00b"}, "path has a NUL character"),
        ({"path": SECRET}, "that is url="),
        ({"url": ""}, "url is an empty string"),
        ({"url": " "}, "url is an empty string"),
        ({"url": 5}, "must be a connection string, a folder or None, not 5"),
        ({"url": "mysql://me:secret@h/d"}, "not Postgres'"),
        ({"url": "./kb"}, "url is a connection string, and was given a folder; that is path="),
        ({"url": "me:secret@h/d"}, "url looks like a connection string with a mistake"),
        ({"url": "${DATABASE_URL}"}, "url has a variable"),
        ({"url": b"postgresql://me:secret@h/d"}, "not bytes"),
        ({"path": "jdbc:" + SECRET}, "path looks like a connection string with a mistake"),
        ({"path": "me:secret@h/d"}, "path looks like a connection string with a mistake"),
        ({"path": Path(SECRET)}, "path looks like a connection string with a mistake"),
        ({"path": "localhost"}, "path looks like a host; .*; a server is url="),
        ({"url": "None"}, "url is 'None', which may come from a variable that is not set"),
        ({"host": "h", "password": SECRET}, "unknown argument 'host'; did you mean 'url'"),
        ({"path": ":memory:"}, "tempfile.TemporaryDirectory"),
        ({"path": "host=h password=secret"}, "that is url="),
        ({"connection": SECRET}, "did you mean 'url'"),
        ({"url": SECRET, "path": "kb"}, "url and path each say where"),
        ({"client": SECRET}, "client must be a vecs.Client or a vecs.AsyncClient, not str"),
        ({"client": 5}, "client must be"),
        ({"client": SECRET, "url": SECRET}, "url and client each say where"),
        ({"name": SECRET}, "that is url="),
        ({"name": ""}, "has 0 bytes"),
        ({"name": "a" * 64}, "has 64 bytes"),
        ({"name": 5}, "collection.* must be .*, not"),
        ({"name": None}, "collection.* must be .*, not"),
        ({"nonsense": 1}, "unknown argument 'nonsense'; expected some of .*, path, .*pool_size, "),
        ({"pool_sise": 1}, "did you mean 'pool_size'"),
        ({"connection_string": SECRET}, "unknown argument 'connection_string'; did you mean 'url'"),
        ({"target": SECRET}, "unknown argument 'target'; did you mean 'url'"),
        ({"pool_size": 0}, "pool_size must be"),
        ({"dimension": 0}, "dimension must be"),
        ({"dimension": "4"}, "dimension must be"),
    ],
)
def test_what_says_no_place_is_refused_at_once(framework: Any, options: dict[str, Any], reason: str) -> None:
    options = dict(options)
    name = options.pop("name", "docs")
    with pytest.raises(ArgError, match=reason) as caught:
        framework.cls(**{"collection" if framework.schema == "schema" else "collection_name": name}, **options)
    assert "secret" not in str(caught.value)
    if options and {"url", "path", "connection", "target"}.issuperset(options):
        assert [value for value in _variables(caught.value) if "secret" in value] == []


PLACES = [{"engine_url": SECRET}, {"db": SECRET}, {"info": "host=h password=secret"}, {"db_password": "secret"}]


@pytest.mark.parametrize(
    "call",
    [
        *(lambda o=o: langchain_vecs.VecsVectorStore(None, "c", **o) for o in PLACES),
        *(lambda o=o: langchain_vecs.VecsVectorStore.from_texts(["x"], None, **o) for o in PLACES),
        *(lambda o=o: llama_index_vecs.VecsVectorStore("c", **o) for o in PLACES),
        *(lambda o=o: vecs.create_client(**o) for o in PLACES),
        lambda: langchain_vecs.VecsVectorStore.from_langchain_postgres(table_name=SECRET),
        lambda: langchain_vecs.VecsVectorStore.from_langchain_postgres(collection_name="me:secret@localhost/db"),
        lambda: langchain_vecs.VecsVectorStore.from_langchain_postgres(table_name="t", schema_name=SECRET),
        lambda: langchain_vecs.VecsVectorStore.from_langchain_postgres(table_name="t", metadata_columns=SECRET),
        lambda: llama_index_vecs.VecsVectorStore.from_pgvector_store(SECRET),
        lambda: llama_index_vecs.VecsVectorStore.from_pgvector_store("host=h password=secret"),
    ],
    ids=range(22),
)
def test_a_password_in_the_wrong_place_is_not_shown(call: Callable[[], Any]) -> None:
    with pytest.raises(ArgError) as caught:
        call()
    assert "secret" not in str(caught.value)
    assert [value for value in _variables(caught.value) if "secret" in value] == []


def _variables(error: BaseException | None) -> Iterator[str]:
    """The variables that a traceback may show, of all frames but those of the test."""
    while error is not None:
        for frame, _ in traceback.walk_tb(error.__traceback__):
            if frame.f_globals["__name__"] != __name__:
                yield from (f"{frame.f_code.co_name} {name}={value!r}" for name, value in frame.f_locals.items())
        error = error.__cause__ or error.__context__


def test_a_password_is_in_no_variable_where_a_store_cannot_connect(framework: Any) -> None:
    store = framework.make(url=SECRET, connect_timeout=1)
    calls: list[Callable[[], Any]] = [
        lambda: framework.write(store, "a"),
        lambda: framework.ids(store),
        lambda: asyncio.run(framework.awrite(store, "a")),
        lambda: store.collection,
    ]
    if isinstance(framework, LangChain):
        made = {"texts": ["a"], "embedding": DeterministicFakeEmbedding(size=2), "connect_timeout": 1}
        calls += [
            lambda: framework.cls.from_texts(**made, url=SECRET),
            lambda: asyncio.run(framework.cls.afrom_texts(**made, url=SECRET)),
            lambda: framework.cls.from_texts(**made, connection=SECRET),
            lambda: langchain_vecs.VecsRecordManager("a", url=SECRET).create_schema(),
        ]
    else:
        calls += [
            lambda: framework.cls.from_params(connection_string=SECRET, connect_timeout=1).collection,
            lambda: framework.cls.from_params(host="localhost", port=1, password="secret").collection,
            lambda: framework.cls.from_params(host="localhost", password="secret", connection_string=SECRET),
        ]
    for call in calls:
        with pytest.raises(VecsException) as caught:
            call()
        assert [value for value in _variables(caught.value) if "secret" in value] == []


def test_the_schema_is_checked_at_once(framework: Any) -> None:
    with pytest.raises(ArgError, match="schema name '' has 0 bytes"):
        framework.make(**{framework.schema: ""})


def test_a_client_has_a_schema_and_options_of_its_own(framework: Any) -> None:
    client = vecs.Client(SECRET, schema="mine")
    assert framework.make(client=client, **{framework.schema: "mine"}).client is client
    with pytest.raises(ArgError, match=f"client= has its own {framework.schema}$"):
        framework.make(client=client, **{framework.schema: "other"})
    with pytest.raises(ArgError, match="client= has its own pool_size$"):
        framework.make(client=client, pool_size=3)


def test_a_collection_says_where_it_is(framework: Any, target: str, schema: str) -> None:
    with vecs.create_client(target, schema=schema) as client:
        collection = client.create_collection("docs", 2, text=True)
        store = framework.of_collection(collection)
        assert store.client is client
        framework.write(store, "a")
        assert collection.count() == 1
        for option in ({"url": target}, {"path": "kb"}):
            with pytest.raises(ArgError, match="and collection each say where the collection is"):
                framework.of_collection(collection, **option)
        with pytest.raises(ArgError, match="belongs to another client"):
            framework.of_collection(collection, client=vecs.Client(target))
        with pytest.raises(ArgError, match="collection must be .*vecs collection, not int"):
            framework.of_collection(5)


# --- copies --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", COPIES)
def test_a_copy_finds_the_same_records_and_lives_by_itself(framework: Any, make: Any, how: str) -> None:
    store = make()
    framework.write(store, "a")
    twin = COPIES[how](store)
    assert framework.ids(twin) == ["a"]
    assert asyncio.run(framework.aids(twin)) == ["a"]
    for leaves, stays in ((twin, store), (store, twin)):
        with stays.client.connection() as connection:
            leaves.close()
            assert connection.execute("select 1").fetchone() == (1,)
            mine = connection.info.backend_pid
        assert pid(stays) == mine
        assert framework.ids(leaves) == ["a"]
    twin.close()


@pytest.mark.parametrize("how", COPIES)
def test_a_copy_is_of_the_same_class_with_what_the_class_adds(framework: Any, how: str) -> None:
    store = BY_FRAMEWORK[type(framework)](url=SECRET)
    store.note = ["kept"]
    twin = COPIES[how](store)
    assert type(twin) is type(store)
    assert twin.note == ["kept"]
    assert place(twin) == place(store)


class LangChainsOwn(langchain_vecs.VecsVectorStore):
    """A store with an attribute of its own."""

    note: Any


class LlamaIndexsOwn(llama_index_vecs.VecsVectorStore):
    """A store with a field of its own."""

    note: Any = None


BY_FRAMEWORK: dict[type, Callable[..., Any]] = {
    LangChain: lambda **options: LangChainsOwn(DeterministicFakeEmbedding(size=2), **options),
    LlamaIndex: lambda **options: LlamaIndexsOwn(**options),
}


@pytest.mark.parametrize("how", COPIES)
@pytest.mark.parametrize("sync", [True, False])
def test_a_copy_of_a_store_on_a_client_leaves_the_client_open(
    framework: Any, target: str, schema: str, how: str, sync: bool
) -> None:
    client = vecs.create_client(target, schema=schema) if sync else vecs.create_async_client(target, schema=schema)
    store = framework.make(client=client)
    framework.write(store, "a")
    twin = COPIES[how](store)
    assert framework.ids(twin) == ["a"]
    assert (twin.client is store.client) is (how != "pickle")
    before = pid(store)
    twin.close()
    assert pid(store) == before
    store.close()
    if isinstance(client, vecs.Client):
        assert pid(store) == before
        client.close()


def test_pickles_of_a_store_on_a_client_share_their_connections(framework: Any, target: str, schema: str) -> None:
    with vecs.create_client(target, schema=schema, pool_size=3) as client:
        pickled = pickle.dumps(framework.make(client=client))
    one, two = pickle.loads(pickled), pickle.loads(pickled)
    assert one.client is two.client
    assert repr(one.client) == repr(client)
    one.close()
    two.close()


def test_what_cannot_be_pickled_is_not_left_out(framework: Any) -> None:
    store = framework.make(url=SECRET, report=lambda said: None)
    with pytest.raises((pickle.PicklingError, AttributeError)):
        pickle.dumps(store)
    assert copy.deepcopy(store).client is store.client


# --- lifetimes -----------------------------------------------------------------------------------------------


def test_the_last_of_two_stores_closes_their_connections(framework: Any, make: Any, target: str) -> None:
    one, two = make(), make()
    framework.write(one, "a")
    mine = pid(two)
    one.close()
    one.close()
    assert pid(two) == mine
    # Used again, it counts again.
    assert framework.ids(one) == ["a"]
    two.close()
    assert pid(one) == mine
    one.close()
    with psycopg.connect(target) as connection:
        found = "select count(*) from pg_stat_activity where pid = %s"
        for _ in range(100):
            if connection.execute(found, [mine]).fetchone() == (0,):
                return
    raise AssertionError("the last store left the connection open")


def test_a_closed_store_that_is_looked_at_is_not_in_use(framework: Any, make: Any) -> None:
    one, two = make(), make()
    mine = pid(one)
    two.close()
    assert repr(two)
    one.close()
    assert pid(one) != mine


def test_a_closed_store_connects_again(framework: Any, make: Any) -> None:
    store = make()

    async def used() -> None:
        await framework.awrite(store, "b")
        await store.aclose()
        await store.aclose()
        assert await framework.aids(store) == ["a", "b"]

    framework.write(store, "a")
    store.close()
    store.close()
    assert framework.ids(store) == ["a"]
    asyncio.run(used())
    assert framework.ids(store) == ["a", "b"]


def test_a_block_lets_go_at_its_end(framework: Any, make: Any) -> None:
    with make() as store:
        framework.write(store, "a")
        mine = pid(store)
    assert pid(store) != mine

    async def used() -> None:
        async with store as same:
            assert await framework.aids(same) == ["a"]

    asyncio.run(used())


def test_a_client_that_was_handed_in_stays_open(framework: Any, target: str, schema: str) -> None:
    with vecs.create_client(target, schema=schema) as client:
        with framework.make(client=client) as store:
            framework.write(store, "a")
            mine = pid(store)
        with client.connection() as connection:
            assert connection.info.backend_pid == mine


async def test_an_async_client_that_was_handed_in_serves_its_loop(framework: Any, target: str, schema: str) -> None:
    async with vecs.create_async_client(target, schema=schema) as client:
        async with framework.make(client=client) as store:
            await framework.awrite(store, "a")
            async with client.connection() as connection:
                assert await framework.aids(store) == ["a"]
            mine = connection.info.backend_pid
        async with client.connection() as connection:
            assert connection.info.backend_pid == mine


def test_a_store_works_on_one_loop_after_another_and_on_many_at_once(framework: Any, make: Any) -> None:
    store = make()
    found: list[list[str]] = []

    def ask() -> None:
        found.append(asyncio.run(framework.aids(store)))

    asyncio.run(framework.awrite(store, "a"))
    ask()
    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [["a"]] * 4


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork()")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_has_connections_of_its_own(framework: Any, make: Any) -> None:
    store = make()
    framework.write(store, "a")
    mine = pid(store)
    receiver, sender = multiprocessing.Pipe(duplex=False)

    def child() -> None:
        twin = copy.copy(store)
        found = [framework.ids(store), asyncio.run(framework.aids(store)), framework.ids(twin), pid(store) != mine]
        store.close()
        twin.close()
        del twin
        gc.collect()
        sender.send(found)

    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    assert receiver.poll(30)
    assert receiver.recv() == [["a"], ["a"], ["a"], True]
    process.join(30)
    assert process.exitcode == 0
    assert pid(store) == mine


# --- the collection ------------------------------------------------------------------------------------------


def test_a_collection_that_was_made_anew_elsewhere_is_found(framework: Any, make: Any) -> None:
    store = make()
    framework.write(store, "a")
    asyncio.run(framework.aids(store))
    other = make(pool_size=2, dimension=3)
    other.client.delete_collection("docs")
    assert framework.ids(store) == []
    assert asyncio.run(framework.aids(store)) == []
    framework.write(other, "b")
    assert framework.ids(store) == ["b"]
    assert asyncio.run(framework.aids(store)) == ["b"]
    other.client.delete_collection("docs")
    framework.write(store, "c")
    assert framework.ids(other) == ["c"]


def test_the_collection_that_is_handed_out_is_as_vecs_opens_it(framework: Any, make: Any) -> None:
    store = make()
    with pytest.raises(CollectionNotFound, match="there is no collection 'docs' yet: add .* first"):
        _ = store.collection
    framework.write(store, "a")
    assert store.collection._index_call is None
    assert store.collection.count() == 1
    # What somebody does to it is not done to the store.
    store.collection.transform = 5
    framework.write(store, "b")
    store.client.delete_collection("docs")
    with pytest.raises(CollectionNotFound, match="first"):
        _ = store.collection


def test_an_index_before_the_first_record_is_refused(framework: Any, make: Any) -> None:
    with pytest.raises(CollectionNotFound, match="there is no collection 'docs' yet: add .* first"):
        make().create_index()


def test_a_collection_with_a_transform_is_made_again_as_it_was(framework: Any, target: str, schema: str) -> None:
    def lengths(texts: list[str]) -> list[list[float]]:
        return [[float(len(text)), 1.0] for text in texts]

    with vecs.create_client(target, schema=schema) as client:
        collection = client.create_collection("docs", transform=vecs.Embedding(lengths, dimension=2))
        store = OVER_A_TRANSFORM[type(framework)](collection)
        framework.write(store, "a")
        client.delete_collection("docs")
        framework.write(store, "b")
        assert framework.ids(store) == ["b"]
        assert (
            client.get_collection("docs", transform=collection.transform).search("text of b", exact=True)[0].id == "b"
        )


OVER_A_TRANSFORM: dict[type, Callable[..., Any]] = {
    LangChain: lambda collection: langchain_vecs.VecsVectorStore(None, collection),
    LlamaIndex: llama_index_vecs.VecsVectorStore.from_collection,
}


# --- settings of requests ------------------------------------------------------------------------------


@pytest.fixture
def of_tenants(superuser_target: str, schema: str) -> Iterator[str]:
    """The role of tenants, who share the collection "docs", each with rows of its own."""
    with a_role(superuser_target, f"tenant_{schema}") as role:
        with vecs.create_client(superuser_target, schema=schema) as client:
            client.create_collection("docs", 2, text=True)
        kept_apart(superuser_target, schema, "docs", role)
        yield role


def test_settings_of_a_store_are_in_force_for_all_it_does(
    framework: Any, superuser_target: str, schema: str, of_tenants: str
) -> None:
    place = {"url": superuser_target, framework.schema: schema}
    stores = {name: framework.make(**place, settings=of(name, of_tenants)) for name in TENANTS}
    for name, store in stores.items():
        framework.write(store, f"{name}1", f"{name}2")
    for name, store in stores.items():
        assert framework.ids(store) == [f"{name}1", f"{name}2"]
        assert framework.ids(pickle.loads(pickle.dumps(store))) == [f"{name}1", f"{name}2"]
        assert framework.ids(copy.copy(store)) == [f"{name}1", f"{name}2"]
        assert store.client.info().user == of_tenants
        assert "settings=['app.tenant', 'role']" in repr(store.client)
    with framework.make(**place) as everything:
        assert framework.ids(everything) == ["a1", "a2", "b1", "b2"]
        assert everything.client.info().user == "postgres"
    for store in stores.values():
        store.close()


def test_a_call_has_settings_of_its_own_besides_the_stores(
    framework: Any, superuser_target: str, schema: str, of_tenants: str
) -> None:
    with framework.make(url=superuser_target, **{framework.schema: schema}, settings={"role": of_tenants}) as store:
        for name in TENANTS:
            framework.write(store.with_settings({"app.tenant": name}), f"{name}1")
        for name in TENANTS:
            assert framework.found(store, settings={"app.tenant": name}) == [f"{name}1"]
            assert framework.retrieved(store, settings={"app.tenant": name}) == [f"{name}1"]
        assert framework.found(store) == []
        framework.delete(store, "a1", settings={"app.tenant": "b"})
        assert framework.found(store, settings={"app.tenant": "a"}) == ["a1"]
        framework.delete(store, "a1", settings={"app.tenant": "a"})
        assert framework.found(store, settings={"app.tenant": "a"}) == []


def test_a_tenant_that_empties_its_store_leaves_what_others_have(
    framework: Any, superuser_target: str, schema: str, of_tenants: str
) -> None:
    place = {"url": superuser_target, framework.schema: schema}
    with framework.make(**place) as everything:
        for name in TENANTS:
            framework.write(everything.with_settings(of(name, of_tenants)), f"{name}1")
        framework.empty(everything.with_settings(of("b", of_tenants)))
        assert framework.ids(everything) == ["a1"]
        framework.empty(everything, settings={"app.tenant": "b", "role": of_tenants})
        assert framework.ids(everything) == ["a1"]


async def test_a_tenant_that_empties_its_store_async_leaves_what_others_have(
    framework: Any, superuser_target: str, schema: str, of_tenants: str
) -> None:
    async with framework.make(url=superuser_target, **{framework.schema: schema}) as everything:
        for name in TENANTS:
            await framework.awrite(everything.with_settings(of(name, of_tenants)), f"{name}1")
        await framework.aempty(everything.with_settings(of("b", of_tenants)))
        assert await framework.aids(everything) == ["a1"]


@pytest.mark.parametrize("namespace", [None, "n"])
def test_a_store_of_a_tenant_is_not_dropped_with_what_was_recorded_of_others(
    target: str, schema: str, namespace: str | None
) -> None:
    with LangChain().make(url=target, schema=schema, namespace=namespace) as store:
        store.add_texts(["one"], ids=["1"])
        records = store.record_manager()
        records.create_schema()
        records.update(["1"])
        with pytest.raises(DatabaseError, match="use the client without settings"):
            store.with_settings({"app.tenant": "b"}).drop()
        assert (records.list_keys(), len(store.get()["ids"])) == (["1"], 1)


def test_a_store_of_a_tenant_makes_no_collection_without_policies(
    framework: Any, superuser_target: str, schema: str
) -> None:
    with framework.make(url=superuser_target, **{framework.schema: schema}, settings={"app.tenant": "a"}) as store:
        with pytest.raises(DatabaseError, match="create the collection .docs.* use the client without settings"):
            framework.write(store, "a1")
        assert store.client.collection_names() == []


async def test_an_async_call_has_settings_of_its_own(
    framework: Any, superuser_target: str, schema: str, of_tenants: str
) -> None:
    async with framework.make(
        url=superuser_target, **{framework.schema: schema}, settings={"role": of_tenants}
    ) as store:
        await framework.awrite(store.with_settings({"app.tenant": "a"}), "a1")
        await framework.awrite(store.with_settings({"app.tenant": "b"}), "b1")
        both = await asyncio.gather(*(framework.afound(store, settings={"app.tenant": name}) for name in "ab" * 20))
        assert both == [["a1"], ["b1"]] * 20


def test_a_setting_that_cannot_be_given_is_refused_when_a_store_is_made(framework: Any) -> None:
    with pytest.raises(ArgError, match="'search_path' cannot be given per request"):
        framework.make(url="postgresql://me@localhost:1/db", settings={"search_path": "evil"})
    with pytest.raises(ArgError, match="expected a name with a dot"):
        framework.make(url="postgresql://me@localhost:1/db", settings={"tenant": "a"})
