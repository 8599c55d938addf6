"""Keys of embedding APIs: shown nowhere, stored nowhere, and sent to no server that only a description names."""

from __future__ import annotations

import asyncio
import copy
import json
import logging
import pickle
import traceback
from collections.abc import Iterator
from typing import Any

import pytest
from tests.standin import DIMENSION, Raw, StandIn, refused, standing_in

from vecs import APIEmbedding, Record
from vecs._async.transforming import transform_records
from vecs.exc import ArgError, TransformError
from vecs.transforms import _api_server as servers
from vecs.transforms import describe, from_config
from vecs.transforms._api_server import OPENAI, Hidden, checked_url, server_described

KEY = "sk-geheim-0123456789"
RECORDS = [Record("a", text="x")]


@pytest.fixture
def api() -> Iterator[StandIn]:
    with standing_in() as server:
        yield server


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing was given yet, and the environment has keys of several kinds."""
    monkeypatch.setattr(servers, "_given", set())
    for name in ("OPENAI_BASE_URL", servers.ALLOWED):
        monkeypatch.delenv(name, raising=False)
    for name in ("OPENAI_API_KEY", "VECS_GATEWAY_API_KEY", "GATEWAY_KEY", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, f"value-of-{name}")
    monkeypatch.setenv("VECS_URL", "postgresql://u:geheim@h/db")
    monkeypatch.setenv("MY_KEY", KEY)


def shown(error: BaseException | None) -> str:
    """What an error and those it came of say, and what tracebacks show of them, with variables, but in tests."""
    told = ""
    while error is not None:
        found = traceback.TracebackException.from_exception(error, capture_locals=True)
        told += "".join(found.format_exception_only()) + repr(error.args)
        told += "".join(repr(frame.locals) for frame in found.stack if frame.filename != __file__)
        error = error.__cause__ or error.__context__
    return told


def named(api: StandIn, **options: Any) -> APIEmbedding:
    return APIEmbedding("tiny", **{"base_url": api.url, "dimension": DIMENSION, "retries": 0, **options})


@pytest.mark.parametrize("options", [{"api_key_env": "MY_KEY"}, {"api_key": KEY}], ids=["variable", "itself"])
def test_a_key_is_sent_and_shown_nowhere(
    api: StandIn, options: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    step = named(api, **options)
    step.transform_records(RECORDS)
    asyncio.run(transform_records(step, RECORDS))
    assert [headers["authorization"] for headers in api.headers] == [f"Bearer {KEY}"] * 2
    told = [repr(step), str(step), repr(vars(step)), repr(vars(step._requests)), repr(step._server), caplog.text]
    told += [json.dumps(describe(step)), pickle.dumps(step).decode("latin-1"), repr(copy.deepcopy(step).__dict__)]
    assert [text for text in told if KEY in text] == []
    # Copies in this process keep the key.
    copy.copy(step).transform_query("x")
    assert api.headers[-1]["authorization"] == f"Bearer {KEY}"


def test_a_pickle_has_the_variable_and_not_the_key(api: StandIn) -> None:
    pickle.loads(pickle.dumps(named(api, api_key_env="MY_KEY"))).transform_query("x")
    assert api.headers[-1]["authorization"] == f"Bearer {KEY}"
    again = pickle.loads(pickle.dumps(named(api, api_key=KEY)))
    with pytest.raises(TransformError, match="api_key=, which is not pickled: give api_key_env="):
        again.transform_query("x")
    default = APIEmbedding("text-embedding-3-small", api_key=KEY)
    assert describe(pickle.loads(pickle.dumps(default))) == describe(default)


ECHOES = {
    "words": lambda: refused(401, f"Incorrect API key provided: {KEY}. Find yours at"),
    "cut off": lambda: refused(401, f"Incorrect API key provided: {KEY[:14]}..."),
    "text": lambda: Raw(f"Authorization: Bearer {KEY}", 500),
    "html": lambda: Raw(f"<html><title>{KEY}</title>", 502),
    "late": lambda: refused(400, "x" * 292 + KEY),
    "no json": lambda: Raw(f'{{"Authorization": "{KEY}'),
    "other json": lambda: Raw(json.dumps({"headers": {"Authorization": KEY}})),
    "cut": lambda: Raw(f'{{"{KEY}', cut=True),
    "in a word": lambda: refused(401, f"Bearer_{KEY[:-2]}"),
    "in a vector": lambda: Raw(json.dumps({"data": [{"embedding": f"Bearer {KEY}"}]})),
    "in a list": lambda: Raw(json.dumps({"data": [{"embedding": [{"Authorization": KEY}]}]})),
    "in numbers": lambda: Raw(json.dumps({"data": [{"index": KEY, "embedding": [1.0]}]})),
    "in a code": lambda: refused(400, "no", f"key:{KEY}"),
    "in an address": lambda: Raw(status=302, Location=f"http://{KEY}.example/"),
    "vectors": lambda: Raw(json.dumps({"data": [{"embedding": [1.0]}], "usage": KEY})),
}


@pytest.mark.parametrize("how", ["sync", "async"])
@pytest.mark.parametrize("echo", ECHOES.values(), ids=ECHOES)
def test_no_error_shows_a_key_that_the_server_repeats(api: StandIn, how: str, echo: Any) -> None:
    api.always = lambda body: echo()
    step = named(api, api_key=KEY)
    with pytest.raises(TransformError) as info:
        step.transform_records(RECORDS) if how == "sync" else asyncio.run(transform_records(step, RECORDS))
    told = shown(info.value) + str(getattr(info.value.__cause__, "code", ""))
    assert "127.0.0.1" in told
    assert KEY[:12] not in told


@pytest.mark.parametrize("how", ["sync", "async"])
@pytest.mark.parametrize("cut", [False, True])
def test_a_key_that_is_replaced_while_it_is_sent_is_not_shown(
    api: StandIn, how: str, cut: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answer(body: Any) -> Raw:
        monkeypatch.delenv("MY_KEY")
        return Raw(KEY, 401, cut=cut)

    api.always = answer
    step = named(api, api_key_env="MY_KEY")
    with pytest.raises(TransformError, match="127.0.0.1") as info:
        step.transform_records(RECORDS) if how == "sync" else asyncio.run(transform_records(step, RECORDS))
    error: BaseException | None = info.value
    assert "is not set" not in str(error)
    assert KEY[:12] not in shown(error)
    while error is not None:
        assert type(error).__module__.startswith("vecs")
        error = error.__cause__ or error.__context__


def test_a_server_writes_no_control_characters(api: StandIn) -> None:
    api.always = lambda body: refused(401, "\x1b[2J\x1b]0;owned\x07 \u202eno")
    with pytest.raises(TransformError, match=r"\[2J \]0;owned no") as info:
        named(api).transform_query("x")
    assert str(info.value).isprintable()


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/v1", "http://no-such-host.invalid/v1"])
def test_no_error_of_the_network_shows_a_key(url: str) -> None:
    step = APIEmbedding("tiny", base_url=url, api_key=KEY, retries=0, dimension=3)
    for embed in (step.transform_records, lambda records: asyncio.run(transform_records(step, records))):
        with pytest.raises(TransformError) as info:
            embed(RECORDS)
        assert KEY not in shown(info.value)


def test_no_interruption_shows_a_key(api: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    import httpcore

    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(httpcore.HTTP11Connection, "_receive_response_headers", interrupted)
    with pytest.raises(KeyboardInterrupt) as info:
        named(api, api_key=KEY).transform_query("x")
    assert KEY not in shown(info.value)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"api_key": f"{KEY}\n"}, "api_key has a character that is in no key"),
        ({"api_key": f"{KEY}é"}, "api_key has a character that is in no key"),
        ({"api_key": f"a b {KEY}"}, "api_key has a character that is in no key"),
        ({"api_key": ""}, "api_key is empty; for a server that needs no key leave it out"),
        ({"api_key": [KEY]}, "api_key must be a string, not list"),
        ({"api_key_env": KEY}, "must be the name of an environment variable"),
        ({"base_url": f"https://user:{KEY}@host/v1"}, "user name or a password"),
        ({"base_url": f"https://host/v1?key={KEY}"}, "without a query"),
        ({"model": KEY}, "not a key"),
        ({"key": KEY}, "key"),
        ({"token": KEY}, "token"),
        ({"api_key": KEY, "retries": -1}, "retries"),
        ({"api_key": KEY, "api_key_env": "X"}, "not both"),
        ({"query_body": {"token": KEY}}, "cannot have 'token'"),
        ({"query_body": {"user": "sk-proj-abc"}}, "'user' looks like a key"),
    ],
    ids=range(15),
)
def test_no_error_of_arguments_shows_a_key(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgError, match=message) as info:
        APIEmbedding(**{"model": "m", **arguments})
    assert KEY not in shown(info.value)
    with pytest.raises(ArgError, match="only model by position") as info:
        APIEmbedding("m", KEY)
    assert KEY not in shown(info.value)


def test_a_key_with_a_line_break_in_the_environment_is_refused_unseen(
    api: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_KEY", f"{KEY}\n")
    with pytest.raises(TransformError, match="variable MY_KEY has a character that is in no key") as info:
        named(api, api_key_env="MY_KEY").transform_query("x")
    assert KEY not in shown(info.value)
    monkeypatch.delenv("MY_KEY")
    with pytest.raises(TransformError, match="MY_KEY is not set"):
        named(api, api_key_env="MY_KEY").transform_query("x")
    assert api.bodies == []


def test_openai_is_not_asked_without_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    with pytest.raises(TransformError, match="https://api.openai.com/v1 needs a key, .*OPENAI_API_KEY is not set"):
        APIEmbedding("text-embedding-3-small").transform_query("x")


def test_azure_gets_its_key_in_its_own_header() -> None:
    url = "https://mine.openai.azure.com/openai/deployments/small?api-version=2024-10-21"
    server = APIEmbedding("small", base_url=url, api_key=KEY, dimension=3)._server
    assert server.headers().value == {"api-key": KEY}
    assert server.endpoint == (
        "https://mine.openai.azure.com/openai/deployments/small/embeddings?api-version=2024-10-21"
    )
    assert KEY not in repr(server.headers())


LOCAL = "http://localhost:11434/v1"
FOREIGN = "https://evil.example/v1"


def key_of(base_url: Any, key_env: Any) -> str | None:
    """The key that goes to a server that a description names."""
    headers = server_described(base_url, key_env).headers().value
    return headers.get("Authorization", "").removeprefix("Bearer ") or None


@pytest.mark.parametrize(
    ("base_url", "key_env", "key"),
    [
        (None, None, "value-of-OPENAI_API_KEY"),
        (OPENAI, None, "value-of-OPENAI_API_KEY"),
        (LOCAL, None, None),
        # Any program may listen there.
        (LOCAL, "OPENAI_API_KEY", None),
        ("http://127.0.0.1:1/v1", "VECS_GATEWAY_API_KEY", None),
        ("http://[::1]:1/v1", None, None),
        # No variable is read because it is named: the server gets the key that it would get without.
        (None, "VECS_GATEWAY_API_KEY", "value-of-OPENAI_API_KEY"),
        (None, "AWS_SECRET_ACCESS_KEY", "value-of-OPENAI_API_KEY"),
        (LOCAL, "AWS_SECRET_ACCESS_KEY", None),
        (LOCAL, "GATEWAY_KEY", None),
        (LOCAL, "VECS_URL", None),
        (LOCAL, ["OPENAI_API_KEY"], None),
        (LOCAL, 5, None),
    ],
)
def test_a_description_gets_a_key_only_for_the_default(base_url: Any, key_env: Any, key: str | None) -> None:
    assert key_of(base_url, key_env) == key


@pytest.mark.parametrize(
    "base_url",
    [
        FOREIGN,
        "http://api.openai.com/v1",
        "https://api.openai.com/v1/x",
        "https://api.openai.com:8443/v1",
        "https://api.openai.com.evil.example/v1",
        "http://localhost.evil.example/v1",
        "http://127.0.0.1.evil.example/v1",
        "http://127.1/v1",
        "http://0.0.0.0/v1",
        "http://169.254.169.254/v1",
        "http://localhost@evil.example/v1",
        "http://evil.example#@localhost/v1",
        "http://evil.example\\@localhost/v1",
        "http://localhost\n.evil.example/v1",
        "http://localhost:80@evil.example/v1",
        "http://localhost?@evil.example/",
        "//evil.example/v1",
        "file:///etc/passwd",
        "",
        ["http://localhost/v1"],
        5,
    ],
    ids=range(21),
)
def test_a_description_names_no_other_server(base_url: Any) -> None:
    for key_env in (None, "OPENAI_API_KEY", "AWS_SECRET_ACCESS_KEY"):
        with pytest.raises(ArgError):
            server_described(base_url, key_env)


def test_a_server_that_the_code_has_given_may_be_named_and_gets_that_key_alone() -> None:
    APIEmbedding("m", base_url=FOREIGN, api_key_env="GATEWAY_KEY", dimension=3)
    for key_env in ("GATEWAY_KEY", None, "OPENAI_API_KEY", "AWS_SECRET_ACCESS_KEY"):
        assert key_of(FOREIGN, key_env) == "value-of-GATEWAY_KEY"
    with pytest.raises(ArgError):
        server_described("https://evil.example/other", "GATEWAY_KEY")
    # One that is used without a key gets none.
    APIEmbedding("m", base_url=LOCAL, dimension=3)
    assert key_of(LOCAL, "OPENAI_API_KEY") is None
    # Nor does the default get another key than the code gave for it.
    APIEmbedding("text-embedding-3-small", api_key_env="GATEWAY_KEY")
    assert key_of(None, None) == key_of(OPENAI, "OPENAI_API_KEY") == "value-of-GATEWAY_KEY"
    # A key that was given itself is not kept for others.
    APIEmbedding("m", base_url="https://other.example/v1", api_key=KEY, dimension=3)
    assert key_of("https://other.example/v1", None) is None


def test_a_server_that_a_description_named_is_not_one_that_the_code_has_given() -> None:
    from_config({"class": "APIEmbedding", "model": "m", "base_url": LOCAL, "api_key_env": "GATEWAY_KEY"})
    assert key_of(LOCAL, "GATEWAY_KEY") is None


def test_the_environment_may_allow_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(servers.ALLOWED, f"{FOREIGN}=GATEWAY_KEY, http://vllm:8000/v1/ ")
    assert key_of(FOREIGN, "AWS_SECRET_ACCESS_KEY") == "value-of-GATEWAY_KEY"
    assert key_of("http://vllm:8000/v1", "OPENAI_API_KEY") is None
    monkeypatch.setenv(servers.ALLOWED, f"{FOREIGN}=UNSET_KEY {LOCAL}=UNSET_KEY")
    for url, key_env in ((FOREIGN, None), (LOCAL, "OPENAI_API_KEY"), (FOREIGN, "UNSET_KEY")):
        with pytest.raises(TransformError, match="needs a key, and the environment variable UNSET_KEY is not set"):
            key_of(url, key_env)
    azure = "https://gateway.example/e?api-version="
    monkeypatch.setenv(servers.ALLOWED, f"{azure}preview {azure}2024-10-21=GATEWAY_KEY")
    assert key_of(f"{azure}preview", "GATEWAY_KEY") is None
    assert key_of(f"{azure}2024-10-21", None) == "value-of-GATEWAY_KEY"
    monkeypatch.setenv(servers.ALLOWED, "https://user:geheim@host/v1")
    with pytest.raises(ArgError, match="VECS_API_SERVERS has a user name") as info:
        server_described(FOREIGN, None)
    assert "geheim" not in str(info.value)


def test_another_default_is_the_callers_and_openai_is_foreign_then(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "https://gateway.example/v1")
    assert key_of(None, None) == "value-of-OPENAI_API_KEY"
    assert server_described(None, None).url == "https://gateway.example/v1"
    with pytest.raises(ArgError, match="pass transform=vecs.APIEmbedding"):
        server_described(OPENAI, None)


def test_addresses_have_one_form() -> None:
    for written in ("HTTP://Host:80/v1/", "http://host/v1/embeddings", " http://host/v1"):
        assert checked_url(Hidden(written)) == "http://host/v1"
