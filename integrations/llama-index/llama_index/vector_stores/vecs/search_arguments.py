"""What a query asks for: LlamaIndex's arguments checked and turned into those of `Collection.search`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, cast

from llama_index.core.schema import BaseNode, QueryBundle
from llama_index.core.vector_stores.types import VectorStoreQuery, VectorStoreQueryMode, VectorStoreQueryResult

from llama_index.vector_stores.vecs.filters import DOCUMENT_KEYS, all_of, to_filters
from llama_index.vector_stores.vecs.nodes import to_node
from llama_index.vector_stores.vecs.windows import checked_context
from vecs import Match, Record, Reranker
from vecs.exc import ArgError, CallError
from vecs.sharing import SearchOptions, argument_meant, brief, check_known, checked_int, checked_number

Mode = VectorStoreQueryMode

MODES = (Mode.DEFAULT, Mode.TEXT_SEARCH, Mode.SPARSE, Mode.HYBRID, Mode.SEMANTIC_HYBRID, Mode.MMR)

# Options of vecs that have another name here, or are not for a query to choose. All others are handed on as they are.
_NOT_PASSED = (
    "text", "mode", "limit", "filters", "measure", "threshold", "weights", "rerank", "diversity", "include_vector",
    "include_extra", "include_columns", "context",
)  # fmt: skip
_PASSED = (*(name for name in SearchOptions.__annotations__ if name not in _NOT_PASSED), "rerank")
# PGVectorStore's names.
_RENAMED = {"hnsw_ef_search": "ef_search", "ivfflat_probes": "probes"}
_OWN = ("vecs_filters", "mmr_threshold", "mmr_prefetch_factor", "mmr_prefetch_k", "include_embeddings", "context")
KNOWN = (*_PASSED, *_RENAMED, *_OWN)

# What a VectorStoreQuery itself says, and what a retriever calls it.
_FIELDS = tuple(field.name for field in fields(VectorStoreQuery))
_ELSEWHERE = {"limit": "similarity_top_k"}
_OF_RETRIEVER = {"mode": "vector_store_query_mode"}

# The least number of candidates per side of a hybrid search, vecs' own; and of those per node for MMR, LlamaIndex's.
_LEAST_CANDIDATES = 50
_PREFETCH_FACTOR = 4.0


@dataclass(frozen=True)
class Defaults:
    """What a store searches by, unless a query says otherwise."""

    measure: str | None
    rerank: Reranker | None = None
    ef_search: int | None = None


@dataclass(frozen=True)
class Search:
    """One search: for a vector or a text, and with these arguments; for None it is one by filters alone."""

    query: Any
    options: Mapping[str, Any]
    by_cosine: bool
    include_embeddings: bool
    node_ids: Sequence[str] = ()
    # How many nodes before and after each are read with it.
    context: tuple[int, int] | None = None

    @property
    def reads(self) -> bool:
        """Whether filters alone say which nodes are wanted."""
        return self.query is None and not self.options.get("like")

    @property
    def reading(self) -> dict[str, Any]:
        """The arguments of `Collection.get` for a search by filters alone."""
        return {
            name: self.options[name]
            for name in ("filters", "limit", "offset", "include_vector")
            if name in self.options
        }

    def node(self, found: Match | Record) -> BaseNode:
        """Return what was found as a node."""
        return to_node(found, include_embedding=self.include_embeddings)

    def answer(self, found: Sequence[Match | Record], nodes: Sequence[BaseNode]) -> VectorStoreQueryResult:
        """Return what was found, and the nodes it is, as LlamaIndex has it; without a query nothing is similar."""
        similarities = [self._similarity(match) for match in found if isinstance(match, Match)]
        return VectorStoreQueryResult(
            nodes=nodes,
            similarities=None if self.reads else similarities,
            ids=[node.node_id for node in nodes],
        )

    def _similarity(self, match: Match) -> float:
        # LlamaIndex's stores give the cosine itself, and 0 from a right angle on, where vecs' own score is 0.5.
        return max(0.0, 2 * match.score - 1) if self.by_cosine else match.score


def check_query(query: Any) -> None:
    """Raise ArgError for a query that is no VectorStoreQuery; the message says how to write it as one."""
    if isinstance(query, VectorStoreQuery):
        return
    if isinstance(query, str):
        instead = f"VectorStoreQuery(query_str={brief(query)}, query_embedding=...), or the retriever of an index"
    elif isinstance(query, QueryBundle):
        instead = "VectorStoreQuery(query_str=..., query_embedding=...), or give it to the retriever of an index"
    elif hasattr(query, "__len__") and not isinstance(query, dict | type):
        instead = "VectorStoreQuery(query_embedding=[...])"
    else:
        instead = "VectorStoreQuery(query_embedding=..., query_str=..., similarity_top_k=...)"
    what = cast("Any", query)
    given = f"the class {what.__name__}" if isinstance(query, type) else f"{type(what).__name__}: {brief(what)}"
    raise ArgError(f"query must be a VectorStoreQuery, not {given}; write {instead}")


def check_options(given: Mapping[str, Any]) -> None:
    """Raise ArgError for unknown keyword arguments of a query; the message says where they belong."""
    for name in given:
        if name in KNOWN:
            continue
        field = name if name in _FIELDS else _ELSEWHERE.get(name)
        if field is None and argument_meant(name, KNOWN) is None:
            field = argument_meant(name, _FIELDS)
        if field is not None:
            raise CallError(
                f"unknown argument {brief(name)}; did you mean {field!r}? That belongs to the query: "
                f"VectorStoreQuery({field}=...), or index.as_retriever({_OF_RETRIEVER.get(field, field)}=...)"
            )
        check_known([name], KNOWN)


def parse_search(query: VectorStoreQuery, given: Mapping[str, Any], defaults: Defaults) -> Search:
    """Return the arguments of the search for a query, or raise ArgError."""
    mode = _mode(query.mode)
    options: dict[str, Any] = {name: given[name] for name in _PASSED if given.get(name) is not None}
    options |= {new: given[old] for old, new in _RENAMED.items() if given.get(old) is not None and new not in options}
    if mode in (Mode.DEFAULT, Mode.MMR) and defaults.ef_search is not None:
        options.setdefault("ef_search", defaults.ef_search)
    if mode is Mode.SEMANTIC_HYBRID and options.setdefault("rerank", defaults.rerank) is None:
        raise ArgError(
            "query mode 'semantic_hybrid' is a hybrid search that a model reorders; give the store or the query a "
            "rerank=, such as sentence_transformers.CrossEncoder(...), or use mode 'hybrid'"
        )
    if options.get("group_by") in DOCUMENT_KEYS:
        options["group_by"] = "$document_id"
    options |= {
        "limit": checked_int(query.similarity_top_k, "similarity_top_k", 0),
        "measure": defaults.measure,
        "filters": _filters(query, given.get("vecs_filters")),
        "include_extra": True,
        "include_vector": bool(given.get("include_embeddings", False)),
    }
    _BY_MODE[mode](query, given, options)
    node_ids = tuple(query.node_ids or ())
    reranked = options.get("rerank") is not None
    vector = query.query_embedding
    context = checked_context(given.get("context"))
    by_cosine = options["mode"] == "vector" and not reranked and defaults.measure == "cosine_distance"
    by_examples = query.query_str is None and bool(options.get("like"))
    if vector is None and (query.query_str == "" or by_examples) and options["mode"] == "vector":
        # LlamaIndex embeds no empty text. Its auto retriever wants all nodes that match the filters.
        return Search(None, options, by_cosine, options["include_vector"], node_ids, context)
    if vector is None or options["mode"] == "keyword":
        vector = _words(query, mode)
    elif reranked or options["mode"] == "hybrid":
        options["text"] = _words(query, mode)
    elif options.get("highlight") and query.query_str is not None:
        options["text"] = query.query_str
    return Search(vector, options, by_cosine, options["include_vector"], node_ids, context)


def _mode(mode: Any) -> VectorStoreQueryMode:
    try:
        found = Mode(mode)
    except ValueError:
        found = None
    if found not in MODES or found is None:
        told = mode.value if isinstance(mode, Mode) else mode
        raise ArgError(
            f"query mode {brief(told)} is not supported; expected one of {', '.join(m.value for m in MODES)}"
        )
    return found


def _nearest(query: VectorStoreQuery, given: Mapping[str, Any], options: dict[str, Any]) -> None:
    options["mode"] = "vector"


def _mmr(query: VectorStoreQuery, given: Mapping[str, Any], options: dict[str, Any]) -> None:
    """Choose nodes that are unlike each other from a multiple of those asked for."""
    threshold = given.get("mmr_threshold") if query.mmr_threshold is None else query.mmr_threshold
    factor, fetched = given.get("mmr_prefetch_factor"), given.get("mmr_prefetch_k")
    if factor is not None and fetched is not None:
        raise ArgError("mmr_prefetch_factor and mmr_prefetch_k mean the same; give one of them")
    if fetched is not None:
        fetched = checked_int(fetched, "mmr_prefetch_k", 0)
    else:
        factor = checked_number(_PREFETCH_FACTOR if factor is None else factor, "mmr_prefetch_factor", 0)
        fetched = math.ceil(options["limit"] * factor)
    limit = options["limit"]
    options["mode"] = "vector"
    options["diversity"] = 1 - checked_number(0.5 if threshold is None else threshold, "mmr_threshold", 0, 1)
    # The next smaller number: the quotient times `limit` may be rounded up to one more.
    options["oversampling"] = max(1.0, math.nextafter(max(fetched, limit) / limit, 0)) if limit else 1.0


def _by_words(query: VectorStoreQuery, given: Mapping[str, Any], options: dict[str, Any]) -> None:
    options["mode"] = "keyword"
    if query.sparse_top_k is not None:
        options["limit"] = checked_int(query.sparse_top_k, "sparse_top_k", 0)


def _by_both(query: VectorStoreQuery, given: Mapping[str, Any], options: dict[str, Any]) -> None:
    """Search by nearness and by words; each side finds at least as many as it is asked for, the best are fused."""
    options["mode"] = "hybrid"
    if query.alpha is not None:
        share = checked_number(query.alpha, "alpha", 0, 1)
        options["weights"] = (share, 1 - share)
    dense = options["limit"]
    if query.hybrid_top_k is not None:
        options["limit"] = checked_int(query.hybrid_top_k, "hybrid_top_k", 0)
    sparse = dense if query.sparse_top_k is None else checked_int(query.sparse_top_k, "sparse_top_k", 0)
    fused = 2 * (options["limit"] + options.get("offset", 0))
    if max(dense, sparse) > max(_LEAST_CANDIDATES, fused):
        options.setdefault("candidates", tuple(max(_LEAST_CANDIDATES, fused, side) for side in (dense, sparse)))


_BY_MODE = {
    Mode.DEFAULT: _nearest,
    Mode.MMR: _mmr,
    Mode.TEXT_SEARCH: _by_words,
    Mode.SPARSE: _by_words,
    Mode.HYBRID: _by_both,
    Mode.SEMANTIC_HYBRID: _by_both,
}


def _words(query: VectorStoreQuery, mode: VectorStoreQueryMode) -> str:
    if query.query_str is None:
        needed = "query_embedding" if mode in (Mode.DEFAULT, Mode.MMR) else "query_str"
        raise ArgError(f"a query in mode {mode.value!r} needs {needed}")
    return query.query_str


def _filters(query: VectorStoreQuery, own: Any) -> dict[str, Any] | None:
    if own is not None and not isinstance(own, Mapping):
        raise ArgError(f"vecs_filters must be a dict in vecs' language, not {type(own).__name__}: {brief(own)}")
    return all_of(
        [
            to_filters(query.filters),
            cast("Mapping[str, Any] | None", own or None),
            None if query.doc_ids is None else {"$document_id": {"$in": list(query.doc_ids)}},
            {"$id": {"$in": list(query.node_ids)}} if query.node_ids else None,
        ]
    )
