"""The import path of vecs 0.4 for transforms; re-exports only."""

from __future__ import annotations

from vecs.adapter.base import Adapter, AdapterContext, AdapterStep
from vecs.adapter.markdown import MarkdownChunker
from vecs.adapter.noop import NoOp
from vecs.adapter.text import ParagraphChunker, TextEmbedding, TextEmbeddingModel

__all__ = [
    "Adapter",
    "AdapterContext",
    "AdapterStep",
    "MarkdownChunker",
    "NoOp",
    "ParagraphChunker",
    "TextEmbedding",
    "TextEmbeddingModel",
]
