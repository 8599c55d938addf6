"""Nodes and embeddings that are known beforehand."""

from __future__ import annotations

import math
from typing import Any

from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.schema import NodeRelationship, RelatedNodeInfo, TextNode
from llama_index.core.vector_stores.types import (
    FilterCondition,
    FilterOperator,
    MetadataFilter,
    MetadataFilters,
    VectorStoreQuery,
)


def at_angle(degrees: float, length: float = 1.0) -> list[float]:
    """A vector in the plane: by cosine, nearness to `at_angle(0)` is known."""
    return [length * math.cos(math.radians(degrees)), length * math.sin(math.radians(degrees))]


def node(id: str, text: str = "", degrees: float = 0, document: str | None = None, **metadata: Any) -> TextNode:
    made = TextNode(id_=id, text=text or f"text of {id}", embedding=at_angle(degrees), metadata=metadata)
    if document is not None:
        made.relationships[NodeRelationship.SOURCE] = RelatedNodeInfo(node_id=document)
    return made


def near(degrees: float = 0, top_k: int = 10, **options: Any) -> VectorStoreQuery:
    return VectorStoreQuery(query_embedding=at_angle(degrees), similarity_top_k=top_k, **options)


def where(key: str, operator: str, value: Any) -> MetadataFilters:
    return MetadataFilters(filters=[condition(key, operator, value)])


def condition(key: str, operator: str, value: Any) -> MetadataFilter:
    return MetadataFilter(key=key, operator=FilterOperator[operator], value=value)


def all_of(*parts: Any) -> MetadataFilters:
    return MetadataFilters(filters=list(parts), condition=FilterCondition.AND)


def any_of(*parts: Any) -> MetadataFilters:
    return MetadataFilters(filters=list(parts), condition=FilterCondition.OR)


def none_of(*parts: Any) -> MetadataFilters:
    return MetadataFilters(filters=list(parts), condition=FilterCondition.NOT)


class Words(BaseEmbedding):
    """Texts are as near as they have words of the vocabulary in common."""

    def _vector(self, text: str) -> list[float]:
        words = text.lower().split()
        return [float(sum(word.startswith(stem) for word in words)) for stem in VOCABULARY] + [0.1]

    def _get_text_embedding(self, text: str) -> list[float]:
        return self._vector(text)

    def _get_query_embedding(self, query: str) -> list[float]:
        return self._vector(query)

    async def _aget_query_embedding(self, query: str) -> list[float]:
        return self._vector(query)


VOCABULARY = ("cat", "dog", "bread", "ship", "index", "vacuum")
