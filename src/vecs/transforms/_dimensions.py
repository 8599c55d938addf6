"""Dimensions of well-known models, to make collections before the model is loaded, and prompts of these models."""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

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
    "BAAI/bge-small-en": 384,
    "BAAI/bge-base-en": 768,
    "BAAI/bge-large-en": 1024,
    "BAAI/bge-small-en-v1.5": 384,
    "BAAI/bge-base-en-v1.5": 768,
    "BAAI/bge-large-en-v1.5": 1024,
    "BAAI/bge-small-zh-v1.5": 512,
    "BAAI/bge-base-zh-v1.5": 768,
    "BAAI/bge-large-zh-v1.5": 1024,
    "BAAI/bge-m3": 1024,
    "intfloat/e5-small": 384,
    "intfloat/e5-base": 768,
    "intfloat/e5-large": 1024,
    "intfloat/e5-small-v2": 384,
    "intfloat/e5-base-v2": 768,
    "intfloat/e5-large-v2": 1024,
    "intfloat/multilingual-e5-small": 384,
    "intfloat/multilingual-e5-base": 768,
    "intfloat/multilingual-e5-large": 1024,
    "intfloat/multilingual-e5-large-instruct": 1024,
    "mixedbread-ai/mxbai-embed-large-v1": 1024,
    "mixedbread-ai/deepset-mxbai-embed-de-large-v1": 1024,
    "nomic-ai/nomic-embed-text-v1": 768,
    "nomic-ai/nomic-embed-text-v1.5": 768,
    "nomic-ai/nomic-embed-text-v2-moe": 768,
    "nomic-ai/modernbert-embed-base": 768,
    "thenlper/gte-small": 384,
    "thenlper/gte-base": 768,
    "thenlper/gte-large": 1024,
    "Alibaba-NLP/gte-base-en-v1.5": 768,
    "Alibaba-NLP/gte-large-en-v1.5": 1024,
    "Alibaba-NLP/gte-modernbert-base": 768,
    "Alibaba-NLP/gte-multilingual-base": 768,
    "Snowflake/snowflake-arctic-embed-xs": 384,
    "Snowflake/snowflake-arctic-embed-s": 384,
    "Snowflake/snowflake-arctic-embed-m": 768,
    "Snowflake/snowflake-arctic-embed-m-long": 768,
    "Snowflake/snowflake-arctic-embed-l": 1024,
    "Snowflake/snowflake-arctic-embed-m-v1.5": 768,
    "Snowflake/snowflake-arctic-embed-m-v2.0": 768,
    "Snowflake/snowflake-arctic-embed-l-v2.0": 1024,
    "jinaai/jina-embeddings-v2-small-en": 512,
    "jinaai/jina-embeddings-v2-base-en": 768,
    "jinaai/jina-embeddings-v2-base-de": 768,
    "jinaai/jina-embeddings-v2-base-es": 768,
    "jinaai/jina-embeddings-v2-base-zh": 768,
    "jinaai/jina-embeddings-v2-base-code": 768,
    "jinaai/jina-embeddings-v3": 1024,
    "WhereIsAI/UAE-Large-V1": 1024,
    "google/embeddinggemma-300m": 768,
    "Qwen/Qwen3-Embedding-0.6B": 1024,
    "Qwen/Qwen3-Embedding-4B": 2560,
    "Qwen/Qwen3-Embedding-8B": 4096,
}


class Prompts(NamedTuple):
    """The prompts that a model needs before a query and before a document; None if it needs none."""

    query: str | None = None
    document: str | None = None


_PASSAGES = Prompts("Represent this sentence for searching relevant passages: ")
_INSTRUCT = "Instruct: Given a web search query, retrieve relevant passages that answer the query\nQuery:"
# As the models' cards say. Some of the models bring them; those that need none (gte, bge-m3, jina v2, and those of
# sentence-transformers) are not listed.
_PROMPTS = {
    r"intfloat/(multilingual-)?e5-(small|base|large)(-v2)?": Prompts("query: ", "passage: "),
    r"intfloat/multilingual-e5-large-instruct": Prompts(f"{_INSTRUCT} "),
    r"BAAI/bge-(small|base|large)-en(-v1\.5)?": _PASSAGES,
    r"BAAI/bge-(small|base|large)-zh(-v1\.5)?": Prompts("为这个句子生成表示以用于检索相关文章："),
    r"nomic-ai/(nomic-embed-text-v(1|1\.5|2-moe)|modernbert-embed-base)": Prompts(
        "search_query: ", "search_document: "
    ),
    r"mixedbread-ai/mxbai-embed-large-v1": _PASSAGES,
    r"mixedbread-ai/deepset-mxbai-embed-de-large-v1": Prompts("query: ", "passage: "),
    r"WhereIsAI/UAE-Large-V1": _PASSAGES,
    r"Snowflake/snowflake-arctic-embed-(xs|s|m|m-long|l|m-v1\.5)": _PASSAGES,
    r"Snowflake/snowflake-arctic-embed-[ml]-v2\.0": Prompts("query: "),
    r"jinaai/jina-embeddings-v3": Prompts(
        "Represent the query for retrieving evidence documents: ", "Represent the document for retrieval: "
    ),
    r"google/embeddinggemma-300m": Prompts("task: search result | query: ", "title: none | text: "),
    r"Qwen/Qwen3-Embedding-(0\.6|4|8)B": Prompts(_INSTRUCT),
}


def known_dimension(model: str) -> int | None:
    """Return the dimension of a well-known model, else None."""
    return _DIMENSIONS.get(model.removeprefix("sentence-transformers/"))


def known_prompts(model: str) -> Prompts:
    """Return the prompts for a well-known model that has none in its files; no prompts for other models."""
    found = (prompts for name, prompts in _PROMPTS.items() if re.fullmatch(name, model))
    return next(found, Prompts())
