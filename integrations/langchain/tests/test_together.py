"""Calls at once: each by its own filter."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

from langchain_core.documents import Document

from langchain_vecs import VecsVectorStore

DOCUMENTS = [Document(f"text {n}", id=str(n), metadata={"n": n}) for n in range(20)]


async def test_concurrent_calls_of_a_retriever_keep_to_their_own_filters(store: VecsVectorStore) -> None:
    await store.aadd_documents(DOCUMENTS)
    retriever = store.as_retriever()
    found = await asyncio.gather(*(retriever.ainvoke("text", filter={"n": n}) for n in range(20)))
    assert found == [[document] for document in DOCUMENTS]


def test_calls_of_a_retriever_in_threads_keep_to_their_own_filters(store: VecsVectorStore) -> None:
    store.add_documents(DOCUMENTS)
    retriever = store.as_retriever()
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda n: retriever.invoke("text", filter={"n": n}), range(20)))
    assert found == [[document] for document in DOCUMENTS]


async def test_concurrent_calls_keep_to_their_own_namespaces(store: VecsVectorStore) -> None:
    await asyncio.gather(*(store.aadd_documents([DOCUMENTS[n]], namespace=f"tenant {n}") for n in range(20)))
    found = await asyncio.gather(*(store.asimilarity_search("text", namespace=f"tenant {n}") for n in range(20)))
    assert found == [[document] for document in DOCUMENTS]
