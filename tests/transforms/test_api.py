"""Embedding by a server with OpenAI's API: what is sent, what is made of the answers, and what of failures."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.standin import DIMENSION, Raw, StandIn, answered, refused, standing_in, vector

from vecs import APIEmbedding, MarkdownChunker, ParagraphChunker, Pipeline, Record
from vecs._async.transforming import transform_queries, transform_records
from vecs.exc import ArgError, TransformError
from vecs.transforms import _api_pools, _api_requests, describe, from_config, identity
from vecs.transforms import _retrying as retrying
from vecs.transforms._api_server import OPENAI
from vecs.transforms._stored_prompts import with_stored_prompts

ROOT = Path(__file__).parents[2]


@pytest.fixture
def api() -> Iterator[StandIn]:
    with standing_in() as server:
        yield server


def records(*texts: str) -> list[Record]:
    return [Record(f"id{number}", text=text) for number, text in enumerate(texts)]


def embedding(api: StandIn, **options: Any) -> APIEmbedding:
    return APIEmbedding("tiny", **{"base_url": api.url, "dimension": DIMENSION, "retries": 0, **options})


def vectors(step: APIEmbedding, *texts: str) -> list[list[float]]:
    made: Any = step.transform_records(records(*texts))
    return [record.vec.tolist() for record in made]


def exact(*texts: str) -> list[list[float]]:
    return [np.float32(vector(text)).tolist() for text in texts]


def test_texts_become_vectors_exactly_and_both_forms_of_answers_are_read(api: StandIn) -> None:
    step = embedding(api)
    api.answers = [lambda body: None, lambda body: answered({**body, "encoding_format": "float"})]
    assert vectors(step, "aa", "e") == exact("aa", "e")
    assert vectors(step, "io") == exact("io")
    assert [body["encoding_format"] for body in api.bodies] == ["base64", "base64"]
    assert api.paths == ["/v1/embeddings"] * 2
    assert "authorization" not in api.headers[0]
    assert (step.usage.requests, step.usage.tokens) == (2, 3)


@pytest.mark.parametrize("message", ["unknown field encoding_format", "Validation failed"])
def test_a_server_that_refuses_base64_is_asked_without(api: StandIn, message: str) -> None:
    api.always = lambda body: refused(422, message) if "encoding_format" in body else None
    step = embedding(api)
    assert vectors(step, "aa") == exact("aa")
    assert vectors(step, "ee") == exact("ee")
    assert [body.get("encoding_format") for body in api.bodies] == ["base64", None, None]


def test_a_request_has_as_many_texts_as_the_limits_allow(api: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_api_requests, "_MOST_BYTES", 10)
    step = embedding(api, batch_size=3)
    assert vectors(step, *(texts := ["a", "e", "i", "o", "äääää", "a", "e" * 20, "i"])) == exact(*texts)
    assert api.texts == [["a", "e", "i"], ["o"], ["äääää"], ["a"], ["e" * 20], ["i"]]


@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_request_that_is_too_large_is_divided_as_are_the_next_of_its_call(api: StandIn, status: int) -> None:
    api.always = lambda body: refused(status, "batch size 5 > maximum 2") if len(body["input"]) > 2 else None
    step = embedding(api)
    assert vectors(step, *(texts := ["a", "e", "i", "o", "aa"])) == exact(*texts)
    # One call of long texts does not make all later requests small.
    assert vectors(step, "a", "e") == exact("a", "e")
    assert vectors(step, *texts) == exact(*texts)
    assert [len(each) for each in api.texts] == [5, 2, 2, 1, 2, 5, 2, 2, 1]


@pytest.mark.parametrize(
    ("message", "divided"),
    [
        ("This model's maximum context length is 8192 tokens, however you requested 9000", True),
        ("`inputs` must have less than 512 tokens. Given: 600", True),
        ("the input length exceeds the context length", True),
        ("Invalid 'input': array too long. Expected an array with maximum length 2048", True),
        ("total number of texts must be at most 96", True),
        ("Requested 400000 tokens, max 300000 tokens per request", True),
        ("invalid authentication token", False),
        ("token 12345 has expired", False),
        ("unknown field limit", False),
        ("exceeded your quota", False),
    ],
)
def test_only_words_about_a_size_divide_a_request(api: StandIn, message: str, divided: bool) -> None:
    api.always = lambda body: refused(400, message) if len(body["input"]) > 1 else None
    try:
        embedding(api).transform_records(records("a", "e"))
    except TransformError:
        assert not divided
    assert (len(api.bodies[-1]["input"]) == 1) is divided


def test_the_error_of_a_text_that_is_too_long_names_its_record_and_the_limit(api: StandIn) -> None:
    limit = "This model's maximum context length is 3 tokens, however you requested 9"
    api.always = lambda body: refused(400, limit) if any(len(text) > 9 for text in body["input"]) else None
    with pytest.raises(TransformError, match=r"(?s)record 'id2'.*context length is 3 tokens.*18 characters.*chunker"):
        embedding(api).transform_records(records("a", "e", "too long a text ..", "i"))


@pytest.mark.parametrize("outer", [TimeoutError("of another"), socket.gaierror(socket.EAI_NONAME, "of another")])
@pytest.mark.parametrize("how", ["sync", "async"])
@pytest.mark.usefixtures("waits")
def test_an_error_is_told_without_what_its_caller_is_handling(outer: Exception, how: str) -> None:
    step = APIEmbedding("tiny", base_url="http://127.0.0.1:9/v1", dimension=3, retries=1)
    try:
        raise outer
    except OSError:
        with pytest.raises(TransformError, match="in 2 tries: http://127.0.0.1:9/v1 cannot be reached") as info:
            asyncio.run(transform_records(step, records("a"))) if how == "async" else vectors(step, "a")
    assert "of another" not in str(info.value)


def test_an_empty_text_and_lone_surrogates_are_sent_as_what_servers_take(api: StandIn) -> None:
    embedding(api).transform_records(records("", "a\ud800b"))
    assert api.texts == [[" ", "a?b"]]


def test_prompts_bodies_and_shorter_vectors_are_asked_for(api: StandIn) -> None:
    step = embedding(
        api,
        dimension=None,
        truncate_dim=3,
        normalize=True,
        query_prompt="Q: ",
        document_prompt="D: ",
        query_body={"input_type": "query"},
        document_body={"input_type": "passage"},
    )
    assert step.dimension == 3
    (record,) = step.transform_records([Record("a", text="x", media="embedded")])
    assert (record.text, record.media, float(np.linalg.norm(record.vec))) == ("x", None, pytest.approx(1))
    assert len(step.transform_queries(["a", "b"])) == 2
    assert api.texts == [["D: embedded"], ["Q: a", "Q: b"]]
    assert [(body["dimensions"], body["input_type"]) for body in api.bodies] == [(3, "passage"), (3, "query")]


def test_the_dimension_is_known_or_given_or_asked_for_once(api: StandIn) -> None:
    assert APIEmbedding("text-embedding-3-large").dimension == 3072
    assert APIEmbedding("text-embedding-3-large", truncate_dim=256).dimension == 256
    assert APIEmbedding("mxbai-embed-large:latest").dimension == 1024
    step = embedding(api, dimension=None)
    assert api.bodies == []
    assert (step.dimension, step.dimension, len(api.bodies)) == (DIMENSION, DIMENSION, 1)


def test_models_of_ollama_have_the_prompts_of_their_cards_unless_some_are_given() -> None:
    step = APIEmbedding("nomic-embed-text")
    assert (step.query_prompt, step.document_prompt) == ("search_query: ", "search_document: ")
    assert APIEmbedding("nomic-embed-text", query_prompt="").document_prompt is None


def test_a_collection_keeps_its_prompts_and_the_caller_the_key() -> None:
    stored = describe(APIEmbedding("nomic-embed-text", document_prompt=""))
    given = APIEmbedding("nomic-embed-text", api_key="geheim")
    opened: Any = with_stored_prompts(given, stored)
    assert (opened.query_prompt, opened.document_prompt) == (None, "")
    assert opened._server.headers().value == {"Authorization": "Bearer geheim"}
    assert given.document_prompt == "search_document: "


NAN = float("nan")
# Answers with status 200, and what the error says.
MALFORMED = {
    "html": (Raw("<!DOCTYPE html><title>Sign in</title>", Content_Type="text/html"), "an HTML page .Sign in.*v1"),
    "empty": (Raw(), "answers with nothing"),
    "text": (Raw("pong", Content_Type="text/plain"), "text that is not JSON .pong"),
    "truncated": (Raw('{"data": [{"embedding": [1.0, '), "ends too early"),
    "deep": (Raw("[" * 100_000), "ends too early"),
    "list": (Raw("[1, 2]"), "without embeddings"),
    "no data": (Raw('{"embeddings": [[1, 2, 3, 4]]}'), "without embeddings"),
    "null": (Raw('{"data": [null, null]}'), "without embeddings"),
    "an error": (Raw('{"error": {"message": "no such model"}}'), "with an error: no such model"),
    "too few": (lambda body: answered(body, lambda v: v[:1]), "1 embeddings for 2 texts"),
    "too many": (lambda body: answered(body, lambda v: v * 2), "4 embeddings for 2 texts"),
    "same index": (Raw('{"data": [{"index": 0, "embedding": [1]}, {"index": 0, "embedding": [2]}]}'), "numbers its"),
    "nan": (lambda body: answered(body, lambda v: [v[0], [NAN] * 4]), "record 'id1'.*NaN or infinity"),
    "overflow": (Raw(json.dumps({"data": [{"embedding": [1e300] * 4}] * 2})), "record 'id0'.*NaN or infinity"),
    "none": (Raw(json.dumps({"data": [{"embedding": [None] * 4}] * 2})), "record 'id0'.*vector with None"),
    "strings": (Raw(json.dumps({"data": [{"embedding": ["1"] * 4}] * 2})), "record 'id0'.*vector with '1'"),
    "bools": (Raw(json.dumps({"data": [{"embedding": [True] * 4}] * 2})), "vector with True"),
    "matrix": (Raw(json.dumps({"data": [{"embedding": [[1.0] * 4]}] * 2})), "vector with .1.0"),
    "no base64": (Raw(json.dumps({"data": [{"embedding": "!"}] * 2})), "no vector but the text '!'"),
    "half a number": (Raw(json.dumps({"data": [{"embedding": "AAAA"}] * 2})), "no vector but the text"),
    "object": (Raw(json.dumps({"data": [{"embedding": {"x": 1}}] * 2})), "no vector but"),
    "no numbers": (Raw(json.dumps({"data": [{"embedding": []}] * 2})), "without numbers"),
    "other dimension": (lambda body: answered(body, lambda v: [v[0], v[1][:3]]), "record 'id1'.*3 instead of 4"),
}


@pytest.mark.parametrize(("answer", "message"), MALFORMED.values(), ids=MALFORMED)
def test_answers_that_are_none_are_refused_and_not_asked_for_again(api: StandIn, answer: Any, message: str) -> None:
    api.always = answer if callable(answer) else lambda body: answer
    with pytest.raises(TransformError, match=rf"(?s)APIEmbedding\('tiny', base_url='http://127.*{message}"):
        embedding(api, retries=5).transform_records(records("a", "e"))
    assert len(api.bodies) == 1


def test_embeddings_are_put_in_the_order_of_their_index(api: StandIn) -> None:
    def shuffled(body: dict[str, Any]) -> Raw:
        content = json.loads(answered(body).content)
        return Raw(json.dumps({**content, "data": content["data"][::-1]}))

    api.always = shuffled
    assert vectors(embedding(api), "a", "e", "i") == exact("a", "e", "i")


REFUSALS = {
    "401": (refused(401, "Incorrect API key"), "401 Unauthorized: Incorrect API key; no key was sent.*api_key_env="),
    "403": (refused(403, "no access"), "403 Forbidden: no access"),
    "404": (refused(404, "model 'tiny' not found"), "404 Not Found: model 'tiny' not found; does the server have"),
    "fastapi": (Raw('{"detail": [{"msg": "bad field"}]}', 422), "422 .*bad field"),
    "tei": (Raw('{"error": "no such route", "error_type": "x"}', 404), "404 Not Found: no such route"),
    "nginx": (Raw("<html><title>405 Not Allowed</title></html>", 405), "405 .*Not Allowed"),
    "redirect": (Raw(status=307, Location="https://evil.example:1/v1?x=1"), "to https://evil.example:1, which is not"),
    "quota": (refused(429, "You exceeded your quota", "insufficient_quota"), "429 Too Many Requests: You exceeded"),
    "long": (refused(400, "x" * 10_000), "400 Bad Request: x{300}[.]{3}$"),
}


@pytest.mark.parametrize(("answer", "message"), REFUSALS.values(), ids=REFUSALS)
def test_refusals_are_told_in_the_servers_words(api: StandIn, answer: Raw, message: str) -> None:
    api.always = lambda body: answer
    with pytest.raises(TransformError, match=message):
        embedding(api, retries=5).transform_query("a")
    # At most once more, without base64.
    assert len(api.bodies) == 1 + (answer.status in (400, 422))


async def in_async_client(step: APIEmbedding, *texts: str) -> list[list[float]]:
    return [record.vec.tolist() for record in await transform_records(step, records(*texts))]


def embedded(how: str, step: APIEmbedding, *texts: str) -> list[list[float]]:
    return asyncio.run(in_async_client(step, *texts)) if how == "async" else vectors(step, *texts)


@pytest.mark.parametrize("how", ["sync", "async"])
def test_requests_that_fail_for_a_while_are_repeated(
    api: StandIn, waits: list[float], how: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "vecs")
    soon = format_datetime(datetime.now(timezone.utc) + timedelta(seconds=200))
    failures = [
        refused(429, "slow down", Retry_After="7"),
        refused(429, "slow down", Retry_After=soon),
        refused(500, "oops"),
        Raw("<html>Bad Gateway</html>", 502),
        refused(503, "loading"),
        Raw('{"data": ', cut=True),
    ]
    api.answers = [lambda body, failure=failure: failure for failure in failures]
    assert embedded(how, embedding(api, retries=6), "a", "e") == exact("a", "e")
    assert api.texts == [["a", "e"]] * 7
    assert 7 <= waits[0] < 8.5
    assert 150 < waits[1] < 210
    assert "429 Too Many Requests: slow down" in caplog.text


@pytest.mark.parametrize("how", ["sync", "async"])
def test_the_last_failure_is_raised_with_the_number_of_tries(api: StandIn, waits: list[float], how: str) -> None:
    api.always = lambda body: refused(500, "oops")
    with pytest.raises(TransformError, match=r"records 'id0', 'id1' in 3 tries: .*500 Internal Server Error: oops"):
        embedded(how, embedding(api, retries=2), "a", "e")
    assert len(api.bodies) == 3


@pytest.mark.parametrize("how", ["sync", "async"])
@pytest.mark.parametrize(
    ("url", "message", "waited"),
    [
        ("http://127.0.0.1:9/v1", "cannot be reached", True),
        ("http://no-such-host.invalid/v1", "host of http://no-such-host.invalid/v1 is not known", False),
        ("https://127.0.0.1:{port}/v1", "has no TLS that can be trusted", False),
    ],
)
def test_servers_out_of_reach_are_named(
    api: StandIn, waits: list[float], how: str, url: str, message: str, waited: bool
) -> None:
    url = url.format(port=api.url.split(":")[2].partition("/")[0])
    with pytest.raises(TransformError, match=message):
        embedded(how, APIEmbedding("tiny", base_url=url, dimension=4, retries=1), "a")
    assert bool(waits) == waited


@pytest.mark.parametrize("how", ["sync", "async"])
def test_a_slow_server_is_given_up(api: StandIn, how: str, release: Callable[[], Any]) -> None:
    api.always = lambda body: release()
    with pytest.raises(TransformError, match="did not answer within 0.05 seconds; .*timeout="):
        embedded(how, embedding(api, timeout=0.05), "a")


@pytest.fixture
def release() -> Iterator[Callable[[], Any]]:
    """A function that blocks until the test is over."""
    import threading

    over = threading.Event()
    yield lambda: over.wait(20) and None
    over.set()


async def test_a_cancelled_call_ends_while_the_server_is_silent(api: StandIn, release: Callable[[], Any]) -> None:
    asked = asyncio.Event()
    loop = asyncio.get_running_loop()

    def silent(body: dict[str, Any]) -> Any:
        loop.call_soon_threadsafe(asked.set)
        return release()

    api.always = silent
    task = asyncio.create_task(transform_queries(embedding(api), ["a"]))
    await asked.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_call_that_is_cancelled_before_it_is_awaited_leaves_nothing(api: StandIn) -> None:
    with retrying.async_waited_for(step := embedding(api)):
        promised = step.transform_query("a")
        del promised
        assert (await step.transform_query("a")).tolist() == exact("a")[0]
    assert len(api.bodies) == 1


async def test_an_event_loop_has_one_pool_which_it_closes(api: StandIn) -> None:
    step = embedding(api)
    await asyncio.gather(*(transform_queries(step, ["a"]) for _ in range(3)))
    pool, _ = _api_pools._pools[asyncio.get_running_loop()]
    await transform_queries(step, ["a", "e"])
    assert _api_pools._pools[asyncio.get_running_loop()][0] is pool

    pools = await asyncio.to_thread(lambda: asyncio.run(_pool_after(step)))
    assert pools.is_closed


async def _pool_after(step: APIEmbedding) -> Any:
    await transform_queries(step, ["a"])
    return _api_pools._pools[asyncio.get_running_loop()][0]


SCRIPT = """
import asyncio, os, sys, vecs
from vecs._async.transforming import transform_queries

