"""A retriever with every way of searching that the store has."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, ClassVar

from langchain_core.callbacks import AsyncCallbackManagerForRetrieverRun, CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.vectorstores import VectorStoreRetriever


class VecsRetriever(VectorStoreRetriever):
    """
    A retriever over a VecsVectorStore: `store.as_retriever(search_type="hybrid")`.

    Search types are those of LangChain ("similarity", "similarity_score_threshold", "mmr") and the store's modes
    ("vector", "keyword", "hybrid"). `k` is how many documents it returns, unless `search_kwargs` or the call has a `k`.
    """

    k: int | None = None

    allowed_search_types: ClassVar[Collection[str]] = (
        *VectorStoreRetriever.allowed_search_types,
        "vector",
        "keyword",
        "hybrid",
    )

    def _get_relevant_documents(
        self, query: str, *, run_manager: CallbackManagerForRetrieverRun, **kwargs: Any
    ) -> list[Document]:
        return self.vectorstore.search(query, self.search_type, **self._arguments(kwargs))

    async def _aget_relevant_documents(
        self, query: str, *, run_manager: AsyncCallbackManagerForRetrieverRun, **kwargs: Any
    ) -> list[Document]:
        return await self.vectorstore.asearch(query, self.search_type, **self._arguments(kwargs))

    def _arguments(self, kwargs: dict[str, Any]) -> dict[str, Any]:
        given = {} if self.k is None else {"k": self.k}
        return {**given, **self.search_kwargs, **kwargs}
