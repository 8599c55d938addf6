"""Requests to a server of an embedding API: how texts are divided among them, and what is made of the answers."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from vecs.exc import TransformError
from vecs.transforms._api_answers import Answer, APIFailure, Reply, read_reply
from vecs.transforms._api_pools import apost, post
from vecs.transforms._api_server import Server, forgotten_key
from vecs.transforms._retrying import Retrying, is_transient
from vecs.transforms._vectors import Vectors, failure

# What the texts of one request have at most together, as UTF-8: OpenAI takes 300,000 tokens.
_MOST_BYTES = 600_000
# Longer answers are read in a thread, since that takes more than some milliseconds.
_READ_AT_ONCE = 100_000


@dataclass(frozen=True)
class APIUsage:
    """How many requests a server has answered with vectors, and how many tokens it counted in them."""

    requests: int = 0
    tokens: int = 0


@dataclass(frozen=True)
class Request:
    """Texts to be embedded at once, and the fields to send with them."""

    texts: Sequence[str]
    fields: Mapping[str, Any]


# Yields requests, is sent their outcomes, and returns vectors.
Work: TypeAlias = "Generator[Request, Answer | APIFailure, Vectors]"


class Requests:
    """A model at a server, and what is learnt of them: the dimension, how it writes vectors, what it has cost."""

    def __init__(self, server: Server, model: str, shown: str, *, retries: int, timeout: float) -> None:
        self.server, self.model, self.retries, self.timeout = server, model, retries, timeout
        self.dimension: int | None = None
        # Sent as `dimensions`.
        self.shortened: int | None = None
        self.batch_size = 1
        self.usage = APIUsage()
        # Vectors in base64 are exact and quick to read; None where it is not known whether the server makes them.
        self._base64: bool | None = None
        self._shown = shown
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return self._shown

    def __getstate__(self) -> dict[str, Any]:
        state = {**vars(self), "usage": APIUsage(), "_lock": None}
        # The key itself, if it was given, stays here.
        return state if self.server.read is None else {**state, "server": forgotten_key(self.server)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, _lock=threading.Lock())

    def vectors(self, texts: Sequence[str], ids: Sequence[object] | None, body: Mapping[str, Any] | None) -> Work:
        """Yield requests for the vectors of texts and return these; `ids` are those of records, None for queries."""
        rows: list[Any] = []
        size, base64 = self.batch_size, self._base64
        sizes = [len(text.encode("utf-8", "replace")) for text in texts]
        while (start := len(rows)) < len(texts):
            count = _fitting(sizes[start : start + size])
            named = None if ids is None else ids[start : start + count]
            outcome = yield Request(texts[start : start + count], self._fields(body, base64))
            if isinstance(outcome, Answer):
                self._base64 = base64 = base64 is not False
                self._count(outcome.tokens)
                rows += self._checked(outcome, named)
            elif base64 is None and outcome.refuses_encoding:
                base64 = False
            elif outcome.is_too_large and count > 1:
                size = count // 2
            else:
                raise self._failure(named, outcome, len(texts[start])) from outcome
        return np.stack(rows)

    def run(self, work: Work) -> Vectors:
        """Do some work, and wait for the server."""
        try:
            request = next(work)
            while True:
                request = work.send(self._outcome(request))
        except StopIteration as done:
            return done.value

    async def arun(self, work: Work) -> Vectors:
        """Do some work on an event loop, which goes on meanwhile."""
        try:
            request = next(work)
            while True:
                request = work.send(await self._aoutcome(request))
        except StopIteration as done:
            return done.value

    def _fields(self, body: Mapping[str, Any] | None, base64: bool | None) -> dict[str, Any]:
        fields = {**(body or {}), "model": self.model}
        if self.shortened is not None:
            fields["dimensions"] = self.shortened
        if base64 is not False:
            fields["encoding_format"] = "base64"
        return fields

    def _checked(self, answer: Answer, ids: Sequence[object] | None) -> list[Any]:
        for place, row in enumerate(answer.rows):
            wrong = row if isinstance(row, str) else None
            if wrong is None and self.dimension not in (None, len(row)):
                wrong = f"a vector of dimension {len(row)} instead of {self.dimension}"
                if self.shortened is not None:
                    wrong += ": it may not know `dimensions`, which truncate_dim= asks for"
            if wrong is not None:
                error = ValueError(f"{self.server.url} gave {wrong}")
                raise failure(self, None if ids is None else [ids[place]], error)
            self.dimension = len(row)
        return list(answer.rows)

    def _failure(self, ids: Sequence[object] | None, error: APIFailure, characters: int) -> TransformError:
        told = failure(self, ids, error, tries=self.retries + 1 if is_transient(error) else 1)
        if not error.is_too_large:
            return told
        return TransformError(
            f"{told}; the text has {characters:,} characters: put a chunker before this step, such as "
            "vecs.MarkdownChunker(max_tokens=400)"
        )

    def _count(self, tokens: int) -> None:
        with self._lock:
            self.usage = APIUsage(self.usage.requests + 1, self.usage.tokens + tokens)

    def _outcome(self, request: Request) -> Answer | APIFailure:
        try:
            return Retrying(self.retries, repr(self)).call(self._post, request)
        except APIFailure as error:
            return error.with_traceback(None)

    def _post(self, request: Request) -> Answer:
        server = self.server.for_request()
        return _answer(post(server, _written(request), self.timeout), server, request)

    async def _aoutcome(self, request: Request) -> Answer | APIFailure:
        try:
            return await Retrying(self.retries, repr(self), awaited=True).wait(None, self._apost, request)
        except APIFailure as error:
            return error.with_traceback(None)

    async def _apost(self, request: Request) -> Answer:
        server = self.server.for_request()
        reply = await apost(server, _written(request), self.timeout)
        if len(reply.content) > _READ_AT_ONCE:
            return await asyncio.to_thread(_answer, reply, server, request)
        return _answer(reply, server, request)


def _answer(reply: Reply, server: Server, request: Request) -> Answer:
    found = read_reply(reply, server, len(request.texts))
    if isinstance(found, APIFailure):
        raise found
    return found


def _written(request: Request) -> bytes:
    # Servers refuse an empty text.
    texts = [text or " " for text in request.texts]
    # Lone surrogates, which are in no UTF-8, become question marks.
    return json.dumps({**request.fields, "input": texts}, ensure_ascii=False).encode("utf-8", "replace")


def _fitting(sizes: Sequence[int]) -> int:
    """Return how many texts of these sizes one request takes; at least one."""
    total = 0
    for count, size in enumerate(sizes):
        total += size
        if total > _MOST_BYTES and count:
            return count
    return len(sizes)
