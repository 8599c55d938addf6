"""What is tried again, how often, and how long it is waited for: with the waiting itself taken out."""

from __future__ import annotations

import asyncio
import http.client
import logging
import socket
import ssl
import sys
import threading
import urllib.error
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from email.message import Message
from email.utils import format_datetime
from types import SimpleNamespace
from typing import Any

import pytest

from vecs._async.transforming import transform_queries, transform_records
from vecs.exc import ArgError, MissingDependency, TransformError
from vecs.records import Record
from vecs.transforms import Embedding, Pipeline
from vecs.transforms import _retrying as retrying

RECORDS = [Record("a", text="x")]


class Refused(Exception):
    """What a client of an API raises."""

    def __init__(self, status: Any = None, headers: Any = None, **others: Any) -> None:
        super().__init__("refused")
        if status is not None:
            self.status_code = status
        if headers is not None:
            self.response = SimpleNamespace(headers=headers)
        vars(self).update(others)


class Unreadable(Refused):
    """An error of which some properties cannot be read."""

    @property
    def status(self) -> int:
        raise RuntimeError("there is no answer")

    code = reason = headers = retry_after = errno = status


def named(module: str, name: str, base: type[Exception] = Exception) -> Exception:
    kind: Any = type(name, (base,), {"__module__": module})
    return kind("no route")


def caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


def with_argument(error: Exception, cause: Exception) -> Exception:
    error.args = (cause,)
    return error


def http_error(code: int, **headers: str) -> urllib.error.HTTPError:
    message = Message()
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    return urllib.error.HTTPError("http://x", code, "m", message, None)


def failing(times: int, error: BaseException) -> Any:
    """A function that fails so many times, and counts its calls."""
    calls: list[list[str]] = []

    def embed(texts: list[str]) -> list[list[float]]:
        calls.append(texts)
        if len(calls) <= times:
            raise error
        return [[1.0, 2.0]] * len(texts)

    embed.calls = calls
    return embed


@pytest.mark.parametrize(
    "error",
    [
        ConnectionResetError(),
        TimeoutError(),
        asyncio.TimeoutError(),
        OSError(101, "unreachable"),
        *(Refused(status) for status in (408, 409, 425, 429, 500, 502, 503, 504, 529, "429")),
        Refused(response=SimpleNamespace(status_code=503)),
        Refused(code=429),
        Refused(status=503),
        Refused(http_status=429),
        Refused(response={"ResponseMetadata": {"HTTPStatusCode": 503}}),
        Refused(code=lambda: SimpleNamespace(name="UNAVAILABLE")),
        Refused(400, {"x-should-retry": "true"}),
        http_error(503),
        urllib.error.URLError(ConnectionRefusedError()),
        named("httpx", "ConnectError"),
        named("httpx._exceptions", "ReadTimeout"),
        named("requests.exceptions", "ConnectionError", OSError),
        named("aiohttp.client_exceptions", "ServerDisconnectedError"),
        named("openai", "APIConnectionError"),
        caused(named("some.sdk", "SdkError"), caused(named("httpx", "HTTPError"), ConnectionError())),
        socket.gaierror(socket.EAI_AGAIN, "try again"),
        urllib.error.URLError(socket.gaierror(socket.EAI_AGAIN, "try again")),
        caused(named("httpx", "ConnectError"), socket.gaierror(socket.EAI_AGAIN, "try again")),
        ssl.SSLEOFError(8, "EOF occurred"),
        ssl.SSLZeroReturnError(6, "closed"),
        urllib.error.URLError(ssl.SSLEOFError(8, "EOF occurred")),
        with_argument(named("urllib3.exceptions", "ProtocolError"), http.client.RemoteDisconnected("closed")),
        http.client.RemoteDisconnected("closed"),
        http.client.IncompleteRead(b"abc"),
        Refused(response={"status": 429}),
        Refused(400, [("X-Should-Retry", "True")]),
        Refused(retry_after=2),
        Refused(429, code={"type": "busy"}),
        Refused(429, code=["busy"]),
        Unreadable(503),
    ],
    ids=range(44),
)
def test_what_may_be_gone_in_a_moment_is_transient(error: Exception) -> None:
    assert retrying.is_transient(error)


