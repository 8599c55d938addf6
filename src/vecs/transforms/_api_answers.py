"""What servers of embedding APIs answer: vectors, or why there are none."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from vecs._checks.shown import brief
from vecs.transforms._api_server import Server
from vecs.transforms._retrying import TLS_ENDED, is_transient, origins, seconds_asked

_MOST_WORDS = 300
# What servers say when a request, or one text, is too large.
_TOO_LARGE = re.compile(
    r"too (large|long|many|big)\b|(larger|longer) than|context.?(length|size|window)"
    r"|exceed\w*\b.{0,60}\b(length|size|tokens|max\w*)|\b(length|size)s? exceed"
    r"|(\bat most\b|\bless than\b|\bmax(imum)?\b|limit|batch.?size|length)\D{0,60}\d"
    r"|\d (tokens|inputs|texts|items|characters)\b",
    re.I,
)
_ENCODING = re.compile(r"encoding.?format|base64", re.I)
_IS_IT_ONE = "; is base_url= the address of a server with OpenAI's API? It usually ends in /v1"
_HEADERS = ("retry-after", "retry-after-ms", "x-should-retry")


@dataclass(frozen=True)
class Reply:
    """An answer as it came."""

    status: int
    headers: Mapping[str, str]
    content: bytes = field(repr=False)


@dataclass(frozen=True)
class Answer:
    """A row for each text, or what is wrong with it; and the server's count of tokens."""

    rows: Sequence[npt.NDArray[np.float32] | str] = field(repr=False)
    tokens: int


class APIFailure(Exception):
    """Why a request failed. Its text names the server, and has neither the key nor long words of the server."""

    def __init__(self, words: str, *, status: int | None = None, said: str = "", code: str | None = None) -> None:
        super().__init__(words)
        self.said, self.code, self.headers = said, code, dict[str, str]()
        if status is not None:
            self.status_code = status

    @property
    def is_too_large(self) -> bool:
        """Whether a smaller request may succeed."""
        status = getattr(self, "status_code", None)
        if status == 429:
            return "too large" in self.said.lower()
        return status == 413 or (status in (400, 422) and bool(_TOO_LARGE.search(self.said)))

    @property
    def refuses_encoding(self) -> bool:
        """Whether the server may not know `encoding_format`."""
        return getattr(self, "status_code", None) in (400, 422) and (
            bool(_ENCODING.search(self.said)) or not self.is_too_large
        )


class Unreached(APIFailure, ConnectionError):
    """A server that did not answer, and may do so later."""


def unreached(error: Exception, server: Server, seconds: float) -> APIFailure:
    """Return why a server was not reached, without the error itself: tracebacks show what HTTP clients hold."""
    causes = list(origins(error))
    why = server.without_key(str(causes[-1]) or str(error) or type(causes[-1]).__name__)
    kinds = {kind.__name__ for cause in causes for kind in type(cause).__mro__}
    passes = is_transient(error)
    if "SSLError" in kinds:
        words = f"{server.url} has no TLS that can be trusted ({why}); is it https, and does its certificate name it?"
        passes = passes and bool(TLS_ENDED & kinds)
    elif "gaierror" in kinds:
        words = f"the host of {server.url} is not known ({why}); see base_url="
    elif {"TimeoutException", "TimeoutError"} & kinds:
        words = f"{server.url} did not answer within {seconds:g} seconds; give more, timeout=, or a smaller batch_size="
    elif "ConnectError" in kinds:
        words = f"{server.url} cannot be reached ({why}); does it run, and is base_url= right?"
    else:
        words = f"the connection to {server.url} failed ({type(error).__name__}: {why})"
    return Unreached(words) if passes else APIFailure(words)


def read_reply(reply: Reply, server: Server, count: int) -> Answer | APIFailure:
    """Return the embeddings for `count` texts, or what is wrong with the answer; raises nothing."""
    data = _json(reply)
    fields = cast("Mapping[str, Any]", data if isinstance(data, dict) else {})
    error: Any = fields.get("error")
    if not 200 <= reply.status < 300 or error:
        return _refused(reply, fields, error, server)
    if data is None:
        shown = _shown(reply, server)
        return APIFailure(f"{server.url} answers with {_what(reply)}{f' ({shown})' if shown else ''}{_IS_IT_ONE}")
    found = _items(fields.get("data"))
    if found is None:
        return APIFailure(f"{server.url} answers with JSON without embeddings ({_shown(reply, server)}){_IS_IT_ONE}")
    if len(found) != count:
        return APIFailure(f"{server.url} answers with {len(found)} embeddings for {count} texts")
    places = [item.get("index") for item in found]
    if any(place is not None for place in places):
        if not all(type(place) is int for place in places) or sorted(cast("list[int]", places)) != list(range(count)):
            return APIFailure(
                f"{server.url} numbers its embeddings {_brief(places, server)} instead of from 0 to {count - 1}, so "
                "that it is not known to which text each belongs"
            )
        found = sorted(found, key=lambda item: item["index"])
    return Answer([_as_row(item["embedding"], server) for item in found], _tokens(fields.get("usage")))


