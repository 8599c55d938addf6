"""LangChain's vector store on any Postgres with pgvector."""

from langchain_vecs.record_manager import VecsRecordManager
from langchain_vecs.retrievers import VecsRetriever
from langchain_vecs.translator import VecsTranslator
from langchain_vecs.vectorstores import VecsVectorStore

__all__ = ["VecsRecordManager", "VecsRetriever", "VecsTranslator", "VecsVectorStore"]
