"""A TCP proxy before a test's server that can fall silent, forget its connections and hang up."""

from __future__ import annotations

import socket
import struct
import threading
from contextlib import suppress
from typing import Any

from psycopg.conninfo import conninfo_to_dict, make_conninfo

# Closing sends a reset.
_AT_ONCE = struct.pack("ii", 1, 0)


class Proxy:
    """Hands on what it receives, both ways, in threads."""

    def __init__(self, target: str) -> None:
        given: dict[str, Any] = dict(conninfo_to_dict(target))
        self._host, self._port = str(given["host"]), int(given.get("port") or 5432)
        self._listener = socket.create_server(("127.0.0.1", 0))
        port = self._listener.getsockname()[1]
        self.target = make_conninfo(**{**given, "host": "127.0.0.1", "port": port, "hostaddr": ""})
        self._silent = False
        self._forgotten: set[socket.socket] = set()
        self._sockets: list[socket.socket] = []
        self._closed = False

    def __enter__(self) -> Proxy:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closed = True
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.hang_up()

    def fall_silent(self) -> None:
        """Hand on nothing, of new connections neither."""
        self._silent = True

    def mend(self) -> None:
        """Hand on again what comes from now on."""
        self._silent = False

    def forget(self) -> None:
        """Hand on nothing of the connections that there are now."""
        self._forgotten |= set(self._sockets)

    def hang_up(self) -> None:
        """Reset all connections."""
        for each in self._sockets:
            with suppress(OSError):
                if each.family == socket.AF_INET:
                    each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
                each.shutdown(socket.SHUT_RDWR)
        self._sockets = []

    def _accept(self) -> None:
        while not self._closed:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            far = self._connect()
            self._sockets += [near, far]
            for pair in ((near, far), (far, near)):
                threading.Thread(target=self._pump, args=pair, daemon=True).start()

    def _connect(self) -> socket.socket:
        if self._host.startswith("/"):
            far = socket.socket(socket.AF_UNIX)
            far.connect(f"{self._host}/.s.PGSQL.{self._port}")
            return far
        return socket.create_connection((self._host, self._port))

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                # A lost byte cannot be made up for: such a connection stays silent.
                if self._silent:
                    self._forgotten |= {source, sink}
                if source not in self._forgotten:
                    sink.sendall(data)
        with suppress(OSError):
            sink.shutdown(socket.SHUT_RDWR)
        with suppress(OSError):
            source.close()
