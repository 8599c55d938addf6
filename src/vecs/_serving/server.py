"""
The server of the page: on this machine alone, and only for whoever has the link.

The link carries a token behind its `#`, which browsers do not send: the page reads it there, and sends it in a header
with everything it asks. Other pages in the browser lack it, and may not send that header here. The names of the host
are compared, so that no other page reaches the server under a name of its own. The page gets no right to load
anything from elsewhere, and no script or style that is written into it.
"""

from __future__ import annotations

import hmac
import json
import logging
import secrets
import socket
import threading
from collections.abc import Iterator
from email.message import Message
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from itertools import chain
from typing import Any, cast

from vecs._atlas.wanted import Wanted
from vecs._serving.answers import ANSWERS
from vecs._serving.model import Model
from vecs.exc import ArgError, VecsException

log = logging.getLogger("vecs")

_ADDRESS = "127.0.0.1"
# The numbers of two million points, as JSON.
_MOST_BODY = 32 * 1024 * 1024
_TYPES = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
    "txt": "text/plain; charset=utf-8",
}
_FILES = (
    "index.html", "atlas.css", "atlas.js", "api.js", "dom.js", "legend.js", "panel.js", "view.js", "icon.svg",
    "scatterplot.js", "scatterplot.LICENSE.txt",
)  # fmt: skip
# regl makes functions out of text, what 'unsafe-eval' allows; the hash is that of an empty style, which the scatterplot
# fills. Notebooks on this machine may show the page in a frame.
_POLICY = (
    "default-src 'none'; script-src 'self' 'unsafe-eval'; connect-src 'self'; img-src 'self' data: blob:; "
    "style-src 'self' 'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'self' http://localhost:* http://127.0.0.1:*"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Cache-Control": "no-store",
}


def start(collection: Any, wanted: Wanted) -> Server:
    """Serve a map, and begin to read; raises ArgError if the port is taken."""
    model = Model(collection, wanted)
    try:
        server = Server(model, wanted.port)
    except OSError as error:
        what = error.strerror or error
        raise ArgError(f"port {wanted.port} cannot be used ({what}); give another one, or 0 for a free one") from error
    thread = threading.Thread(
        target=server.serve_forever, kwargs={"poll_interval": 0.1}, name="vecs-atlas-server", daemon=True
    )
    thread.start()
    model.start()
    return server


class Server(ThreadingHTTPServer):
    """A thread for each connection, and one that waits for them."""

    daemon_threads = True
    # Another server's port is not to be taken over.
    allow_reuse_address = False

    def __init__(self, model: Model, port: int) -> None:
        super().__init__((_ADDRESS, port), _Handler)
        self.model = model
        self.port: int = self.server_address[1]
        self.token = secrets.token_urlsafe(32)
        self.hosts = {f"{name}:{self.port}" for name in (_ADDRESS, "localhost")}
        self._open: set[socket.socket] = set()
        self._stopping = threading.Lock()

    @property
    def url(self) -> str:
        """The link to the page."""
        return f"http://{_ADDRESS}:{self.port}/#{self.token}"

    def stop(self) -> None:
        """End all connections, and what the model does."""
        with self._stopping:
            if self.model.closed:
                return
            self.model.closed = True
        self.shutdown()
        self.server_close()
        for connection in list(self._open):
            self.shutdown_request(connection)
        self.model.close()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer a connection in a thread of its own."""
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """End a connection."""
        self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a browser that went away, and log what else there is."""
        log.debug("a connection of the map of %r ended", self.model.name, exc_info=True)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "vecs", ""
    # Seconds that a connection may be silent.
    timeout = 120

    @property
    def map(self) -> Server:
        """The server of the map."""
        return cast("Server", self.server)

    def do_GET(self) -> None:
        """Answer with a file of the page, which holds nothing of the collection."""
        name = self.path.partition("?")[0].removeprefix("/") or "index.html"
        if self._refuse_host():
            return
        if name not in _FILES:
            self._send_error(404, "there is no such page")
            return
        self._send(200, _file(name), _TYPES[name.rpartition(".")[2]])

    def do_POST(self) -> None:
        """Answer a question of the page."""
        body = self._body()
        if body is None or self._refuse_host() or self._refuse_stranger():
            return
        answer = ANSWERS.get(self.path.removeprefix("/api/"))
        if answer is None or not self.path.startswith("/api/"):
            self._send_error(404, "there is no such question")
            return
        try:
            asked: Any = json.loads(body or b"{}")
            if not isinstance(asked, dict):
                raise ArgError("a question is a JSON object")
            self._send_answer(answer(self.map.model, cast("dict[str, Any]", asked)))
        except (VecsException, ValueError, RecursionError) as error:
            self._send_error(400, " ".join(str(error).split()))
        except OSError:
            # The browser went away.
            raise
        except Exception:
            log.exception("the map of %r could not answer", self.map.model.name)
            self._send_error(500, "an error of vecs; see its log")

    def _body(self) -> bytes | None:
        length = self.headers.get("Content-Length", "")
        if not length.isascii() or not length.isdigit() or int(length) > _MOST_BODY:
            self.close_connection = True
            self._send_error(413, "the question is too long, or does not say how long it is")
            return None
        return self.rfile.read(int(length))

    def _refuse_host(self) -> bool:
        """Refuse what was sent to another name: a page elsewhere may have its name lead here."""
        if self.headers.get("Host", "") in self.map.hosts:
            return False
        self._send_error(403, "the map is served under 127.0.0.1 and localhost alone")
        return True

    def _refuse_stranger(self) -> bool:
        """Refuse whoever lacks the token, and other pages."""
        origin = self.headers.get("Origin")
        if origin is not None and origin not in {f"http://{host}" for host in self.map.hosts}:
            self._send_error(403, "only the page of the map may ask")
            return True
        given = _bearer(self.headers)
        if hmac.compare_digest(given.encode(), self.map.token.encode()):
            return False
        self._send_error(401, "the link's token is missing or of another map: open the link that vecs gave")
        return True

    def _send_answer(self, answer: Any) -> None:
        if isinstance(answer, bytes):
            self._send(200, answer, "application/octet-stream")
        elif isinstance(answer, Iterator):
            self._send_lines(cast("Iterator[bytes]", answer))
        else:
            self._send(200, _as_json(answer), "application/json")

    def _send_lines(self, lines: Iterator[bytes]) -> None:
        first = next(lines, b"")
        self._begin(200, "application/x-ndjson")
        # Its length is not known yet, so it is sent in chunks.
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        try:
            for line in filter(None, chain([first], lines)):
                self.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))
        except VecsException:
            # Without the last chunk the browser tells that something is missing.
            log.exception("an export of %r was cut off", self.map.model.name)
            self.close_connection = True
            return
        self.wfile.write(b"0\r\n\r\n")

    def _send_error(self, status: int, message: str) -> None:
        self._send(status, _as_json({"error": message}), "application/json")

    def _send(self, status: int, content: bytes, kind: str) -> None:
        self._begin(status, kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _begin(self, status: int, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        for name, value in _HEADERS.items():
            self.send_header(name, value)

    def log_message(self, format: str, *args: object) -> None:
        """Print nothing."""


def _bearer(headers: Message) -> str:
    return (headers.get("Authorization") or "").removeprefix("Bearer ").strip()


def _as_json(value: Any) -> bytes:
    # Values of columns may be of types that JSON lacks.
    return json.dumps(value, ensure_ascii=True, default=str).encode()


@cache
def _file(name: str) -> bytes:
    return (files("vecs._serving") / "page" / name).read_bytes()
