"""What a wrong name may mean: names of other libraries, and typing mistakes."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from difflib import get_close_matches
from types import MappingProxyType

from vecs._checks.shown import brief

# A longer name is not a typing mistake, and takes long to compare.
_LONGEST = 60

_LIMIT = ("limit", "k", "similarity_top_k")
_FILTERS = ("filters", "filter", "vecs_filters", "where")
_TARGET = ("target", "url", "path")
_URL = ("url", "target")
_NAME = ("name", "collection", "collection_name")
_TRANSFORM = ("transform", "embedding", "embed_model")
_VECTOR = ("include_vector", "include_embeddings")
_RECORDS = ("records", "documents", "nodes", "texts")
_QUERY = ("query", "queries", "data", "embedding")

# Arguments of other libraries, and their names here. The first one that the function has is suggested.
_ARGUMENTS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(
        ("k", "top_k", "topk", "n", "n_results", "num_results", "max_results", "match_count", "count", "top"),
        _LIMIT,
    ),
    "size": (*_LIMIT, "dimension"),
    **dict.fromkeys(
        ("filter", "filters", "where", "where_document", "expr", "metadata_filter", "query_filter", "conditions"),
        _FILTERS,
    ),
    **dict.fromkeys(("path", "folder", "persist_directory", "persist_dir", "location", "db_path"), ("path", "target")),
    **dict.fromkeys(("url", "uri", "dsn", "conninfo", "connection", "connection_string"), _URL),
    **dict.fromkeys(("database_url", "db_url", "host", "port", "user", "password", "dbname", "database"), _URL),
    "target": _URL,
    **dict.fromkeys(("db", "client_settings"), _TARGET),
    **dict.fromkeys(("name", "table", "table_name", "index_name"), _NAME),
    **dict.fromkeys(("collection", "collection_name"), (*_NAME, "namespace")),
    **dict.fromkeys(
        ("dim", "dims", "dimensions", "embed_dim", "vector_size", "n_dim", "ndim", "embedding_dimension"),
        ("dimension",),
    ),
    **dict.fromkeys(
        ("embedding_function", "embedder", "embed", "embeddings", "embedding_model", "model", "vectorizer"),
        _TRANSFORM,
    ),
    **dict.fromkeys(
        ("metric", "distance", "distance_metric", "distance_strategy", "metric_type", "space", "similarity"),
        ("measure",),
    ),
    **dict.fromkeys(
        ("query_vector", "query_embeddings", "query_embedding", "query_texts", "query_text", "vector", "q", "data"),
        _QUERY,
    ),
    **dict.fromkeys(
        ("include_vectors", "include_values", "include_embedding", "with_vectors", "with_vector", "return_vectors"),
        _VECTOR,
    ),
    **dict.fromkeys(
        ("score_threshold", "min_score", "similarity_threshold", "certainty", "distance_threshold"),
        ("threshold", "score_threshold", "similarity_cutoff"),
    ),
    **dict.fromkeys(("documents", "texts", "points", "items", "rows", "docs", "objects", "entities"), _RECORDS),
    **dict.fromkeys(("id", "record_ids", "points_selector", "node_ids"), ("ids", "node_ids")),
    **dict.fromkeys(("metadatas", "payload", "payloads"), ("metadata",)),
    **dict.fromkeys(("search_type", "query_type", "vector_query_mode"), ("mode",)),
    **dict.fromkeys(("reranker", "ranker", "rerank_function"), ("rerank",)),
    **dict.fromkeys(("text_search_config", "regconfig", "lang"), ("language",)),
    **dict.fromkeys(("tenant", "tenant_id", "partition", "partition_name"), ("namespace",)),
    **dict.fromkeys(("timeout", "query_timeout"), ("statement_timeout",)),
    **dict.fromkeys(("max_connections", "max_size", "pool_max_size"), ("pool_size",)),
    **dict.fromkeys(("schema", "schema_name"), ("schema", "schema_name")),
    **dict.fromkeys(("chunk_size", "chunk_length", "max_length", "max_chunk_size"), ("max_tokens", "max_characters")),
    **dict.fromkeys(("tokens_per_chunk", "max_tokens_per_chunk", "chunk_tokens", "token_limit"), ("max_tokens",)),
    **dict.fromkeys(("max_chars", "chars_per_chunk"), ("max_characters",)),
    **dict.fromkeys(("chunk_overlap", "token_overlap", "overlap_size", "overlap_tokens"), ("overlap",)),
    **dict.fromkeys(("length_function", "encoding_name", "token_counter"), ("tokenizer",)),
    "fetch_k": ("oversampling",),
    "lambda_mult": ("diversity",),
    "alpha": ("weights",),
    **dict.fromkeys(
        ("group_by_field", "groupby", "group", "groups", "collapse", "distinct", "distinct_on", "group_key", "dedupe"),
        ("group_by",),
    ),
    **dict.fromkeys(("groups_limit", "max_groups", "number_of_groups"), _LIMIT),
    **dict.fromkeys(("hits_per_group", "objects_per_group", "per_group", "strict_group_size"), ("group_size",)),
    **dict.fromkeys(("window", "window_size", "neighbors", "neighbours", "surrounding", "num_nodes"), ("context",)),
    **dict.fromkeys(
        ("highlights", "highlighting", "highlight_fields", "attributes_to_highlight", "headline", "with_highlights"),
        ("highlight",),
    ),
    **dict.fromkeys(("positive", "positives", "recommend", "near_id", "near_object", "more_like_this"), ("like",)),
    **dict.fromkeys(("negative", "negatives", "avoid", "dislike"), ("unlike",)),
    "index_type": ("method",),
    "metric_name": ("measure",),
}

# Words for either of two arguments.
_EITHER = ("chunk_size", "chunk_length", "max_length", "max_chunk_size")

_ALWAYS = "metadata and text are always returned: leave it out"
# Arguments of other libraries that vecs does not need.
_NEEDLESS = {
    "include": "text, metadata, distance and score are always returned; for vectors give include_vector=True",
    **dict.fromkeys(("include_metadata", "with_payload", "output_fields", "return_properties"), _ALWAYS),
    "chunk_overlap": "RecursiveSplitter(max_tokens, overlap=..., markdown=True) has chunks that overlap",
}

_INTEGRATIONS = "the stores for LangChain and LlamaIndex have this method: see integrations/ of vecs"
_EVERY_CALL = "each call commits before it returns: leave it out"
_UPSERT = "upsert([(id, vector or text, metadata), ...])"
_SEARCH = "search(vector or text, limit=10)"
_GET = "get(ids), or get(filters={...}, limit=10)"
_INFO = "info()"


def words(*pairs: tuple[str, str]) -> Mapping[str, str]:
    """Return a dict from each word to its replacement: `words(("add insert", "upsert(records)"), ...)`."""
    return MappingProxyType({word: meant for words, meant in pairs for word in words.split()})


# Methods and attributes of other libraries, and what to write here instead.
OF_COLLECTIONS = words(
    ("add insert put write save store append extend upload add_texts add_documents add_embeddings", _UPSERT),
    ("add_items add_points upload_points upsert_points bulk_insert load insert_many upsert_many", _UPSERT),
    ("similarity_search vector_search query_points search_points find nearest knn knn_search ann", _SEARCH),
    ("similarity_search_by_vector retrieve lookup match near near_vector near_text", _SEARCH),
    ("similarity_search_with_score", "search(vector or text): each match has .score and .distance"),
    ("hybrid_search hybrid", 'search(text, mode="hybrid")'),
    ("keyword_search text_search full_text_search bm25 fts", 'search(text, mode="keyword")'),
    ("max_marginal_relevance_search mmr", "search(vector or text, diversity=0.5)"),
    ("batch_search search_batch multi_search query_batch", "search_many([vector or text, ...])"),
    ("search_groups query_points_groups search_point_groups group_by", 'search(text, group_by="$document_id")'),
    ("recommend discover more_like_this similar similar_to near_object find_similar", 'search(like=["id"])'),
    ("peek head first sample limit", "get(limit=10)"),
    ("where filter select fetch_all get_by_ids", _GET),
    ("scroll list items iter iterate all export values records rows", "scan(), which yields every record"),
    ("remove delete_by_ids delete_ids delete_many delete_where", "delete(ids), or delete(filters={...})"),
    ("clear empty reset delete_all", "truncate()"),
    ("drop drop_collection delete_collection", "client.delete_collection(name)"),
    ("update update_one set_payload patch modify", "update_metadata({...}, ids=[...]), or upsert(records)"),
    ("len size length num_entities count_rows", "count()"),
    ("describe describe_index_stats schema get_schema", _INFO),
    ("reindex build_index create_hnsw_index create_vector_index index_vectors ensure_index", "index()"),
    ("create_payload_index create_scalar_index", "create_metadata_index(key)"),
    ("list_indexes get_indexes", "indexes()"),
    ("commit persist flush save_local sync load_local", _EVERY_CALL),
    ("close disconnect connect connection", "client.close() and client.connection() of its client"),
    ("embed embed_query embed_documents embedding embedding_function model", "transform"),
    ("as_retriever from_documents from_texts as_query_engine as_index", _INTEGRATIONS),
    ("table engine Session", "client.connection(), a psycopg connection, and the collection's name for the table"),
    ("df pandas to_df to_dataframe", "to_pandas()"),
    ("arrow to_table to_record_batches", "to_arrow()"),
    ("from_pandas from_polars from_arrow from_dataframe add_dataframe load_dataset", "upsert(frame)"),
    ("facet value_counts distinct unique aggregate terms count_by", "facets(key)"),
    ("min max mean avg average statistics summarise summarize", "stats(key)"),
    ("to_list to_dict", "scan(), which yields records"),
)

_COLLECTION = "the method of a collection: client.get_collection(name)"
OF_CLIENTS = words(
    ("list ls collections list_tables table_names tables list_indexes", "collection_names(), or list_collections()"),
    ("get_or_create get_or_create_index", "get_or_create_collection(name, dimension=...)"),
    ("create create_table create_index new recreate_collection", "create_collection(name, dimension=...)"),
    ("get open collection table open_table open_collection index Index load_collection", "get_collection(name)"),
    ("delete drop drop_collection drop_table delete_index remove remove_collection", "delete_collection(name)"),
    ("rename rename_table", "rename_collection(name, new_name)"),
    ("exists has_collection collection_exists has_table", "collection_names(), and `name in` what it returns"),
    ("heartbeat ping version get_version status server_info describe", _INFO),
    ("persist commit flush save", _EVERY_CALL),
    ("execute cursor engine Session conn pool sql fetch fetchall meta", "connection(), a psycopg connection"),
    ("shutdown stop dispose quit", "close()"),
    ("add insert search query upsert count scan similarity_search query_points scroll peek", _COLLECTION),
    ("as_retriever from_documents from_texts", _INTEGRATIONS),
    ("set_tenant set_role set_database", 'with_settings({"role": ..., "app.tenant": ...})'),
)

_MODULES = ("adapter", "embedded", "filters", "fusion", "sharing", "sql", "storage")
_CREATE = 'create_client("postgresql://...") or create_client("./folder")'
OF_MODULE = words(
    ("connect Connection open init client Vecs VecsClient HttpClient Database DB Store VectorStore", _CREATE),
    ("PersistentClient persistent_client", 'create_client("./folder")'),
    ("EphemeralClient ephemeral_client", "create_client() with a folder of tempfile.TemporaryDirectory()"),
    ("connect_async aconnect async_connect AsyncConnection AsyncHttpClient AsyncVecs", "create_async_client(...)"),
    ("from_documents from_texts VecsVectorStore PGVector", _INTEGRATIONS),
    ("create_collection get_collection get_or_create_collection", "the method of a client: create_client(...)"),
    ("exceptions errors error VecsException FilterError ArgError DatabaseError Unavailable TransformError", "vecs.exc"),
    ("Document Item Point PointStruct Row Entity", "Record(id, vec=..., text=..., metadata={...})"),
    ("Filter where", 'filters={"key": value}, a dict'),
    ("Distance Metric DistanceStrategy", "IndexMeasure"),
    ("HNSW Hnsw HnswIndex", "IndexArgsHNSW"),
    ("IVF IVFFlat IvfFlat", "IndexArgsIVFFlat"),
    ("OpenAIEmbedding OpenAIEmbeddings OllamaEmbedding OllamaEmbeddings OpenAI Ollama", "APIEmbedding(model)"),
    ("Embedder EmbeddingFunction SentenceTransformer SentenceTransformerEmbedding", "TextEmbedding(model)"),
    *((name, f"import vecs.{name}") for name in _MODULES),
)

OF_MATCHES = words(
    ("content page_content document body chunk value", "text"),
    ("payload meta metadatas properties attributes fields", "metadata"),
    ("similarity relevance certainty", "score"),
    ("vector embedding embeddings values", "vec"),
    ("key uuid _id", "id"),
    ("doc_id ref_doc_id source_id", "document_id"),
    ("group_id group_key group_value", "group"),
    ("neighbors neighbours window", "context, with search(context=1)"),
    ("image", "media"),
    ("highlight headline matched_words positions", "highlights, with search(highlight=True)"),
    ("snippets passage fragment fragments crop excerpt", "snippet(), after search(highlight=True)"),
    ("node record item entity", "match.id, match.text and match.metadata, which are those of the record"),
)


def argument_meant(name: object, known: Collection[str], given: Collection[str] = ()) -> str | None:
    """Return the known argument that a wrong name may mean, preferably one that is not already `given`."""
    if not isinstance(name, str):
        return None
    return _translated(name, known, given) or near(name, known)


def _translated(name: str, known: Collection[str], given: Collection[str]) -> str | None:
    candidates = [one for one in _ARGUMENTS.get(name.lower(), ()) if one in known]
    return next((one for one in candidates if one not in given), candidates[0] if candidates else None)


def near(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that is most similar to a misspelled one; None if none is similar."""
    if len(name) > _LONGEST:
        return None
    names = list(known)
    lower = {one.lower(): one for one in names}
    close = get_close_matches(name, names, 1) or [lower[one] for one in get_close_matches(name.lower(), lower, 1)]
    return close[0] if close else None


