"""LlamaIndex's vector store on any Postgres with pgvector."""

from llama_index.vector_stores.vecs.base import VecsVectorStore

__all__ = ["VecsVectorStore"]
