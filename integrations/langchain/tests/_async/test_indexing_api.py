"""index() and aindex() into a store, with the store's own record manager."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import pytest
from langchain_core.documents import Document
from langchain_core.indexing import aindex

from langchain_vecs import VecsVectorStore

from ..models import Table

Cleanup = Literal["incremental", "full", "scoped_full"]


def documents(**versions: str) -> list[Document]:
    """One document a source, of this text."""
    return [Document(page_content=text, metadata={"source": source}) for source, text in versions.items()]


async def indexed(
    store: VecsVectorStore, docs: list[Document], cleanup: Cleanup | None, **options: Any
) -> tuple[int, ...]:
    """Index documents; how many were added, updated, skipped and deleted."""
    manager = store.record_manager()
    await manager.acreate_schema()
    options = {"key_encoder": "sha256", **options}
    result = await aindex(docs, manager, store, cleanup=cleanup, source_id_key="source", **options)
    return result["num_added"], result["num_updated"], result["num_skipped"], result["num_deleted"]


async def texts(store: VecsVectorStore) -> list[str]:
    found = await store.aget()
    return sorted(found["documents"])


@pytest.mark.parametrize("key_encoder", ["sha1", "sha256", "sha512", "blake2b"])
@pytest.mark.filterwarnings("ignore:Using SHA-1 for document hashing")
async def test_what_was_indexed_is_skipped_whatever_the_keys_are(store: VecsVectorStore, key_encoder: str) -> None:
    docs = documents(a="one", b="two")
    assert await indexed(store, docs, None, key_encoder=key_encoder) == (2, 0, 0, 0)
    assert await indexed(store, docs, None, key_encoder=key_encoder) == (0, 0, 2, 0)
    assert await texts(store) == ["one", "two"]


@pytest.mark.parametrize(
    ("cleanup", "left", "deleted"),
    [
        (None, ["one", "three", "two"], 0),
        ("incremental", ["three", "two"], 1),
        ("scoped_full", ["three", "two"], 1),
        ("full", ["three"], 2),
    ],
)
async def test_cleanup_deletes_what_it_says(
    store: VecsVectorStore, cleanup: Cleanup | None, left: list[str], deleted: int
) -> None:
    await indexed(store, documents(a="one", b="two"), cleanup)
    assert await indexed(store, documents(a="three"), cleanup) == (1, 0, 0, deleted)
    assert await texts(store) == left


async def test_an_update_is_forced_and_batches_are_passed_through(store: VecsVectorStore) -> None:
    docs = documents(a="one", b="two", c="three")
    await indexed(store, docs, "full", batch_size=2)
    assert await indexed(store, docs, "full", batch_size=2, force_update=True) == (0, 3, 0, 0)
    assert await store.acount() == 3


async def test_dropping_a_store_drops_its_records(make_store: Callable[..., VecsVectorStore]) -> None:
    store, other = make_store(Table()), make_store(Table(), namespace="other")
    for each in (store, other):
        await indexed(each, documents(a="one"), "full")
    await other.adrop()
    assert await indexed(store, documents(a="one"), "full") == (0, 0, 1, 0)
    assert await indexed(other, documents(a="one"), "full") == (1, 0, 0, 0)
    await store.adrop()
    assert await indexed(store, documents(a="one"), "full") == (1, 0, 0, 0)


async def test_dropping_a_collection_drops_the_records_of_its_namespaces(
    make_store: Callable[..., VecsVectorStore],
) -> None:
    acme = make_store(Table(), namespace="acme")
    await indexed(acme, documents(a="one"), "full")
    await make_store(Table()).adrop()
    assert await indexed(acme, documents(a="one"), "full") == (1, 0, 0, 0)
    assert await texts(acme) == ["one"]


async def test_a_collection_with_the_name_of_a_namespace_has_records_of_its_own(
    make_store: Callable[..., VecsVectorStore],
) -> None:
    inside, beside = make_store(Table(), namespace="acme"), make_store(Table(), "docs/acme")
    for store in (inside, beside):
        await indexed(store, documents(a="one"), "full")
    await inside.adrop()
    assert await indexed(beside, documents(a="one"), "full") == (0, 0, 1, 0)


async def test_dropping_a_store_that_is_not_there_is_no_error(store: VecsVectorStore) -> None:
    await store.adrop()
    await store.adrop()
    assert await store.acount() == 0
