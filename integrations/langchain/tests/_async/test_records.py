"""The record manager, alone and under `index()`."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any, Literal

import psycopg
import pytest
from langchain_core.documents import Document
from langchain_core.embeddings import DeterministicFakeEmbedding
from langchain_core.indexing import aindex
from langchain_core.vectorstores import InMemoryVectorStore
from psycopg.conninfo import make_conninfo

import vecs
from langchain_vecs._async.records import adelete_namespace
from langchain_vecs.record_manager import VecsRecordManager
from vecs.exc import DatabaseError


@pytest.fixture
async def manager(target: str, schema: str) -> AsyncGenerator[VecsRecordManager]:
    """A record manager whose table is there."""
    async with VecsRecordManager("docs", url=target, schema=schema) as manager:
        await manager.acreate_schema()
        yield manager


@pytest.fixture
async def other(manager: VecsRecordManager, target: str, schema: str) -> AsyncGenerator[VecsRecordManager]:
    """One of another namespace."""
    async with VecsRecordManager("other", url=target, schema=schema) as other:
        yield other


# --- one call ----------------------------------------------------------------------------------------


async def test_keys_that_were_written_exist(manager: VecsRecordManager) -> None:
    assert await manager.alist_keys() == []
    await manager.aupdate(["a", "b"])
    assert await manager.aexists(["b", "x", "a", "b"]) == [True, False, True, True]
    assert sorted(await manager.alist_keys()) == ["a", "b"]


async def test_a_key_that_is_there_gets_the_new_time_and_group(manager: VecsRecordManager) -> None:
    # given
    await manager.aupdate(["a", "b"], group_ids=["one", "one"])
    written = await manager.aget_time()
    # when
    await manager.aupdate(["b", "c"], group_ids=["two", None])
    # then
    assert await manager.alist_keys(before=written) == ["a"]
    assert await manager.alist_keys(after=written) == ["b", "c"]
    assert await manager.alist_keys(group_ids=["one"]) == ["a"]
    assert await manager.alist_keys(group_ids=["two"]) == ["b"]


async def test_an_update_without_groups_takes_the_group_away(manager: VecsRecordManager) -> None:
    await manager.aupdate(["a"], group_ids=["one"])
    await manager.aupdate(["a"])
    assert await manager.alist_keys(group_ids=["one"]) == []
    assert await manager.alist_keys() == ["a"]


async def test_the_last_of_equal_keys_counts(manager: VecsRecordManager) -> None:
    await manager.aupdate(["a", "b", "a"], group_ids=["one", "one", "two"])
    assert await manager.alist_keys(group_ids=["two"]) == ["a"]
    assert await manager.aexists(["a", "b"]) == [True, True]


async def test_groups_of_another_number_than_keys_are_refused(manager: VecsRecordManager) -> None:
    for group_ids in (["one"], []):
        with pytest.raises(ValueError, match=rf"there are 2 keys but {len(group_ids)} group_ids"):
            await manager.aupdate(["a", "b"], group_ids=group_ids)
    assert await manager.alist_keys() == []


async def test_one_string_is_not_taken_for_a_list_of_letters(manager: VecsRecordManager) -> None:
    for call in (manager.aupdate, manager.aexists, manager.adelete_keys):
        with pytest.raises(ValueError, match="expected a list of strings, not the string 'abc'"):
            await call("abc")
    with pytest.raises(ValueError, match="expected a list of strings"):
        await manager.alist_keys(group_ids="abc")


async def test_a_clock_that_is_behind_writes_nothing(manager: VecsRecordManager) -> None:
    # given
    await manager.aupdate(["a"], group_ids=["one"])
    now = await manager.aget_time()
    # when
    with pytest.raises(ValueError, match="the server's clock says"):
        await manager.aupdate(["a", "b"], group_ids=["two", "two"], time_at_least=now + 1000)
    # then
    assert await manager.alist_keys() == ["a"]
    assert await manager.alist_keys(group_ids=["one"], before=now) == ["a"]
    await manager.aupdate(["a"], time_at_least=now)
    assert await manager.alist_keys(before=now) == []


async def test_the_time_is_the_servers(manager: VecsRecordManager, target: str) -> None:
    times = [await manager.aget_time()]
    with psycopg.connect(target) as connection:
        times.append(_one(connection, "select extract(epoch from clock_timestamp())::float8"))
    times.append(await manager.aget_time())
    assert times == sorted(times)
    assert isinstance(times[0], float)


def _one(connection: psycopg.Connection[Any], statement: str) -> Any:
    row: Any = connection.execute(statement).fetchone()
    return row[0]


async def test_keys_are_listed_by_time_group_and_number(manager: VecsRecordManager) -> None:
    # given
    await manager.aupdate(["a", "b"], group_ids=["one", "two"])
    between = await manager.aget_time()
    await manager.aupdate(["c", "d"], group_ids=["one", None])
    end = await manager.aget_time()
    # then
    assert await manager.alist_keys() == ["a", "b", "c", "d"]
    assert await manager.alist_keys(before=between) == ["a", "b"]
    assert await manager.alist_keys(after=between) == ["c", "d"]
    assert await manager.alist_keys(after=between, before=end) == ["c", "d"]
    assert await manager.alist_keys(after=end) == []
    assert await manager.alist_keys(group_ids=["one"]) == ["a", "c"]
    assert await manager.alist_keys(group_ids=["one", "two"], before=between) == ["a", "b"]
    assert await manager.alist_keys(limit=3) == ["a", "b", "c"]
    assert await manager.alist_keys(limit=10, group_ids=["two"]) == ["b"]


async def test_nothing_and_zero_are_no_condition_as_in_the_core(manager: VecsRecordManager) -> None:
    await manager.aupdate(["a"])
    assert await manager.alist_keys(group_ids=[], limit=0, before=0, after=0) == ["a"]


async def test_empty_lists_are_fine(manager: VecsRecordManager) -> None:
    await manager.aupdate([])
    await manager.aupdate([], group_ids=[], time_at_least=await manager.aget_time() + 1000)
    await manager.adelete_keys([])
    assert await manager.aexists([]) == []


async def test_keys_are_deleted(manager: VecsRecordManager) -> None:
    await manager.aupdate(["a", "b", "c"])
    await manager.adelete_keys(["a", "c", "absent"])
    assert await manager.alist_keys() == ["b"]


async def test_namespaces_know_nothing_of_each_other(manager: VecsRecordManager, other: VecsRecordManager) -> None:
    # given
    await manager.aupdate(["a"], group_ids=["one"])
    await other.aupdate(["a", "b"], group_ids=["two", "two"])
    # then
    assert await manager.aexists(["a", "b"]) == [True, False]
    assert await manager.alist_keys(group_ids=["one", "two"]) == ["a"]
    # when
    await other.adelete_keys(["a"])
    # then
    assert await manager.alist_keys() == ["a"]
    assert await other.alist_keys() == ["b"]


async def test_any_text_is_a_key_a_group_and_a_namespace(target: str, schema: str) -> None:
    odd = ["%s", "%(keys)s", "it's", '"', "\\", "{}", "a b", "", "NULL", "мир 🌍", "k" * 500]
    async with VecsRecordManager("it's {} %s", url=target, schema=schema) as manager:
        await manager.acreate_schema()
        await manager.aupdate(odd, group_ids=odd)
        assert await manager.aexists(odd) == [True] * len(odd)
        for text in odd:
            assert await manager.alist_keys(group_ids=[text]) == [text]
        await manager.adelete_keys(odd)
        assert await manager.alist_keys() == []


async def test_tens_of_thousands_of_keys_go_in_one_call(manager: VecsRecordManager) -> None:
    keys = [f"{number:064}" for number in range(70_000)]
    await manager.aupdate(keys, group_ids=[key[-1] for key in keys])
    assert all(await manager.aexists(keys))
    assert len(await manager.alist_keys(group_ids=keys)) == 0
    assert len(await manager.alist_keys(group_ids=["1"])) == 7_000
    await manager.adelete_keys(keys)
    assert await manager.alist_keys() == []


# --- the table ---------------------------------------------------------------------------------------


async def test_a_second_creation_changes_nothing(manager: VecsRecordManager, target: str, schema: str) -> None:
    await manager.aupdate(["a"])
    await manager.acreate_schema()
    # Nothing is even tried: this one may not write.
    url = make_conninfo(target, options="-c default_transaction_read_only=on")
    async with VecsRecordManager("docs", url=url, schema=schema) as reader:
        await reader.acreate_schema()
        assert await reader.alist_keys() == ["a"]
        with pytest.raises(DatabaseError, match="read-only"):
            await reader.aupdate(["b"])


async def test_the_table_is_beside_the_collections_and_is_none(
    manager: VecsRecordManager, target: str, schema: str
) -> None:
    async with vecs.create_async_client(target, schema=schema) as client:
        await client.create_collection("books", dimension=2)
        assert await client.collection_names() == ["books"]
        assert [row.name for row in await client.list_collections()] == ["books"]


async def test_without_the_table_the_error_says_how_to_make_it(target: str, schema: str) -> None:
    async with VecsRecordManager("docs", url=target, schema=schema) as manager:
        for call in (manager.aupdate, manager.aexists, manager.adelete_keys):
            with pytest.raises(DatabaseError, match=r"no table 'langchain_records'.* create_schema\(\)") as raised:
                await call(["a"])
            assert raised.value.sqlstate == "42P01"
        assert await manager.aget_time() > 0


async def test_dropping_removes_one_namespace(manager: VecsRecordManager, other: VecsRecordManager) -> None:
    await manager.aupdate(["a", "b"])
    await other.aupdate(["a"])
    await manager.adrop()
    assert await manager.alist_keys() == []
    assert await other.alist_keys() == ["a"]


async def test_dropping_without_a_table_makes_none(target: str, schema: str) -> None:
    async with VecsRecordManager("docs", url=target, schema=schema) as manager:
        await manager.adrop()
    with psycopg.connect(target) as connection:
        assert _one(connection, f"select count(*) from pg_namespace where nspname = '{schema}'") == 0


async def test_a_store_can_remove_a_namespace(manager: VecsRecordManager, target: str, schema: str) -> None:
    await manager.aupdate(["a"])
    async with vecs.create_async_client(target, schema=schema) as client:
        await adelete_namespace(client, "absent")
        assert await manager.alist_keys() == ["a"]
        await adelete_namespace(client, "docs")
    assert await manager.alist_keys() == []


async def test_a_connection_that_was_killed_heals(manager: VecsRecordManager, target: str) -> None:
    await manager.aupdate(["a"])
    client = await manager._shared.aclient()
    async with client.connection() as connection:
        pid = connection.info.backend_pid
    with psycopg.connect(target, autocommit=True) as killer:
        killer.execute("select pg_terminate_backend(%s)", [pid])
    assert await manager.alist_keys() == ["a"]


async def test_a_closed_manager_connects_again(manager: VecsRecordManager) -> None:
    await manager.aupdate(["a"])
    await manager.aclose()
    await manager.aclose()
    assert await manager.aexists(["a"]) == [True]


# --- under index() -----------------------------------------------------------------------------------

Cleanup = Literal["incremental", "full", "scoped_full"] | None


class Library:
    """A store and its records."""

    def __init__(self, manager: VecsRecordManager) -> None:
        self.manager = manager
        self.store = InMemoryVectorStore(DeterministicFakeEmbedding(size=3))

    async def aindex(self, texts: str, cleanup: Cleanup, **options: Any) -> dict[str, int]:
        """Index documents such as `one:a`, source and text; return what happened, without zeros."""
        pairs = [text.split(":") for text in texts.split()]
        documents = [Document(text, metadata={"source": source}) for source, text in pairs]
        done: Any = await aindex(
            documents,
            self.manager,
            self.store,
            cleanup=cleanup,
            source_id_key="source",
            key_encoder="sha256",
            **options,
        )
        return {
            name.removeprefix("num_"): number for name, number in done.items() if isinstance(number, int) and number
        }

    async def alist_texts(self) -> list[str]:
        """The texts that are there, whose records must be the same."""
        assert sorted(await self.manager.alist_keys()) == sorted(self.store.store)
        return sorted(entry["text"] for entry in self.store.store.values())


@pytest.fixture
def library(manager: VecsRecordManager) -> Library:
    return Library(manager)


@pytest.mark.parametrize("cleanup", [None, "incremental", "full", "scoped_full"])
async def test_what_is_there_is_skipped(library: Library, cleanup: Cleanup) -> None:
    assert await library.aindex("one:a one:b two:c", cleanup) == {"added": 3}
    assert await library.aindex("one:a one:b two:c", cleanup) == {"skipped": 3}
    assert await library.alist_texts() == ["a", "b", "c"]


async def test_no_cleanup_leaves_everything(library: Library) -> None:
    await library.aindex("one:a one:b two:c", None)
    assert await library.aindex("one:a one:B", None) == {"added": 1, "skipped": 1}
    assert await library.alist_texts() == ["B", "a", "b", "c"]


async def test_full_cleanup_removes_whatever_was_not_given(library: Library) -> None:
    await library.aindex("one:a one:b two:c", "full")
    assert await library.aindex("one:a one:B", "full") == {"added": 1, "skipped": 1, "deleted": 2}
    assert await library.alist_texts() == ["B", "a"]
    assert await library.aindex("", "full") == {"deleted": 2}
    assert await library.alist_texts() == []


@pytest.mark.parametrize("cleanup", ["incremental", "scoped_full"])
async def test_the_other_cleanups_stay_with_the_sources_they_saw(library: Library, cleanup: Cleanup) -> None:
    await library.aindex("one:a one:b two:c", cleanup)
    assert await library.aindex("one:a one:B", cleanup) == {"added": 1, "skipped": 1, "deleted": 1}
    assert await library.alist_texts() == ["B", "a", "c"]
    assert await library.aindex("", cleanup) == {}
    assert await library.alist_texts() == ["B", "a", "c"]


async def test_incremental_cleanup_goes_batch_by_batch(library: Library) -> None:
    await library.aindex("one:a one:b two:c two:d", "incremental")
    # The second batch of a source finds what the first deleted too early gone, and adds it again.
    done = await library.aindex("one:A two:C one:b two:d", "incremental", batch_size=2, cleanup_batch_size=1)
    assert done == {"added": 4, "deleted": 4}
    assert await library.alist_texts() == ["A", "C", "b", "d"]


@pytest.mark.parametrize("cleanup", ["full", "scoped_full"])
async def test_cleanup_goes_in_batches_of_its_own(library: Library, cleanup: Cleanup) -> None:
    await library.aindex(" ".join(f"one:{number}" for number in range(25)), cleanup, batch_size=10)
    assert await library.aindex("one:0", cleanup, cleanup_batch_size=7) == {"skipped": 1, "deleted": 24}
    assert await library.alist_texts() == ["0"]


async def test_an_update_can_be_forced(library: Library) -> None:
    await library.aindex("one:a", None)
    assert await library.aindex("one:a one:b", None, force_update=True) == {"added": 1, "updated": 1}


async def test_equal_documents_are_one(library: Library) -> None:
    assert await library.aindex("one:a one:a one:b", "full") == {"added": 2, "skipped": 1}
    assert await library.alist_texts() == ["a", "b"]
