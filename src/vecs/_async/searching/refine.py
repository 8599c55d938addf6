"""What the database found, refined: reranked by a model, cut at a threshold, spread by diversity."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

from vecs._async.searching.rerank import rerank
from vecs._concurrency.calls import async_offload_many
from vecs._searching.request import Request
from vecs._sql.search import read_matches
from vecs._sql.table import Table
from vecs.fusion import diversify, maximal_marginal_relevance
from vecs.records import Match


async def refine(
    table: Table, rows: Sequence[tuple[Any, ...]], request: Request, vec: Any, words: str | None
) -> list[Match]:
    """Turn the rows that answer a request for a vector, or for words, into its matches."""
    matches = read_matches(table, rows, request.measure if request.mode == "vector" else None)
    if request.rerank is not None and words is not None:
        matches = await rerank(matches, words, request.rerank, len(matches))
    least = request.threshold
    if least is not None:
        matches = [match for match in matches if match.score >= least]
    if not request.refined:
        return matches
    if request.diversity is not None:
        matches = await async_offload_many(len(matches), _spread, matches, request, vec, request.diversity)
    return matches[request.offset : request.offset + request.limit]


def _spread(matches: Sequence[Match], request: Request, vec: Any, diversity: float) -> list[Match]:
    vectors = [cast("Any", match.vec) for match in matches]
    count = request.offset + request.limit
    if request.mode == "vector" and request.rerank is None:
        places = maximal_marginal_relevance(vec, vectors, count, diversity)
    else:
        places = diversify([match.score for match in matches], vectors, count, diversity)
    chosen = [matches[place] for place in places]
    return chosen if request.include_vector else [replace(match, vec=None) for match in chosen]
