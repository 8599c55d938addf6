"""`vecs serve-mcp --http`: who may ask over the network."""

from __future__ import annotations

import ipaddress
import os
import secrets
import socket
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any, TypeAlias

import uvicorn
from mcp.server.mcpserver import MCPServer
from mcp.server.transport_security import TransportSecuritySettings

from vecs.cli.terminal import UsageError, say
from vecs.exc import Unavailable

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

VARIABLE = "VECS_MCP_TOKEN"
_SHORTEST = 16


def chosen_token() -> tuple[str, bool]:
    """Return the token of the environment, or a new one; and whether it is new."""
    given = os.environ.get(VARIABLE)
    if given is None:
        return secrets.token_urlsafe(32), True
    if len(given) < _SHORTEST or not given.isascii() or any(c.isspace() for c in given):
        raise UsageError(
            f"${VARIABLE} must have {_SHORTEST} characters or more, all ASCII and no blanks; make one with: "
            'python -c "import secrets; print(secrets.token_urlsafe())"'
        )
    return given, False


def check_host(host: str, *, remote: bool, allowed: Sequence[str]) -> None:
    """Refuse an address that other machines reach, unless that is meant."""
    if _is_loopback(host):
        return
    if not remote:
        raise UsageError(
            f"--host {host} lets other machines ask; if that is meant, add --allow-remote and --allowed-host NAME"
        )
    if not allowed:
        raise UsageError(
            f"--allow-remote needs --allowed-host NAME: the name, and the port if any, by which others reach {host}"
        )


async def serve(server: MCPServer[Any], host: str, port: int, allowed: Sequence[str]) -> None:
    """Serve over streamable HTTP until the process is told to stop; the address is told on stderr."""
    token, is_new = chosen_token()
    with _listening(host, port) as listener:
        found = listener.getsockname()[1]
        shown = f"[{host}]" if ":" in host else host
        own = [f"{name}:{found}" for name in ("127.0.0.1", "localhost", "[::1]")] if _is_loopback(host) else []
        hosts = [*own, *allowed]
        security = TransportSecuritySettings(
            enable_dns_rebinding_protection=True,
            allowed_hosts=hosts,
            allowed_origins=[f"{scheme}://{name}" for scheme in ("http", "https") for name in hosts],
        )
        app = server.streamable_http_app(host=host, transport_security=security)
        config = uvicorn.Config(
            asking_for(token, app), log_level="warning", access_log=False, server_header=False, ws="none"
        )
        say(f"Serving MCP at http://{shown}:{found}/mcp")
        if is_new:
            say(f"Send the header: Authorization: Bearer {token}")
            say(f"(a new token at each start; ${VARIABLE} chooses one)")
        await uvicorn.Server(config).serve(sockets=[listener])


def asking_for(token: str, app: App) -> App:
    """Return an application that answers only who sends the token."""
    wanted = f"Bearer {token}".encode()

    async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await app(scope, receive, send)
            return
        given = [value for name, value in scope.get("headers", ()) if name == b"authorization"]
        # One header alone: what stands between may look at another of them.
        if scope["type"] == "http" and len(given) == 1 and secrets.compare_digest(given[0], wanted):
            await app(scope, receive, send)
            return
        headers = [(b"www-authenticate", b"Bearer"), (b"content-type", b"text/plain")]
        await send({"type": "http.response.start", "status": 401, "headers": headers})
        await send({"type": "http.response.body", "body": b"the token is missing or wrong\n"})

    return guarded


def _listening(host: str, port: int) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise Unavailable(
            f"cannot listen at {host}, port {port}: {error.strerror or error}; choose another --port"
        ) from error


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
