"""What the database found, refined: reranked by a model, cut at a threshold, spread by diversity."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

import numpy as np

from vecs._concurrency.calls import async_offload, async_offload_many, async_resolve
from vecs._searching.groups import in_groups, set_groups
from vecs._searching.plan import Query
from vecs._searching.request import Request, check_pairs
from vecs._sql.answers import Row, read_matches
from vecs._sql.tables import Table
from vecs.exc import ArgError, TransformError, VecsException
from vecs.fusion import diversify, maximal_marginal_relevance
from vecs.records import Match
from vecs.rerankers import Reranker, call, check_reranker, gives_logits, listed, read_scores, reordered


async def refine(table: Table, rows: Sequence[Row], request: Request, query: Query) -> list[Match]:
    """Turn the rows that answer a request into its matches."""
    matches = read_matches(table, rows, request.measure, scored=request.mode != "vector")
    numbers = None if request.groups is None else set_groups(matches, rows, request.groups)
    if request.rerank is not None and query.words is not None:
        matches = await rerank(matches, query.words, request.rerank, len(matches))
    least = request.threshold
    if least is not None:
        matches = [match for match in matches if match.score >= least]
    if not request.refined:
        return matches
    groups = [[match] for match in matches] if numbers is None else in_groups(matches, lambda one: numbers[one.id])
    if request.diversity is not None:
        check_pairs(request, len(groups))
        best = [members[0] for members in groups]
        places = await async_offload_many(len(best), _spread, best, request, query.vec, request.diversity)
        groups = [groups[place] for place in places]
    chosen = [match for members in groups[request.offset : request.offset + request.limit] for match in members]
    return chosen if request.include_vector or request.diversity is None else [replace(m, vec=None) for m in chosen]


def _spread(matches: Sequence[Match], request: Request, vec: Any, diversity: float) -> list[int]:
    # Words may find a record that has no vector; zeros are like nothing else.
    size = max((len(cast("Any", match.vec)) for match in matches if match.vec is not None), default=0)
    vectors: list[Any] = [np.zeros(size) if match.vec is None else match.vec for match in matches]
    count = request.offset + request.limit
    if request.mode == "vector" and request.rerank is None:
        return maximal_marginal_relevance(vec, vectors, count, diversity)
    return diversify([match.score for match in matches], vectors, count, diversity)


async def rerank(matches: Sequence[Match], query: str, reranker: Reranker, limit: int) -> list[Match]:
    """
    Return the `limit` matches that a reranker finds best, best first, with its scores.

    A match without text is read as an empty one. The reranker runs in a thread, or, where it is async, on the
    event loop; it is not called without matches. What it raises, and an answer that is not one finite number per
    text, raise TransformError.
    """
    check_reranker(reranker)
    if not isinstance(query, str):
        raise ArgError(f"a reranker reads texts, and the query is {type(cast('Any', query)).__name__}; give its text")
    if not matches:
        return []
    name = "the reranker " + str(getattr(reranker, "__name__", type(reranker).__name__))
    texts = [match.text or "" for match in matches]
    try:
        answer = listed(await async_resolve(await async_offload(call, reranker, query, texts)))
    except VecsException:
        raise
    except Exception as error:
        raise TransformError(f"{name} failed on {len(matches)} texts: {type(error).__name__}: {error}") from error
    raw = read_scores(answer, len(matches), name)
    return reordered(matches, raw, limit, logits=gives_logits(reranker))
