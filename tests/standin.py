"""A server with OpenAI's API for embeddings, on this machine, which also fails in the ways such servers fail."""

from __future__ import annotations

import base64
import json
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

DIMENSION = 4


def vector(text: str, dimension: int = DIMENSION) -> list[float]:
    """The vector of a text: how often it has some letters, and a number that float32 does not have."""
    return [0.1 + text.count(letter) for letter in "aeiou"[:dimension]] + [0.0] * (dimension - 5)


class StandIn:
    """What the server was asked, and what it answers: `answers`, one for each request, and then vectors."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.paths: list[str] = []
        # Each gets the request's body, and returns an answer, or None for vectors.
        self.answers: list[Callable[[dict[str, Any]], Any]] = []
        # The same, for all requests.
        self.always: Callable[[dict[str, Any]], Any] = lambda body: None

    @property
    def texts(self) -> list[list[str]]:
        return [body["input"] for body in self.bodies]


class Raw:
    """An answer that is sent as it is; `cut` closes the connection in the middle of it."""

    def __init__(self, content: bytes | str = b"", status: int = 200, cut: bool = False, **headers: str) -> None:
        self.content = content.encode() if isinstance(content, str) else content
        self.status, self.cut = status, cut
        self.headers = {"Content-Type": "application/json", **{k.replace("_", "-"): v for k, v in headers.items()}}


def refused(status: int, message: str, code: str | None = None, **headers: str) -> Raw:
    """An error as OpenAI writes it."""
    return Raw(json.dumps({"error": {"message": message, "code": code}}), status, **headers)


def answered(body: dict[str, Any], change: Callable[[list[Any]], Any] = lambda vectors: vectors, **fields: Any) -> Raw:
    """Vectors for the texts of a request, after a change of their list."""
    vectors = change([vector(text, body.get("dimensions", DIMENSION)) for text in body["input"]])
    if body.get("encoding_format") == "base64":
        vectors = [base64.b64encode(struct.pack(f"<{len(v)}f", *v)).decode() for v in vectors]
    data = [{"object": "embedding", "index": ix, "embedding": v} for ix, v in enumerate(vectors)]
    tokens = sum(len(text.split()) for text in body["input"])
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return Raw(json.dumps({"object": "list", "data": data, "usage": usage, **fields}))


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    state: StandIn

    def do_POST(self) -> None:
        state = self.state
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        state.bodies.append(body)
        state.headers.append({name.lower(): value for name, value in self.headers.items()})
        state.paths.append(self.path)
        answer = (state.answers.pop(0) if state.answers else state.always)(body) or answered(body)
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.content) + (10 if answer.cut else 0)))
        self.end_headers()
        self.wfile.write(answer.content)
        if answer.cut:
            self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of callers that do not wait for their answer."""


@contextmanager
def standing_in(address: str = "127.0.0.1") -> Iterator[StandIn]:
    """Run such a server during the block."""
    handler: Any = type("Handler", (_Handler,), {})
    with _Server((address, 0), handler) as server:
        handler.state = StandIn(f"http://127.0.0.1:{server.server_port}/v1")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield handler.state
        finally:
            server.shutdown()
            thread.join()