def _items(data: Any) -> list[dict[str, Any]] | None:
    items = cast("list[Any]", data if isinstance(data, list) else [None])
    return items if all(isinstance(item, dict) and "embedding" in item for item in items) else None


def _as_row(embedding: Any, server: Server) -> npt.NDArray[np.float32] | str:
    """Return an embedding, numbers or base64 of them, as a row of float32; or what is wrong with it."""
    if isinstance(embedding, str):
        try:
            raw = base64.b64decode(embedding, validate=True)
            row = np.frombuffer(raw, dtype="<f4").astype(np.float32)
        except (binascii.Error, ValueError):
            return f"no vector but the text {_brief(embedding, server)}"
    elif isinstance(embedding, list):
        values = cast("list[Any]", embedding)
        wrong = [value for value in values if type(value) not in (int, float)]
        if wrong:
            return f"a vector with {_brief(wrong[0], server)} in it"
        try:
            with np.errstate(over="ignore"):
                row = np.asarray(values, dtype=np.float64).astype(np.float32)
        except OverflowError:
            return "a vector with a number that is too large"
    else:
        return f"no vector but {_brief(embedding, server)}"
    if not len(row):
        return "a vector without numbers"
    return row if np.isfinite(row).all() else "a vector with NaN or infinity in it"


def _refused(reply: Reply, fields: Mapping[str, Any], error: Any, server: Server) -> APIFailure:
    details: Mapping[str, Any] = cast("Mapping[str, Any]", error) if isinstance(error, dict) else {}
    code: Any = details.get("code") or details.get("type")
    status = reply.status
    if status < 300:
        # The error's own number.
        told = code if isinstance(code, int) else int(code) if re.fullmatch(r"[0-9]{3}", str(code)) else 0
        status = told if 400 <= told < 600 else status
    message = cast("Any", details.get("message") or error or fields.get("message") or fields.get("detail"))
    said = _brief_words(message if isinstance(message, str) else json.dumps(message), server) if message else ""
    said = said or _shown(reply, server)
    name = next((each.phrase for each in HTTPStatus if each == status), "")
    answer = f"{status} {name}".rstrip() if status >= 300 else "with an error"
    words = f"{server.url} answers {answer}{f': {said}' if said else ''}"
    failure = APIFailure(
        words + _advice(status, server, reply),
        status=status if status >= 300 else None,
        said=said,
        code=_brief_words(code, server) if isinstance(code, str) else None,
    )
    failure.headers = {key: _brief_words(reply.headers[key], server) for key in _HEADERS if key in reply.headers}
    if status == 429 and "too large" in said.lower():
        # More tokens than a minute may have: a smaller request helps, and waiting does not.
        failure.headers["x-should-retry"] = "false"
    return failure


def _advice(status: int, server: Server, reply: Reply) -> str:
    if status in (401, 403):
        if not server.has_key():
            return "; no key was sent: give the name of the variable that holds it as api_key_env="
        source = f"${server.key_env}" if server.read is None else "api_key="
        return f"; is the key in {source} right, and may it use this model?"
    if status in (404, 405):
        address = server.url.partition("?")[0]
        path = "" if address.endswith("/v1") else f"; should base_url be {f'{address}/v1'!r}?"
        return f"; does the server have this model?{path}"
    if 300 <= status < 400:
        to = re.match(r"https?://[\w.:*-]+", _brief_words(reply.headers.get("location", ""), server))
        return (
            f"; it redirects{f' to {to[0]}' if to else ''}, which is not followed: give the final address as base_url="
        )
    if status == 429:
        asked = seconds_asked(_Asking(reply.headers))
        return "" if asked is None else f"; it asks to wait {asked:,.0f} seconds"
    return ""


class _Asking(Exception):
    def __init__(self, headers: Mapping[str, str]) -> None:
        super().__init__()
        self.headers = headers


def _json(reply: Reply) -> Any:
    try:
        return json.loads(reply.content)
    except (ValueError, RecursionError):
        return None


def _what(reply: Reply) -> str:
    start = reply.content.lstrip()[:20].lower()
    if not start:
        return "nothing"
    if start.startswith((b"<!doctype", b"<html")):
        return "an HTML page"
    return "JSON that ends too early" if start.startswith((b"{", b"[")) else "text that is not JSON"


def _shown(reply: Reply, server: Server) -> str:
    if _what(reply) == "an HTML page":
        title = re.search(rb"<title>(.*?)</title>", reply.content[:10_000], re.I | re.S)
        return _brief_words(title[1].decode("utf-8", "replace"), server) if title else "<html>"
    return _brief_words(reply.content[:10_000].decode("utf-8", "replace"), server)


def _brief_words(words: str, server: Server) -> str:
    # The key is taken out first: its beginning alone would not be known again.
    line = " ".join(server.without_key(words[:10_000]).split())
    return line if len(line) <= _MOST_WORDS else f"{line[:_MOST_WORDS]}..."


def _brief(value: Any, server: Server) -> str:
    return server.without_key(brief(value))


def _tokens(usage: Any) -> int:
    told = cast("Mapping[str, Any]", usage if isinstance(usage, dict) else {})
    found = [told.get("total_tokens"), told.get("prompt_tokens")]
    return next((number for number in found if type(number) is int and 0 <= number < 10**12), 0)
