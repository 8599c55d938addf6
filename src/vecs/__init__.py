"""Any Postgres with pgvector as a vector store: documents go in, similar documents come out."""

from typing import TYPE_CHECKING

from vecs import exc
from vecs._async.client import AsyncClient, create_async_client
from vecs._async.collection.attached import AsyncAttachedCollection
from vecs._async.collection.collection import AsyncCollection
from vecs._checks.meant import OF_MODULE
from vecs._checks.wrong_calls import missing_in_module
from vecs._reports.builds import BuildProgress
from vecs._reports.copies import CopyReport
from vecs._reports.info import ClientInfo, CollectionInfo
from vecs._reports.matches import Matches
from vecs._reports.pages import Records
from vecs._reports.recall import Recall, Tuning
from vecs._reports.upsert_result import UpsertResult
from vecs._serving.handle import Atlas
from vecs._sql.indexes import IndexInfo
from vecs._sql.summaries import Stats
from vecs._sync.client import Client, create_client
from vecs._sync.collection.attached import AttachedCollection
from vecs._sync.collection.collection import Collection
from vecs._version import __version__
from vecs.indexes import IndexArgsHNSW, IndexArgsIVFFlat, IndexMethod
from vecs.measures import IndexMeasure
from vecs.records import Context, Match, Record
from vecs.rerankers import Reranker
from vecs.snippets import Snippet
from vecs.sparse import SparseVector
from vecs.transforms import (
    APIEmbedding,
    Embedding,
    ImageEmbedding,
    MarkdownChunker,
    ParagraphChunker,
    Pipeline,
    RecursiveSplitter,
    TextEmbedding,
    TextPreprocessor,
    Transform,
)

__project__ = "vecs"

__all__ = [
    "APIEmbedding",
    "AsyncAttachedCollection",
    "AsyncClient",
    "AsyncCollection",
    "Atlas",
    "AttachedCollection",
    "BuildProgress",
    "Client",
    "ClientInfo",
    "Collection",
    "CollectionInfo",
    "Context",
    "CopyReport",
    "Embedding",
    "ImageEmbedding",
    "IndexArgsHNSW",
    "IndexArgsIVFFlat",
    "IndexInfo",
    "IndexMeasure",
    "IndexMethod",
    "MarkdownChunker",
    "Match",
    "Matches",
    "ParagraphChunker",
    "Pipeline",
    "Recall",
    "Record",
    "Records",
    "RecursiveSplitter",
    "Reranker",
    "Snippet",
    "SparseVector",
    "Stats",
    "TextEmbedding",
    "TextPreprocessor",
    "Transform",
    "Tuning",
    "UpsertResult",
    "__version__",
    "create_async_client",
    "create_client",
    "exc",
]

# Hidden from type checkers, which would accept every name otherwise.
if not TYPE_CHECKING:

    def __getattr__(name: str) -> None:
        missing_in_module("vecs", name, __all__, OF_MODULE)
