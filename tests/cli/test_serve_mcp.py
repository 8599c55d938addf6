"""`vecs serve-mcp`, asked by the SDK's own client over stdin and stdout, and over HTTP."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from mcp import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client

import vecs
from vecs.cli.mcp_tools import Served, make_server
from vecs.cli.serve_mcp import _client

Run = Callable[..., Any]
TOKEN = "a-token-of-the-tests"
LETTERS = vecs.Embedding(lambda texts: [[1.0 + text.count("e"), 1.0] for text in texts], 2)


@asynccontextmanager
async def over_stdio(folder: Path, *options: str) -> AsyncGenerator[Client]:
    parameters = StdioServerParameters(
        command=sys.executable,
        args=["-m", "vecs", "serve-mcp", "-t", str(folder), *options],
        env={**os.environ, "PYTHONWARNINGS": "error"},
    )
    async with Client(stdio_client(parameters)) as client:
        yield client


@asynccontextmanager
async def in_memory(folder: Path, *names: str) -> AsyncGenerator[Client]:
    async with (
        vecs.create_async_client(folder) as client,
        Client(make_server(Served(client, names or None, 2000), writes=False)) as asking,
    ):
        yield asking


@asynccontextmanager
async def over_http(folder: Path, *options: str) -> AsyncGenerator[str]:
    """Start a server, and give its address once it tells it."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "vecs", "serve-mcp", "-t", str(folder), "--http", "--port", "0", *options),
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "VECS_MCP_TOKEN": TOKEN},
    )
    assert process.stderr is not None
    try:
        line = (await process.stderr.readline()).decode()
        yield re.findall(r"http://\S+", line)[0]
    finally:
        process.terminate()
        await process.wait()


@pytest.fixture
def many(filled: Path) -> Path:
    """The same with a collection whose texts are long, one without keywords, and one that is secret."""
    with vecs.create_client(filled) as client:
        long = client.create_collection("long", dimension=2, text=True)
        long.upsert([vecs.Record("a“", [1, 0], "word “日本” " * 500, {"n": 1}), vecs.Record("b", [0, 1], "other")])
        client.create_collection("bare", dimension=2)
        client.create_collection("secret", dimension=2, text=True)
    return filled


async def test_tools_answer_with_what_the_collection_holds(many: Path) -> None:
    async with over_stdio(many, "-c", "plain", "-c", "long", "-c", "bare") as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert set(tools) == {"list_collections", "search", "get"}
        assert all(tool.annotations is not None and tool.annotations.read_only_hint for tool in tools.values())
        limit = tools["search"].input_schema["properties"]["limit"]
        assert (limit["minimum"], limit["maximum"]) == (1, 50)
        assert tools["search"].output_schema is not None

        listed = (await client.call_tool("list_collections", {})).structured_content["collections"]
        assert {each["name"]: (each["records"], each["modes"]) for each in listed} == {
            "bare": (0, []),
            "long": (2, ["keyword"]),
            "plain": (3, ["keyword"]),
        }
        found = (
            await client.call_tool(
                "search", {"collection": "plain", "query": "sun", "filters": {"side": {"$ne": "up"}}, "limit": 1}
            )
        ).structured_content
        assert found["mode"] == "keyword"
        assert [(match["id"], match["metadata"]) for match in found["matches"]] == [("east", {"side": "right"})]
        found = (await client.call_tool("search", {"collection": "long", "query": "word"})).structured_content
        (cut,) = found["matches"]
        assert cut["text_is_cut"]
        assert len(cut["text"]) == 2000
        whole = (await client.call_tool("get", {"collection": "long", "ids": ["a“", "no"]})).structured_content
        assert (len(whole["records"][0]["text"]), whole["missing"], whole["left_out"]) == (5000, ["no"], [])


async def test_errors_are_tool_errors_that_say_what_to_do(many: Path) -> None:
    async with in_memory(many, "plain", "bare") as client:
        for name, arguments, message in [
            ("search", {"collection": "secret", "query": "x"}, "no collection 'secret'; there are bare, plain"),
            ("search", {"collection": "no", "query": "x"}, "no collection 'no'"),
            ("get", {"collection": "secret", "ids": ["a"]}, "no collection 'secret'"),
            ("search", {"collection": "bare", "query": "x"}, "neither keywords nor a transform"),
            ("search", {"collection": "plain", "query": "x", "mode": "vector"}, "searched by keyword, not by vector"),
            ("search", {"collection": "plain", "query": "x", "filters": {"a": {"$no": 1}}}, r"\$no"),
            ("search", {"collection": "plain", "query": "x", "limit": 0}, "limit"),
            ("get", {"collection": "plain", "ids": []}, "ids"),
        ]:
            answer = await client.call_tool(name, arguments)
            text = " ".join(part.text for part in answer.content)
            assert answer.is_error, arguments
            assert re.search(message, text), text
            assert "Traceback" not in text
            assert str(many) not in text


async def test_concurrent_requests_are_answered_and_the_server_is_read_only(many: Path) -> None:
    async with in_memory(many) as client:
        answers = await asyncio.gather(
            *(client.call_tool("search", {"collection": "plain", "query": "sun"}) for _ in range(30))
        )
        assert {answer.structured_content["matches"][0]["id"] for answer in answers} == {"east"}
        assert (await client.call_tool("upsert", {"collection": "plain", "records": []})).is_error


