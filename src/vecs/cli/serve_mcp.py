"""`vecs serve-mcp`: collections for assistants and other programs that speak the Model Context Protocol."""

from __future__ import annotations

import asyncio
import logging
import sys
from importlib.util import find_spec
from typing import Annotated, Any

import typer

import vecs
from vecs._async.sending.executor import AsyncExecutor
from vecs._connecting.options import Options
from vecs._connecting.target import resolve_target
from vecs.cli.connecting import Target, exists, where
from vecs.cli.terminal import UsageError, reporting, say
from vecs.exc import ArgError, CollectionNotFound, MissingDependency


def serve_mcp(
    collection: Annotated[
        list[str] | None,
        typer.Option("--collection", "-c", metavar="NAME", help="Serve this collection; give it again for more. All."),
    ] = None,
    write: Annotated[bool, typer.Option("--write", help="Let programs write records, too.")] = False,
    schema: Annotated[str, typer.Option(metavar="NAME", help="The Postgres schema of the collections.")] = "vecs",
    cut: Annotated[
        int, typer.Option("--cut", min=100, help="Characters of a text that a search returns; get returns all.")
    ] = 2000,
    http: Annotated[bool, typer.Option("--http", help="Serve over HTTP instead of stdin and stdout.")] = False,
    host: Annotated[str, typer.Option(help="With --http: the address to listen at.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="With --http; 0 takes a free one.")] = 8765,
    allow_remote: Annotated[
        bool, typer.Option("--allow-remote", help="With --http: let other machines ask; see --allowed-host.")
    ] = False,
    allowed_host: Annotated[
        list[str] | None,
        typer.Option("--allowed-host", metavar="NAME", help="With --http: a Host header that is answered."),
    ] = None,
    target: Target = None,
) -> None:
    """Let assistants search collections by the Model Context Protocol: read-only, over stdin and stdout or HTTP."""
    with reporting():
        _check_installed()
        if http:
            from vecs.cli.mcp_http import check_host, chosen_token

            check_host(host, remote=allow_remote, allowed=allowed_host or [])
            chosen_token()
        elif allow_remote or allowed_host or host != "127.0.0.1":
            raise UsageError("--host, --allow-remote and --allowed-host need --http")
        if not exists(target):
            raise ArgError(f"nothing is stored in {where(target)} yet: `vecs demo` fills it with an example")
        # Not to stdout, which is for the protocol alone.
        logging.basicConfig(stream=sys.stderr, level="WARNING", format="%(message)s")
        address = (host, port, allowed_host or []) if http else None
        asyncio.run(_serve(target, schema, collection or None, (write, cut), address))


def _check_installed() -> None:
    if find_spec("mcp") is None or find_spec("mcp.server.mcpserver") is None:
        raise MissingDependency("vecs serve-mcp needs the MCP SDK, version 2: pip install 'vecs[mcp]'")


async def _serve(
    target: str | None,
    schema: str,
    names: list[str] | None,
    how: tuple[bool, int],
    address: tuple[str, int, list[str]] | None,
) -> None:
    from vecs.cli.mcp_tools import Served, make_server

    writes, cut = how
    async with _client(target, schema, read_only=not writes) as client:
        known = await client.collection_names()
        for name in names or []:
            if name not in known:
                raise CollectionNotFound(
                    f"no collection {name!r} in schema {schema!r} of {where(target)}; "
                    f"there are {', '.join(known) or 'none'}"
                )
        server = make_server(Served(client, names, cut), writes=writes)
        if address is None:
            await server.run_stdio_async()
            return
        from vecs.cli.mcp_http import serve

        await serve(server, *address)


def _client(target: str | None, schema: str, *, read_only: bool) -> vecs.AsyncClient:
    """Make a client whose sessions the server keeps from writing, unless they may."""
    place: Any = resolve_target(target)
    made: Any = vecs.AsyncClient(place, schema=schema)
    made._executor = AsyncExecutor(place, Options(report=say, read_only=read_only))
    return made