@pytest.mark.parametrize(
    "error",
    [
        TypeError("connection"),
        ValueError(),
        KeyError("timeout"),
        FileNotFoundError(2, "x"),
        *(Refused(status) for status in (400, 401, 403, 404, 413, 422, 501, 505, 200, True, "many", None)),
        Refused(429, code="insufficient_quota"),
        Refused(503, {"X-Should-Retry": "false"}),
        Refused(429, {"retry-after": "86400"}),
        caused(Refused(401), ConnectionError()),
        http_error(404),
        urllib.error.URLError("unknown url type"),
        named("httpx", "UnsupportedProtocol"),
        named("mine", "ReadError"),
        asyncio.CancelledError(),
        KeyboardInterrupt(),
        socket.gaierror(socket.EAI_NONAME, "unknown"),
        urllib.error.URLError(socket.gaierror(socket.EAI_NONAME, "unknown")),
        caused(named("httpx", "ConnectError"), socket.gaierror(socket.EAI_NONAME, "unknown")),
        with_argument(named("requests", "ConnectionError"), socket.gaierror(socket.EAI_NONAME, "unknown")),
        caused(named("aiohttp", "ClientConnectionError"), ssl.SSLCertVerificationError(1, "expired")),
        ssl.SSLCertVerificationError(1, "expired"),
        Refused(retry_after=86400),
        Refused(400, retry_after=2),
        Refused(429, {"retry-after": "9" * 400}),
        Refused(429, {"retry-after": "inf"}),
        Refused(retry_after=10**9),
        caused(named("httpx", "ConnectError"), Refused(retry_after=86400)),
    ],
    ids=range(38),
)
def test_what_stays_wrong_is_not(error: BaseException) -> None:
    assert not retrying.is_transient(error)


def test_an_error_while_another_was_handled_is_judged_by_itself() -> None:
    error = TypeError()
    error.__context__ = ConnectionError()
    assert not retrying.is_transient(error)
    lost = ConnectionResetError()
    lost.__context__ = socket.gaierror(socket.EAI_NONAME, "unknown")
    assert retrying.is_transient(lost)


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        (Refused(429, {"Retry-After": "7"}), 7),
        (Refused(429, {"retry-after": "1.5"}), 1.5),
        (Refused(429, {"retry-after-ms": "250", "retry-after": "7"}), 0.25),
        (http_error(429, Retry_After="7"), 7),
        (Refused(response={"ResponseMetadata": {"HTTPHeaders": {"retry-after": "3"}}}), 3),
        (caused(Exception(), Refused(429, {"retry-after": "2"})), 2),
        (Refused(429, {"retry-after": "soon"}), None),
        (Refused(429, {"retry-after": "nan"}), None),
        (Refused(429, {}), None),
        (Refused(429, 5), None),
        (Refused(429), None),
        (Refused(429, [("RETRY-AFTER", "7")]), 7),
        (Refused(429, [(b"Retry-After", b"7")]), 7),
        (Refused(429, {"rEtRy-AfTeR": ["7", "9"]}), 7),
        (Refused(response={"headers": {"Retry-After": 7}}), 7),
        (Refused(429, retry_after=7), 7),
        (Refused(429, retry_after="1.5"), 1.5),
        (Refused(429, retry_after=timedelta(seconds=7)), 7),
        (Refused(429, {"retry-after": "3"}, retry_after=7), 3),
        (caused(Exception(), Refused(429, retry_after=7)), 7),
        (Refused(429, retry_after=None), None),
        (Refused(429, retry_after=True), None),
        (Refused(429, [1, 2]), None),
        (Refused(429, {"retry-after": "Mon, 20 Nov 1995 19:12:08 +99999999"}), None),
        (Refused(429, {"retry-after": "Mon, 99 Nov 19950000000000000000000 19:12:08 GMT"}), None),
        (Refused(429, {"retry-after": "-5"}), None),
        (Unreadable(503), None),
    ],
    ids=range(27),
)
def test_an_answer_says_how_long_to_wait(error: Exception, seconds: float | None) -> None:
    assert retrying.seconds_asked(error) == seconds


