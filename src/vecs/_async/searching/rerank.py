"""Matches put in a better order by a model that reads query and text together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from vecs._concurrency.calls import async_offload, async_resolve
from vecs.exc import ArgError, TransformError, VecsException
from vecs.records import Match
from vecs.rerankers import Reranker, call, check_reranker, gives_logits, listed, read_scores, reordered


async def rerank(matches: Sequence[Match], query: str, reranker: Reranker, limit: int) -> list[Match]:
    """
    Return the `limit` matches that a reranker finds best, best first, with its scores.

    A match without text is read as an empty one. The reranker runs in a thread, or, where it is async, on the
    event loop; it is not called without matches. What it raises, and an answer that is not one finite number a
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
