"""LangChain's own standard tests, all of those that apply."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from langchain_core.vectorstores import VectorStore
from langchain_tests.integration_tests import RetrieversIntegrationTests, VectorStoreIntegrationTests

from langchain_vecs import VecsRetriever, VecsVectorStore

from .models import Table


class TestVectorStore(VectorStoreIntegrationTests):
    @pytest.fixture
    def vectorstore(self, target: str, schema: str) -> Iterator[VectorStore]:
        with VecsVectorStore(self.get_embeddings(), url=target, schema=schema) as store:
            yield store


class TestVectorStoreInANamespace(VectorStoreIntegrationTests):
    @pytest.fixture
    def vectorstore(self, target: str, schema: str) -> Iterator[VectorStore]:
        with VecsVectorStore(self.get_embeddings(), url=target, schema=schema) as other:
            other.add_texts(["another's"], ids=["1"], namespace="other")
        with VecsVectorStore(self.get_embeddings(), url=target, schema=schema, namespace="mine") as store:
            yield store


class TestRetriever(RetrieversIntegrationTests):
    search_type = "similarity"

    @pytest.fixture(autouse=True)
    def _filled(self, target: str, schema: str) -> Iterator[None]:
        texts = [f"text number {number}" for number in range(10)]
        with VecsVectorStore.from_texts(texts, Table(), url=target, schema=schema) as store:
            self.store = store
            yield

    @property
    def retriever_constructor(self) -> type[BaseRetriever]:
        return VecsRetriever

    @property
    def retriever_constructor_params(self) -> dict[str, Any]:
        return {"vectorstore": self.store, "search_type": self.search_type}

    @property
    def retriever_query_example(self) -> str:
        return "text number 3"


class TestRetrieverByWords(TestRetriever):
    search_type = "keyword"


class TestRetrieverByBoth(TestRetriever):
    search_type = "hybrid"


class TestRetrieverOfUnlike(TestRetriever):
    search_type = "mmr"


def test_documents_are_what_went_in(store: VecsVectorStore) -> None:
    documents = [Document(id="1", page_content="one", metadata={"n": 1}), Document(page_content="two")]
    before = [document.model_copy(deep=True) for document in documents]
    ids = store.add_documents(documents)
    assert documents == before
    assert store.get_by_ids(ids) == [before[0], Document(id=ids[1], page_content="two")]
