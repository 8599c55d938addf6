"""What people type out of habit: each says what to write here; no server is asked."""

from __future__ import annotations

import asyncio
import copy
import pickle
import warnings
from collections.abc import Callable
from typing import Any
from unittest import mock

import pytest

import vecs
from vecs.exc import ArgError, CallError, NoSuchName
from vecs.records import to_record

SYNC: Any = vecs.Client("postgresql://me:secret@localhost:1/db")
ASYNC: Any = vecs.AsyncClient("postgresql://me:secret@localhost:1/db")
DOCS: Any = vecs.Collection("docs", 2, SYNC)
ADOCS: Any = vecs.AsyncCollection("docs", 2, ASYNC)
V: Any = vecs
TR: Any = vecs.transforms


async def for_each(iterable: Any) -> None:
    for _ in iterable:
        pass


async def async_for_each(iterable: Any) -> None:
    async for _ in iterable:
        pass


async def async_enter(client: Any) -> None:
    async with client:
        pass


def enter(client: Any) -> None:
    with client:
        pass


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: asyncio.run(for_each(ADOCS)), r"async for record in collection\.scan\(\)"),
        (lambda: list(ADOCS), r"async for record in collection\.scan\(\)"),
        (lambda: "a" in ADOCS, r"await collection\.get\(\[id\]\)"),
        (lambda: len(ADOCS), r"await collection\.count\(\)"),
        (lambda: enter(ASYNC), "async with vecs.create_async_client"),
        (lambda: asyncio.run(async_enter(SYNC)), "`with vecs.create_client.*create_async_client"),
        (lambda: asyncio.run(async_for_each(DOCS)), "`for record in .*create_async_client"),
        (lambda: DOCS.search([1, 2], filter={}), r"'filter'; did you mean 'filters'\? Collection\.search\(\) takes"),
        (lambda: DOCS.search(query_vector=[1, 2], top_k=3), "'query_vector'; did you mean 'query'"),
        (lambda: DOCS.search_many([[1, 2]], n_results=3), "'n_results'; did you mean 'limit'"),
        (lambda: asyncio.run(ADOCS.search([1, 2], k=3)), r"did you mean 'limit'\? AsyncCollection\.search\(\) takes"),
        (lambda: DOCS.search([1, 2], 5), r"takes only query by position; write limit="),
        (lambda: DOCS.upsert(documents=[]), "did you mean 'records'"),
        (lambda: DOCS.scan(where={}), "did you mean 'filters'"),
        (lambda: ADOCS.scan(where={}), "did you mean 'filters'"),
        (lambda: SYNC.get_or_create_collection("d", 3), r"get_or_create_collection\(\) .*; write dimension="),
        (lambda: SYNC.create_collection("d", dim=3), "did you mean 'dimension'"),
        (lambda: SYNC.connection(1), r"Client\.connection\(\) takes nothing by position"),
        (lambda: V.create_client(path="secret"), r"'path'; did you mean 'target'\? create_client\(\) takes"),
        (lambda: V.create_async_client(url="secret"), r"'url'; did you mean 'target'"),
        (lambda: V.Client(None, "secret"), r"Client\(\) takes only target by position"),
        (lambda: V.Embedding(len, dim=3), "did you mean 'dimension'"),
        (lambda: V.IndexArgsHNSW(ef=3), r"IndexArgsHNSW\(\) takes m, ef_construction"),
        (lambda: V.Record("a", vector=[1]), r"'vector'; did you mean 'vec'\? Record\(\) takes id, vec"),
        (lambda: V.Record(id="a", page_content="x"), "did you mean 'text'"),
        (lambda: V.Record(id="a", payload={}), "did you mean 'metadata'"),
        (lambda: TR.RecursiveSplitter(chunk_size=9), "did you mean 'max_tokens' or 'max_characters'"),
        (lambda: TR.RecursiveSplitter(9, chunk_overlap=1), "did you mean 'overlap'"),
        (lambda: TR.MarkdownChunker(chunk_size=9), r"did you mean 'max_tokens'\?"),
        (lambda: TR.MarkdownChunker(chunk_overlap=9), r"RecursiveSplitter\(max_tokens, overlap="),
        (lambda: DOCS.update_metadata(["a"], {"k": 1}), "metadata by position; write metadata first, and ids="),
        (lambda: DOCS.update_metadata({"k": 1}, ["a"]), r"write ids="),
        (lambda: DOCS.update_metadata("a", metadata={}), "takes metadata first; write ids="),
        (lambda: DOCS.search(), r"needs the argument 'query'.*get\(limit=10\)"),
    ],
)
def test_a_wrong_call_says_what_is_right(call: Callable[[], object], told: str) -> None:
    with pytest.raises(CallError, match=told) as caught:
        call()
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("get", "told"),
    [
        (lambda: DOCS.add, r"Collection has no 'add'; instead: upsert\("),
        (lambda: ADOCS.similarity_search, "AsyncCollection has no .*; instead: search"),
        (lambda: DOCS.peek, r"instead: get\(limit=10\)"),
        (lambda: DOCS.where, "filters="),
        (lambda: DOCS.serach, "did you mean 'search'"),
        (lambda: SYNC.list, r"collection_names\(\)"),
        (lambda: SYNC.get_or_create, "get_or_create_collection"),
        (lambda: ASYNC.persist, "leave it out"),
        (lambda: SYNC.search, "the method of a collection"),
        (lambda: V.connect, r"vecs has no 'connect'; instead: create_client\("),
        (lambda: V.create_clinet, "did you mean 'create_client'"),
        (lambda: vecs.Record("a").content, "did you mean 'text'"),
    ],
)
def test_a_name_of_another_library_says_what_to_write(get: Callable[[], object], told: str) -> None:
    with pytest.raises(NoSuchName, match=told):
        get()


@pytest.mark.parametrize(
    ("key", "meant"),
    [("vector", "vec"), ("embedding", "vec"), ("values", "vec"), ("document", "text"), ("payload", "metadata")],
)
def test_a_key_of_another_library_says_which_field_is_meant(key: str, meant: str) -> None:
    with pytest.raises(ArgError, match=f"record 3, a dict, has the unknown field '{key}'; did you mean '{meant}'"):
        to_record({"id": "a", key: [1]}, 3)


def test_a_record_without_metadata_has_its_own_dict() -> None:
    one, other = vecs.Record("a"), vecs.Record("a")
    assert one.metadata == other.metadata == {}
    assert one.metadata is not other.metadata
    assert vecs.Record("a", metadata=None).metadata is None


def test_what_looks_at_objects_still_can() -> None:
    for one in (SYNC, ASYNC, DOCS, ADOCS, vecs.Record("a")):
        assert type(pickle.loads(pickle.dumps(one))) is type(copy.copy(one)) is type(one)
        assert not hasattr(one, "_repr_latex_")
        assert one
    assert mock.create_autospec(vecs.Collection).search
    assert pickle.loads(pickle.dumps(vecs.Collection.count)) is vecs.Collection.count


def test_what_was_not_awaited_has_the_name_that_users_know() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert "AsyncCollection.search at" in repr(ADOCS.search([1, 2]))
