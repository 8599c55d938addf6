"""Collections whose vectors a server with OpenAI's API makes: stored without a key, opened without trust."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from tests.standin import DIMENSION, Raw, StandIn, answered, refused, standing_in

import vecs
from vecs import APIEmbedding, ParagraphChunker, Pipeline, Record
from vecs.exc import ArgError, CollectionNotFound, MismatchedDimension, TransformError
from vecs.transforms import _api_server

KEY = "geheim-0123456789"


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    monkeypatch.setattr(_api_server, "_given", set())
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    monkeypatch.setenv("VECS_TINY_API_KEY", KEY)
    # Reached as localhost, and by an address that is none of those that count as this machine.
    with standing_in("0.0.0.0") as server:
        server.url = server.url.replace("0.0.0.0", "127.0.0.1")
        yield server


def tiny(api: StandIn, **options: Any) -> APIEmbedding:
    return APIEmbedding("tiny", **{"base_url": api.url, "dimension": DIMENSION, "retries": 0, **options})


async def described(client: vecs.AsyncClient, name: str, **change: Any) -> str:
    """Change the description of a collection's transform, as anybody may; return the comment as it was."""
    async with client.connection() as connection:
        table = f'"{client.schema}"."{name}"'
        cursor = await connection.execute("select obj_description(%s::regclass)", (table,))
        ((comment,),) = await cursor.fetchall()
        stored = json.loads(comment)
        stored["vecs"]["transform"].update(change)
        await connection.execute(f"comment on table {table} is {psycopg.sql.quote(json.dumps(stored))}")
    return comment


async def test_a_collection_remembers_the_server_and_not_the_key(
    client: vecs.AsyncClient, api: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = tiny(api, api_key_env="VECS_TINY_API_KEY", query_prompt="Q: ")
    docs = await client.get_or_create_collection("docs", transform=Pipeline([ParagraphChunker(), step]))
    done: list[tuple[int, int | None]] = []
    records = [Record(f"d{n}", text=f"{'a' * n}\n\n{'e' * n}") for n in range(100)]
    written = await docs.upsert(records, progress=lambda *update: done.append(update))
    assert (written.documents, done[-1]) == (100, (100, 100))
    assert step.usage.requests == len(api.bodies) == 7
    assert max(map(len, api.texts)) == 32
    assert KEY not in await described(client, "docs")

    # Another process has given no server, and its environment says where the key may go.
    monkeypatch.setattr(_api_server, "_given", set())
    monkeypatch.setenv(_api_server.ALLOWED, f"{api.url}=VECS_TINY_API_KEY")
    again = await client.get_collection("docs")
    (match, *_) = await again.search("aaaa", limit=1, exact=True)
    assert match.id.endswith("para_000")
    assert [len(found) for found in await again.search_many(["a", "e"], limit=2, exact=True)] == [2, 2]
    assert api.texts[-2:] == [["Q: aaaa"], ["Q: a", "Q: e"]]
    assert {headers["authorization"] for headers in api.headers} == {f"Bearer {KEY}"}
    with pytest.raises(MismatchedDimension, match="APIEmbedding"):
        await client.get_collection("docs", transform=APIEmbedding("other", base_url=api.url, dimension=DIMENSION))


async def test_texts_go_to_no_server_that_only_a_comment_names(client: vecs.AsyncClient, api: StandIn) -> None:
    docs = await client.create_collection("docs", transform=tiny(api))
    await docs.upsert([Record("a", text="some words")])
    foreign = api.url.replace("127.0.0.1", "127.0.0.2")
    await described(client, "docs", base_url=foreign, api_key_env="VECS_TINY_API_KEY")
    sent = len(api.bodies)

    opened = await client.get_collection("docs")
    await client.list_collections()
    assert opened.transform is None
    assert [match.id for match in await opened.search("words", mode="keyword")] == ["a"]
    for call in (lambda: opened.search("private"), lambda: opened.upsert([Record("b", text="private")])):
        with pytest.raises(ArgError, match=r"(?s)transform"):
            await call()
    with pytest.raises(ArgError, match="http://127.0.0.2.*which your code has not named.*pass transform=vecs.APIEm"):
        await opened.search("private")
    assert len(api.bodies) == sent

    # The caller confirms the server, and so may others of this process.
    confirmed = await client.get_collection("docs", transform=tiny(api, base_url=foreign))
    assert (await confirmed.search("a", limit=1, exact=True))[0].id == "a"
    renamed = await client.rename_collection("docs", "pages")
    assert (await renamed.search("a", limit=1, exact=True))[0].id == "a"
    assert "authorization" not in api.headers[-1]


@pytest.mark.parametrize("variable", ["AWS_SECRET_ACCESS_KEY", "OPENAI_API_KEY", "VECS_URL", "VECS_TINY_API_KEY"])
async def test_a_comment_names_no_variable(
    client: vecs.AsyncClient, api: StandIn, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    docs = await client.create_collection("docs", transform=tiny(api))
    await docs.upsert([Record("a", text="some words")])
    await described(client, "docs", api_key_env=variable)
    monkeypatch.setattr(_api_server, "_given", set())
    monkeypatch.setenv(variable, "geheim")
    opened = await client.get_collection("docs")
    await opened.search("words", exact=True)
    assert not any("geheim" in str(headers) for headers in api.headers)


async def test_nothing_is_made_or_written_if_the_server_fails(client: vecs.AsyncClient, api: StandIn) -> None:
    api.always = lambda body: refused(503, "loading")
    with pytest.raises(TransformError, match="503 Service Unavailable: loading"):
        await client.get_or_create_collection("docs", transform=tiny(api, dimension=None))
    with pytest.raises(CollectionNotFound):
        await client.get_collection("docs")
    api.always = lambda body: None
    docs = await client.get_or_create_collection("docs", transform=tiny(api, dimension=None))
    assert docs.dimension == DIMENSION

    api.always = lambda body: refused(503, "loading") if "r199" in body["input"] else None
    with pytest.raises(TransformError, match="'r192', 'r193'.*503"):
        await docs.upsert([Record(f"r{number}", text=f"r{number}") for number in range(200)])
    assert await docs.count() == 0
    api.always = lambda body: answered(body, lambda vectors: [vector * 2 for vector in vectors])
    with pytest.raises(TransformError, match="record 'a': .* dimension 8 instead of 4"):
        await docs.upsert([Record("a", text="words")])
    with pytest.raises(ArgError, match="record 'b' has no text"):
        await docs.upsert([Record("a", text="words"), Record("b")])


async def test_no_transaction_is_open_while_the_server_works(
    client: vecs.AsyncClient, api: StandIn, target: str
) -> None:
    seen: list[int] = []

    def look(body: dict[str, Any]) -> Raw | None:
        with psycopg.connect(target, autocommit=True) as connection:
            row = connection.execute(
                "select count(*) from pg_stat_activity where xact_start is not null and pid <> pg_backend_pid() "
                "and backend_type = 'client backend'"
            ).fetchone()
            seen.append(row[0] if row else -1)
        return None

    api.always = look
    docs = await client.get_or_create_collection("docs", transform=tiny(api, dimension=None))
    await docs.upsert([Record("a", text="words")])
    await docs.search("words", exact=True)
    await client.get_collection("docs", transform=tiny(api, dimension=None))
    assert seen == [0] * 4
