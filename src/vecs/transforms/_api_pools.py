"""The HTTP connections of embedding APIs: one pool for all sync calls, and one for each event loop."""

from __future__ import annotations

import asyncio
import atexit
import os
import threading
import time
from collections.abc import AsyncGenerator
from importlib import import_module
from typing import Any

from vecs._version import __version__
from vecs.exc import VecsException
from vecs.transforms._api_answers import APIFailure, Reply, unreached
from vecs.transforms._api_server import Hidden, Server
from vecs.transforms._require import require

# More than any answer of embeddings.
_MOST_BYTES = 256 * 2**20
_JSON = {"Content-Type": "application/json", "Accept": "application/json", "User-Agent": f"vecs/{__version__}"}

_lock = threading.Lock()
_pool: Any = None
# To read them takes longer than a request.
_certificates: Any = None
# The pools of event loops, and what closes each at the end of its loop: asyncio.run() ends the loop's generators.
_pools: dict[asyncio.AbstractEventLoop, tuple[Any, AsyncGenerator[None]]] = {}
# Pools of the process that forked this one: their connections are not for use here, and closing them might wait for a
# lock whose thread is not there.
_of_parent: list[Any] = []


def post(server: Server, body: bytes, seconds: float) -> Reply:
    """Send a request and return the answer, whatever its status; raises APIFailure if there is none."""
    try:
        return _post(server, body, seconds)
    except Exception as error:
        caught = Hidden(error)
    except BaseException as error:
        # A traceback may show variables, and those of HTTP clients hold the key.
        raise error.with_traceback(None) from None
    # Here and not above, where Python would remember what HTTP clients raised as the context.
    failure, caught = _failed(caught.value, server, seconds), None
    raise failure


async def apost(server: Server, body: bytes, seconds: float) -> Reply:
    """Do as `post()` on an event loop."""
    try:
        return await asyncio.wait_for(_apost(server, body, seconds), seconds)
    except Exception as error:
        caught = Hidden(error)
    except BaseException as error:
        raise error.with_traceback(None) from None
    # Here and not above, where Python would remember what HTTP clients raised as the context.
    failure, caught = _failed(caught.value, server, seconds), None
    raise failure


def _post(server: Server, body: bytes, seconds: float) -> Reply:
    options = {"content": body, "headers": {**_JSON, **server.headers().value}, "timeout": seconds}
    end = time.monotonic() + seconds
    with _sync_pool().stream(method="POST", url=server.endpoint, **options) as response:
        content = bytearray()
        for part in response.iter_bytes():
            content += part
            if time.monotonic() > end:
                raise TimeoutError
            _check_size(content, server)
        return Reply(response.status_code, _headers(response), bytes(content))


async def _apost(server: Server, body: bytes, seconds: float) -> Reply:
    options = {"content": body, "headers": {**_JSON, **server.headers().value}, "timeout": seconds}
    async with (await _async_pool()).stream(method="POST", url=server.endpoint, **options) as response:
        content = bytearray()
        async for part in response.aiter_bytes():
            content += part
            _check_size(content, server)
        return Reply(response.status_code, _headers(response), bytes(content))


def _failed(error: Exception, server: Server, seconds: float) -> Exception:
    known = isinstance(error, APIFailure | VecsException)
    return error.with_traceback(None) if known else unreached(error, server, seconds)


def _headers(response: Any) -> dict[str, str]:
    return {name.lower(): value for name, value in response.headers.items()}


def _check_size(content: bytearray, server: Server) -> None:
    if len(content) > _MOST_BYTES:
        raise APIFailure(f"{server.url} answers with more than {_MOST_BYTES // 2**20} MB")


def _sync_pool() -> Any:
    global _pool
    with _lock:
        if _pool is None:
            _pool = _made("Client")
            atexit.register(_close, _pool, os.getpid())
        return _pool


def _close(pool: Any, process: int) -> None:
    if process == os.getpid():
        pool.close()


async def _async_pool() -> Any:
    loop = asyncio.get_running_loop()
    for other in [each for each in list(_pools) if each.is_closed()]:
        _pools.pop(other, None)
    if loop in _pools:
        return _pools[loop][0]
    # In a thread: to import the library and to read the certificates takes a tenth of a second.
    pool = await asyncio.to_thread(_made, "AsyncClient")
    # Another call may have been faster.
    if loop not in _pools:
        keeper = _kept(loop, pool)
        _pools[loop] = pool, keeper
        # Begun here, it is ended by the loop.
        await anext(keeper)
    return _pools[loop][0]


async def _kept(loop: asyncio.AbstractEventLoop, pool: Any) -> AsyncGenerator[None]:
    try:
        yield
    finally:
        _pools.pop(loop, None)
        await pool.aclose()


def _made(kind: str) -> Any:
    """Return a client of HTTP: without cookies and redirects, and without a proxy for servers on this machine."""
    global _certificates
    httpx, cookies = require("httpx", extra="api"), import_module("http.cookiejar")
    if _certificates is None:
        _certificates = httpx.create_ssl_context()
    return getattr(httpx, kind)(
        verify=_certificates,
        cookies=cookies.CookieJar(cookies.DefaultCookiePolicy(allowed_domains=())),
        follow_redirects=False,
        # The default of 100 would have calls wait for each other's connections, and fail as if the server were slow.
        limits=httpx.Limits(max_connections=None, max_keepalive_connections=20),
        mounts=dict.fromkeys(("all://localhost", "all://127.0.0.1", "all://[::1]")),
    )


def _begin_anew() -> None:
    global _pool, _pools, _lock
    _of_parent.extend((_pool, _pools))
    _pool, _pools, _lock = None, {}, threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_anew)