def unknown_argument(
    name: object,
    known: Collection[str],
    *,
    given: Collection[str] = (),
    elsewhere: Mapping[str, str] | None = None,
    takes: str = "expected some of",
) -> str:
    """
    Return a message: there is no argument of this name; did you mean that one; these are the arguments.

    `elsewhere` maps names of other libraries to the names of one function. `takes` are the words before the list.
    """
    hint = _hint(name, known, given, elsewhere or {}) if isinstance(name, str) else ""
    return f"unknown argument {brief(name)}; {hint}{takes} {', '.join(known)}"


def _hint(name: str, known: Collection[str], given: Collection[str], elsewhere: Mapping[str, str]) -> str:
    meant = elsewhere.get(name)
    if meant not in known:
        meant = _translated(name, known, given)
    if meant is None and name in _NEEDLESS:
        return f"{_NEEDLESS[name]}. "
    meant = meant or near(name, known)
    either = [repr(one) for one in _ARGUMENTS[name] if one in known] if name in _EITHER else []
    meant = " or ".join(either) if either else repr(meant) if meant else None
    return f"did you mean {meant}? " if meant else ""


def instead_of(name: str, known: Iterable[str], elsewhere: Mapping[str, str]) -> str | None:
    """Return what to write instead of a method or attribute that does not exist; None if that is not known."""
    meant = name if name in elsewhere else near(name, [*known, *elsewhere])
    return None if meant is None else elsewhere.get(meant, meant)
