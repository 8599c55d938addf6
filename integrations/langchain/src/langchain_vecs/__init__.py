"""LangChain's vector store on any Postgres with pgvector."""

from langchain_vecs.retrievers import VecsRetriever
from langchain_vecs.vectorstores import VecsVectorStore

__all__ = ["VecsRetriever", "VecsVectorStore"]