def test_an_answer_may_say_until_when_to_wait() -> None:
    until = format_datetime(datetime.now(timezone.utc) + timedelta(seconds=60), usegmt=True)
    assert retrying.seconds_asked(Refused(429, {"retry-after": until})) == pytest.approx(60, abs=30)
    past = format_datetime(datetime.now(timezone.utc) - timedelta(days=1), usegmt=True)
    assert retrying.seconds_asked(Refused(429, {"retry-after": past})) == 0


def test_a_function_is_called_again_until_it_answers(waits: list[float], caplog: pytest.LogCaptureFixture) -> None:
    embed = failing(3, Refused(429))
    with caplog.at_level(logging.INFO, "vecs"):
        (made,) = Embedding(embed, 2, retries=3).transform_records(RECORDS)
    assert made.vec.tolist() == [1, 2]
    assert len(embed.calls) == 4
    assert [int(seconds) for seconds in waits] == [1, 2, 4]
    assert "failed (Refused: refused); try 2 of 4 in" in caplog.text


def test_a_random_part_of_a_second_is_also_added_to_the_longest_wait(waits: list[float]) -> None:
    Embedding(failing(8, Refused(429)), 2, retries=8).transform_query("x")
    assert [int(seconds) for seconds in waits] == [1, 2, 4, 8, 16, 32, 60, 60]
    assert min(waits[6:]) > 60


def test_the_wait_is_what_the_answer_asks(waits: list[float]) -> None:
    Embedding(failing(1, Refused(429, {"retry-after": "20"})), 2, retries=1).transform_query("x")
    assert 20 <= waits[0] <= 21


@pytest.mark.parametrize("query", [False, True])
def test_after_the_last_try_the_error_is_the_cause(waits: list[float], query: bool) -> None:
    error = ConnectionError("no route")
    step = Embedding(failing(9, error), 2, retries=2)
    with pytest.raises(
        TransformError, match=r"^Embedding\(embed, 2\) could not embed .* in 3 tries: no route"
    ) as caught:
        step.transform_query("x") if query else step.transform_records(RECORDS)
    assert caught.value.__cause__ is error
    assert len(step.function.calls) == 3


def test_what_stays_wrong_is_tried_once(waits: list[float]) -> None:
    embed = failing(9, TypeError("no"))
    with pytest.raises(TransformError, match="could not embed record 'a': no"):
        Embedding(embed, 2, retries=5).transform_records(RECORDS)
    assert (len(embed.calls), waits) == (1, [])


async def test_an_asynchronous_function_is_awaited_again(waits: list[float]) -> None:
    embed = failing(2, Refused(503))

    async def embed_later(texts: list[str]) -> Any:
        await asyncio.sleep(0)
        return embed(texts)

    step: Any = Embedding(embed_later, 2, retries=2, batch_size=1)
    made = await step.transform_records([*RECORDS, Record("b", text="y")])
    assert [record.vec.tolist() for record in made] == [[1, 2], [1, 2]]
    assert embed.calls == [["x"], ["x"], ["x"], ["y"]]
    assert len(waits) == 2
    embed.calls.clear()
    assert (await step.transform_query("q")).tolist() == [1, 2]
    assert len(embed.calls) == 3


async def test_a_cancelled_call_tries_no_more(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "vecs")
    failed = threading.Event()
    answered: list[str] = []

    def embed(texts: list[str]) -> Any:
        if failed.is_set():
            answered.append("again")
        failed.set()
        raise Refused(429, {"retry-after": "200"})

    threads = set(threading.enumerate())
    call = asyncio.create_task(transform_records(Embedding(embed, 2, retries=5), RECORDS))
    while "try 2 of 6" not in caplog.text:
        await asyncio.sleep(0.01)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    # The thread that was waiting for 200 seconds is free: asyncio waits for it when a program ends.
    await asyncio.get_running_loop().shutdown_default_executor()
    assert not [thread for thread in set(threading.enumerate()) - threads if thread.name.startswith("asyncio")]
    assert answered == []


async def test_a_wait_takes_no_thread_from_others() -> None:
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
    failed = threading.Event()

    def embed(texts: list[str]) -> Any:
        failed.set()
        raise Refused(429, {"retry-after": "200"})

    call = asyncio.create_task(transform_records(Embedding(embed, 2, retries=5), RECORDS))
    while not failed.is_set():
        await asyncio.sleep(0.01)
    (made,) = await asyncio.wait_for(transform_records(Embedding(failing(0, ValueError()), 2), RECORDS), 20)
    assert made.vec.tolist() == [1, 2]
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call


