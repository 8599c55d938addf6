"""LangChain's vector store on any Postgres with pgvector."""
