"""From what callers have to what collections store: chunkers, embedders, and pipelines of them."""

from __future__ import annotations

from vecs.transforms._api import APIEmbedding
from vecs.transforms._api_requests import APIUsage
from vecs.transforms._config import describe, identity
from vecs.transforms._dimensions import TextEmbeddingModel
from vecs.transforms._function import Embedding
from vecs.transforms._image import ImageEmbedding
from vecs.transforms._legacy import AdapterContext, AdapterStep, NoOp
from vecs.transforms._markdown import MarkdownChunker
from vecs.transforms._paragraph import ParagraphChunker
from vecs.transforms._pipeline import Adapter, Pipeline
from vecs.transforms._preprocessor import TextPreprocessor
from vecs.transforms._protocol import Describable, Transform
from vecs.transforms._rebuild import from_config
from vecs.transforms._recursive import RecursiveSplitter
from vecs.transforms._text import TextEmbedding

__all__ = [
    "APIEmbedding",
    "APIUsage",
    "Adapter",
    "AdapterContext",
    "AdapterStep",
    "Describable",
    "Embedding",
    "ImageEmbedding",
    "MarkdownChunker",
    "NoOp",
    "ParagraphChunker",
    "Pipeline",
    "RecursiveSplitter",
    "TextEmbedding",
    "TextEmbeddingModel",
    "TextPreprocessor",
    "Transform",
    "describe",
    "from_config",
    "identity",
]