assert "httpx" not in sys.modules
step = vecs.APIEmbedding("tiny", base_url=sys.argv[1], dimension=4)
step.transform_query("a")
asyncio.run(transform_queries(step, ["a"]))
child = os.fork()
if child == 0:
    step.transform_query("e")
    asyncio.run(transform_queries(step, ["e"]))
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
asyncio.run(transform_queries(step, ["i"]))
print(step.usage.requests)
"""


def test_a_script_ends_without_a_word_and_forks_have_pools_of_their_own(api: StandIn) -> None:
    command = [sys.executable, "-W", "error", "-c", SCRIPT, api.url]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("3\n", "")
    assert [texts[0] for texts in api.texts] == ["a", "a", "e", "e", "i"]


def test_servers_on_this_machine_are_asked_without_a_proxy(api: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_api_pools, "_pool", None)
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "")
    assert vectors(embedding(api), "a") == exact("a")
    _api_pools._pool.close()


def test_a_chunker_takes_its_limit_and_tokens_from_the_embedder() -> None:
    step = APIEmbedding("text-embedding-3-small")
    assert step.max_tokens == 8191
    assert step.count_tokens("word " * 300) == 500
    chunks = MarkdownChunker(max_tokens=20, tokenizer=step).chunks("word " * 100)
    assert all(step.count_tokens(chunk.text) <= 20 for chunk in chunks)


DESCRIBED = [
    APIEmbedding("text-embedding-3-small"),
    APIEmbedding("text-embedding-3-small", base_url=OPENAI, api_key_env="VECS_OPENAI_API_KEY", truncate_dim=256),
    APIEmbedding("nomic-embed-text", base_url="http://localhost:11434/v1/"),
    APIEmbedding("m", base_url="http://[::1]:8000/v1", dimension=3, query_prompt="", normalize=True, batch_size=8),
    APIEmbedding("m", dimension=3, query_body={"task": "q"}, document_body={"task": "d", "n": 1}, retries=0, timeout=5),
]


@pytest.mark.parametrize("step", DESCRIBED, ids=range(len(DESCRIBED)))
def test_a_description_survives_json_and_rebuilds_the_transform(step: APIEmbedding) -> None:
    description = json.loads(json.dumps(describe(step)))
    again = from_config(description)
    assert describe(again) == description
    assert identity(again) == identity(step) == identity(description)
    assert repr(again) == repr(step)
    pipeline = Pipeline([ParagraphChunker(), step])
    assert describe(from_config(describe(pipeline))) == describe(pipeline)


def test_vectors_are_compared_by_model_dimension_and_document_prompt_and_not_by_server() -> None:
    here = APIEmbedding("m", base_url="http://localhost:1/v1", dimension=3, query_prompt="q", query_body={"a": 1})
    assert identity(here) == identity(APIEmbedding("m:latest", dimension=3))
    for other in ({"dimension": 4}, {"document_prompt": "d"}, {"document_body": {"a": 1}}, {"normalize": True}):
        assert identity(here) != identity(APIEmbedding("m", **{"dimension": 3, **other}))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"model": ""}, "model must be"),
        ({"model": None}, "model must be"),
        ({"base_url": "localhost:11434"}, "base_url must be the address"),
        ({"base_url": "ftp://x/v1"}, "base_url must be the address"),
        ({"base_url": "http://x/v1?key=1"}, "without a query"),
        ({"base_url": "http://x:99999/v1"}, "base_url must be the address"),
        ({"base_url": 5}, "base_url must be the address"),
        ({"dimension": 0}, "dimension must be"),
        ({"dimension": 4, "truncate_dim": 3}, "leave dimension= out"),
        ({"query_prompt": 5}, "query_prompt must be a string"),
        ({"query_body": {"input": "x"}}, "cannot have the field 'input'"),
        ({"query_body": {"x": [1]}}, r"has \[1\] as 'x'"),
        ({"document_body": "x"}, "document_body must be a mapping"),
        ({"document_body": {"api_key": "x"}}, "stored with collections, so it cannot have 'api_key'"),
        ({"batch_size": 0}, "batch_size must be"),
        ({"retries": -1}, "retries must be"),
        ({"timeout": 0}, "timeout must be"),
        ({"api_base": "http://x"}, "api_base"),
        ({"api_key_env": "A", "api_key": "b"}, "not both"),
    ],
)
def test_wrong_arguments_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgError, match=message):
        APIEmbedding(**{"model": "m", **arguments})


def test_records_without_text_and_queries_of_other_kinds_are_refused_before_anything_is_sent(api: StandIn) -> None:
    step = embedding(api)
    with pytest.raises(ArgError, match="record 'b' has no text"):
        step.transform_records([Record("a", text="x"), Record("b")])
    with pytest.raises(ArgError, match="not by int"):
        step.transform_queries(["a", 5])
    assert step.transform_query([1.0, 2.0]) == [1.0, 2.0]
    assert step.transform_records([Record("a", [1.0])]) == [Record("a", [1.0])]
    assert api.bodies == []


def test_tls_errors_are_told_from_connections_that_ended() -> None:
    wrong = retrying.is_transient(_hidden(ssl.SSLCertVerificationError("expired")))
    ended = retrying.is_transient(_hidden(ssl.SSLEOFError(8, "EOF")))
    assert (wrong, ended) == (False, True)


def _hidden(cause: Exception) -> Exception:
    """An error as httpx raises it: with the cause of its cause hidden by httpcore."""
    import httpcore
    import httpx

    try:
        try:
            try:
                raise cause
            except Exception as error:
                raise httpcore.ConnectError(str(error)) from error
        except httpcore.ConnectError as error:
            raise error from None
    except httpcore.ConnectError as error:
        found = httpx.ConnectError(str(error))
        found.__cause__ = error
    return found
