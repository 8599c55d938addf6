"""What the database found, refined: reranked by a model, thinned by a threshold, spread by diversity."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from vecs._async.reranking import rerank
from vecs._request import Request
from vecs._sql.binary import Binary
from vecs._sql.search import read_matches
from vecs.fusion import maximal_marginal_relevance
from vecs.records import Match


async def refine(
    rows: Sequence[tuple[Any, ...]], request: Request, vec: Binary | None, words: str | None
) -> list[Match]:
    """Turn the rows that answer a request into its matches."""
    matches = read_matches(rows, request.measure if request.mode == "vector" else None)
    if request.rerank is not None and words is not None:
        matches = await rerank(matches, words, request.rerank)
    least = request.threshold
    if least is not None:
        matches = [match for match in matches if match.score >= least]
    if request.diversity is not None:
        matches = maximal_marginal_relevance(matches, request, vec)
    if not request.refined:
        return matches
    return matches[request.offset : request.offset + request.limit]
