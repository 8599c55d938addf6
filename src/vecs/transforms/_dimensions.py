"""Dimensions of well-known models, so that a collection can be made before its model is loaded."""

from __future__ import annotations

from typing import Literal

TextEmbeddingModel = Literal[
    "all-mpnet-base-v2",
    "multi-qa-mpnet-base-dot-v1",
    "all-distilroberta-v1",
    "all-MiniLM-L12-v2",
    "multi-qa-distilbert-cos-v1",
    "all-MiniLM-L6-v2",
    "multi-qa-MiniLM-L6-cos-v1",
    "paraphrase-multilingual-mpnet-base-v2",
    "paraphrase-albert-small-v2",
    "paraphrase-multilingual-MiniLM-L12-v2",
    "paraphrase-MiniLM-L3-v2",
    "distiluse-base-multilingual-cased-v1",
    "distiluse-base-multilingual-cased-v2",
]

_DIMENSIONS = {
    "all-mpnet-base-v2": 768,
    "multi-qa-mpnet-base-dot-v1": 768,
    "all-distilroberta-v1": 768,
    "all-MiniLM-L12-v2": 384,
    "multi-qa-distilbert-cos-v1": 768,
    "all-MiniLM-L6-v2": 384,
    "multi-qa-MiniLM-L6-cos-v1": 384,
    "paraphrase-multilingual-mpnet-base-v2": 768,
    "paraphrase-albert-small-v2": 768,
    "paraphrase-multilingual-MiniLM-L12-v2": 384,
    "paraphrase-MiniLM-L3-v2": 384,
    "distiluse-base-multilingual-cased-v1": 512,
    "distiluse-base-multilingual-cased-v2": 512,
    "clip-ViT-B-32": 512,
    "clip-ViT-B-16": 512,
    "clip-ViT-L-14": 768,
    "clip-ViT-B-32-multilingual-v1": 512,
    "BAAI/bge-small-en-v1.5": 384,
    "BAAI/bge-base-en-v1.5": 768,
    "BAAI/bge-large-en-v1.5": 1024,
    "BAAI/bge-m3": 1024,
    "intfloat/e5-small-v2": 384,
    "intfloat/e5-base-v2": 768,
    "intfloat/e5-large-v2": 1024,
    "intfloat/multilingual-e5-small": 384,
    "intfloat/multilingual-e5-base": 768,
    "intfloat/multilingual-e5-large": 1024,
    "mixedbread-ai/mxbai-embed-large-v1": 1024,
    "nomic-ai/nomic-embed-text-v1.5": 768,
    "google/embeddinggemma-300m": 768,
    "Qwen/Qwen3-Embedding-0.6B": 1024,
}


def known_dimension(model: str) -> int | None:
    """Return the dimension of a well-known model, else None."""
    return _DIMENSIONS.get(model.removeprefix("sentence-transformers/"))