async def test_the_database_refuses_writes_of_a_read_only_session(filled: Path) -> None:
    async with _client(str(filled), "vecs", read_only=True) as client:
        docs = await client.get_collection("plain")
        with pytest.raises(vecs.exc.DatabaseError, match="read-only"):
            await docs.delete(["east"])
        with pytest.raises(vecs.exc.DatabaseError, match="read-only"):
            await client.create_collection("more", 2)
    async with _client(str(filled), "vecs", read_only=False) as client:
        assert await (await client.get_collection("plain")).count() == 3


async def test_the_database_refuses_writes_behind_a_pooler_too(bouncer: str, superuser_target: str) -> None:
    schema = "vecs_read_only"
    async with vecs.create_async_client(superuser_target, schema=schema) as client:
        docs = await client.get_or_create_collection("docs", dimension=2)
        await docs.upsert([("a", [1, 2], {})])
        async with _client(bouncer, schema, read_only=True) as pooled:
            found = await pooled.get_collection("docs")
            assert [record.id for record in await found.get()] == ["a"]
            with pytest.raises(vecs.exc.DatabaseError, match="read-only"):
                await found.delete(["a"])
        await client.delete_collection("docs")


async def test_with_write_records_are_written(folder: Path) -> None:
    async with vecs.create_async_client(folder) as client:
        await client.create_collection("bare", 2)
        docs = await client.create_collection("docs", transform=LETTERS, text=True)
        # A function is not stored with the collection.
        server = make_server(Served(client, None, 2000, {"docs": docs}), writes=True)
        async with Client(server) as asking:
            records = [{"id": "a", "text": "Öl", "metadata": {"n": 1}}, {"id": "b", "text": "Brot"}]
            done = await asking.call_tool("upsert", {"collection": "docs", "records": records})
            assert done.structured_content == {"documents": 2, "records": 2}
            found = await asking.call_tool("search", {"collection": "docs", "query": "Öl", "mode": "keyword"})
            assert [match["metadata"] for match in found.structured_content["matches"]] == [{"n": 1}]
            assert (await asking.call_tool("upsert", {"collection": "bare", "records": records})).is_error
        assert await docs.count() == 2


async def test_http_asks_for_the_token_and_looks_at_host_and_origin(filled: Path) -> None:
    async with over_http(filled) as url:
        hello = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
        accept = {"Accept": "application/json, text/event-stream"}
        bearer = {"Authorization": f"Bearer {TOKEN}"}
        async with httpx2.AsyncClient(headers=accept) as http:
            for headers, status in [
                ({}, 401),
                ({"Authorization": f"Bearer {TOKEN}x"}, 401),
                ({"Authorization": "Bearer ä".encode()}, 401),
                ({**bearer, "Host": "evil.example"}, 421),
                ({**bearer, "Host": "evil.example", "Origin": "http://evil.example"}, 421),
                ({**bearer, "Origin": "http://evil.example"}, 403),
            ]:
                assert (await http.post(url, json=hello, headers=headers)).status_code == status, headers
        async with (
            httpx2.AsyncClient(headers=bearer) as http,
            Client(streamable_http_client(url, http_client=http)) as client,
        ):
            found = await client.call_tool("search", {"collection": "plain", "query": "cold"})
            assert [match["id"] for match in found.structured_content["matches"]] == ["north"]


async def test_a_server_that_is_gone_is_told_without_its_address(tmp_path: Path) -> None:
    client = vecs.create_async_client("postgresql://user:secret@127.0.0.1:1/x")
    async with Client(make_server(Served(client, None, 2000), writes=False)) as asking:
        answer = await asking.call_tool("search", {"collection": "docs", "query": "x"})
    assert answer.is_error
    assert answer.content[0].text.endswith(": the database does not answer; the messages of `vecs serve-mcp` say why")


def test_the_command_ends_when_its_stdin_does(filled: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "vecs", "serve-mcp", "-t", str(filled)],
        input="",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--http", "--host", "0.0.0.0"), "lets other machines ask"),
        (("--http", "--host", "0.0.0.0", "--allow-remote"), "needs --allowed-host"),
        (("--allow-remote",), "need --http"),
        (("-c", "no such"), "no collection 'no such'"),
    ],
)
def test_wrong_options_are_told_in_one_line(run: Run, filled: Path, options: tuple[str, ...], message: str) -> None:
    answer = run("serve-mcp", "-t", filled, *options)
    assert answer.code in (1, 2)
    assert message in " ".join(answer.err.split())
    assert answer.out == ""


def test_a_short_token_is_refused_and_nothing_is_made(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VECS_MCP_TOKEN", "short")
    answer = run("serve-mcp", "-t", tmp_path / "absent", "--http")
    assert (answer.code, "16 characters" in answer.err) == (2, True)
    assert not (tmp_path / "absent").exists()


def test_without_the_sdk_its_extra_is_named(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vecs.cli.serve_mcp.find_spec", lambda name: None)
    answer = run("serve-mcp", "-t", tmp_path / "absent")
    assert "pip install 'vecs[mcp]'" in answer.err
    assert not (tmp_path / "absent").exists()