class Shortened(Embedding):
    """A step that works on what it inherits, which is no coroutine then."""

    def transform_records(self, records: Any, /) -> Any:
        return list(super().transform_records(records))

    def transform_query(self, query: Any, /) -> Any:
        return super().transform_query(query).tolist()


@pytest.mark.parametrize("kind", [Embedding, Shortened])
async def test_a_blocking_function_is_called_again_on_a_thread(waits: list[float], kind: type[Embedding]) -> None:
    embed = failing(2, Refused(503))
    threads: list[str] = []

    def embed_here(texts: list[str]) -> Any:
        threads.append(threading.current_thread().name)
        return embed(texts)

    step = Pipeline([kind(embed_here, 2, retries=2, batch_size=1)])
    made = await transform_records(step, [*RECORDS, Record("b", text="y")])
    assert [record.vec.tolist() for record in made] == [[1, 2], [1, 2]]
    assert embed.calls == [["x"], ["x"], ["x"], ["y"]]
    embed.calls.clear()
    assert [list(vec) for vec in await transform_queries(step, ["q", "r"])] == [[1, 2], [1, 2]]
    assert len(embed.calls) == 4
    assert len(waits) == 4
    assert threading.current_thread().name not in threads
    embed.calls.clear()
    refused = kind(failing(9, Refused(503)), 2, retries=2)
    with pytest.raises(TransformError, match="could not embed record 'a' in 3 tries: refused"):
        await transform_records(refused, RECORDS)


class Holding:
    """A step of the caller's that awaits another one."""

    dimension = 2

    def __init__(self, inner: Embedding) -> None:
        self.inner = inner

    def transform_records(self, records: Any, /) -> Any:
        return self.inner.transform_records(records)

    def transform_query(self, query: Any, /) -> Any:
        return self.inner.transform_query(query)


class Renamed(Embedding):
    def transform_records(self, records: Any, /) -> Any:
        return super().transform_records(records)


@pytest.mark.parametrize("make", [Embedding, Renamed, lambda *given, **more: Holding(Embedding(*given, **more))])
async def test_a_function_that_blocks_before_it_can_be_awaited_is_called_on_a_thread(make: Any) -> None:
    threads: list[threading.Thread] = []

    async def answer(texts: list[str]) -> list[list[float]]:
        return [[1.0, 2.0]] * len(texts)

    def embed(texts: list[str]) -> Any:
        threads.append(threading.current_thread())
        return answer(texts)

    await transform_records(make(embed, 2, batch_size=1), [*RECORDS, Record("b", text="y"), Record("c", text="z")])
    assert len(threads) == 3
    assert threading.current_thread() not in threads


def test_an_error_that_cannot_be_read_is_not_hidden() -> None:
    error = Unreadable(429)
    with pytest.raises(TransformError, match="refused") as caught:
        Embedding(failing(9, error), 2).transform_query("x")
    assert caught.value.__cause__ is error


async def test_a_cancelled_wait_of_an_asynchronous_function_ends() -> None:
    failed = asyncio.Event()

    async def embed(texts: list[str]) -> Any:
        failed.set()
        raise Refused(429, {"retry-after": "200"})

    call = asyncio.create_task(transform_records(Embedding(embed, 2, retries=5), RECORDS))
    await failed.wait()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call


def test_a_missing_library_is_told_of_before_anything_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tenacity", None)
    with pytest.raises(MissingDependency, match=r"pip install 'vecs\[retry\]'"):
        Embedding(failing(0, ValueError()), 2, retries=1)
    assert Embedding(failing(0, ValueError()), 2).transform_query("x").tolist() == [1, 2]


@pytest.mark.parametrize("retries", [-1, 1.5, True, "3", None, 101])
def test_retries_are_a_small_whole_number(retries: Any) -> None:
    with pytest.raises(ArgError, match="retries must be an integer from 0 to 100"):
        Embedding(failing(0, ValueError()), 2, retries=retries)
