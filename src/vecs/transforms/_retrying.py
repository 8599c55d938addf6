"""Repeat calls after errors that are likely to pass: a busy API, a lost connection."""

from __future__ import annotations

import asyncio
import errno
import inspect
import logging
import random
import re
import socket
import sys
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from threading import Event
from typing import Any, cast

from vecs.exc import TransformError
from vecs.transforms._require import require

log = logging.getLogger("vecs")

# Request Timeout, Conflict, Too Early, Too Many Requests: clients of the large APIs repeat these, too.
_STATUS = {408, 409, 425, 429}
# Not Implemented, HTTP Version Not Supported: a later try gets the same answer.
_FINAL_STATUS = {501, 505}
_STATUS_NAMES = ("status_code", "http_status", "status", "code")
_ERRNO = {errno.ECONNREFUSED, errno.ENETDOWN, errno.ENETUNREACH, errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.ETIMEDOUT}
# Names of network errors in HTTP clients; most of these are not a ConnectionError or TimeoutError.
_NETWORK = re.compile(
    r"(.*Connect(ion)?|.*Connection(Closed|Reset)|Network|Read|Write|Close|RemoteProtocol|ClientPayload|.*Disconnected"
    r"|ChunkedEncoding|IncompleteRead|.*Timeout)(Error|Exception)?"
)
_CLIENTS = {
    *("http", "httpx", "httpx2", "httpcore", "httpcore2", "requests", "urllib3", "aiohttp", "botocore", "websockets"),
    *("openai", "anthropic", "cohere", "voyageai"),
}
_HIDING = {"httpx", "httpx2", "httpcore", "httpcore2"}
# TLS connections that ended too early. Other errors of TLS, such as a wrong certificate, stay.
TLS_ENDED = {"SSLEOFError", "SSLZeroReturnError", "SSLSyscallError"}
# gRPC's.
_CODES = {"UNAVAILABLE", "RESOURCE_EXHAUSTED", "DEADLINE_EXCEEDED", "ABORTED"}
# A 429 that means that the account has no money left.
_SPENT = {"insufficient_quota", "billing_hard_limit_reached"}
_LONGEST_WAIT = 60.0
# If an API asks to wait longer than this, the call fails.
_LONGEST_ASKED = 300.0

# Set when the call was cancelled.
_given_up: ContextVar[Event | None] = ContextVar("vecs_given_up", default=None)
# The step that is running now and whose result the caller can await.
_awaited: ContextVar[object] = ContextVar("vecs_awaited", default=None)


@contextmanager
def async_waited_for(step: object) -> Generator[None, None, None]:
    """
    Like `waited_for`, for callers that await the step's result.

    The step is called in a thread of a pool that all others need, too: it must not wait there before it repeats a call.
    """
    token = _awaited.set(step)
    try:
        with waited_for(step):
            yield
    finally:
        _awaited.reset(token)


@contextmanager
def waited_for(_step: object) -> Generator[None, None, None]:
    """Stop all repeated calls inside this block, in other threads too, when it ends: a cancelled call must end."""
    event = Event()
    token = _given_up.set(event)
    try:
        yield
    finally:
        event.set()
        _given_up.reset(token)


def is_awaited(step: object) -> bool:
    """Whether the caller called this step directly and can await its result."""
    return _awaited.get() is step


@dataclass(frozen=True)
class _Failed:
    """Raises the error of a call when it is awaited: it is repeated there, outside of the thread."""

    error: Exception

    def __await__(self) -> Generator[Any, Any, Any]:
        raise self.error
        yield


@dataclass(frozen=True)
class Retrying:
    """How often to repeat a call, and a name for the log. `awaited`: the caller can await, so `wait()` repeats."""

    count: int
    name: str
    awaited: bool = False

    def call(self, function: Callable[[Any], Any], argument: Any) -> Any:
        """
        Call a function, and repeat that if the error is likely to pass; its result may have to be awaited.

        Where it may be awaited, the function is called once, and the result of a failure is for `wait()`.
        """
        given_up = _given_up.get() or Event()

        def sleep(seconds: float) -> None:
            if given_up.wait(seconds):
                raise TransformError(f"{self.name} was stopped, because the call was cancelled")

        sleep(0)
        if not self.count:
            return _answer(function, argument)
        if self.awaited:
            try:
                return _answer(function, argument)
            except Exception as error:
                if not is_transient(error):
                    raise
                # The call was cancelled: raise now, because nothing awaits the result.
                sleep(0)
                return _Failed(error)
        return _tenacity().Retrying(**self._options(), sleep=sleep)(_answer, function, argument)

    async def wait(self, pending: Any, function: Callable[[Any], Any], argument: Any) -> Any:
        """Await what a function returned, if it was called, and call it again if the error is likely to pass."""
        first = [] if pending is None else [pending]

        async def once() -> Any:
            if first:
                return await first.pop()
            # A function that is not async may block the loop before it returns something to be awaited. Inside a call
            # of vecs each try is a new visit to a thread, without the wait before it.
            blocks = _given_up.get() is not None and not inspect.iscoroutinefunction(function)
            answer = await asyncio.to_thread(_answer, function, argument) if blocks else _answer(function, argument)
            return await answer if inspect.isawaitable(answer) else answer

        return await (_tenacity().AsyncRetrying(**self._options())(once) if self.count else once())

    def _options(self) -> dict[str, Any]:
        tenacity = _tenacity()
        backoff = tenacity.wait_exponential(max=_LONGEST_WAIT) + tenacity.wait_random(0, 1)

        def wait(state: Any) -> float:
            asked = seconds_asked(state.outcome.exception())
            # A little later, because all other refused callers come back, too.
            return backoff(state) if asked is None else asked + random.uniform(0, 1)

        def tell(state: Any) -> None:
            error = state.outcome.exception()
            log.info(
                "%s failed (%s: %s); try %d of %d in %.1f s",
                self.name,
                type(error).__name__,
                str(error)[:200],
                state.attempt_number + 1,
                self.count + 1,
                state.upcoming_sleep,
            )

        return {
            "stop": tenacity.stop_after_attempt(self.count + 1),
            "wait": wait,
            "retry": tenacity.retry_if_exception(is_transient),
            "before_sleep": tell,
            "reraise": True,
        }


def _answer(function: Callable[[Any], Any], argument: Any) -> Any:
    """Call a function; a generator does its work here, so that its errors are those of the call."""
    answer = function(argument)
    return list(cast("Iterator[Any]", answer)) if inspect.isgenerator(answer) else answer


def check_library() -> None:
    """Raise MissingDependency if tenacity is not installed."""
    _tenacity()


def is_transient(error: BaseException) -> bool:
    """
    Whether an error is likely to pass: an error of the network, or the HTTP status 408, 409, 425, 429 or 5xx.

    The statuses 501 and 505 stay, and so do a name that is unknown and a certificate that is wrong. The error's own
    status decides, or its class, or otherwise its cause.
    """
    for found in _chain(error):
        if not isinstance(found, Exception):
            return False
        verdict = _verdict(found)
        if verdict is not None:
            return verdict
    return False


def seconds_asked(error: BaseException) -> float | None:
    """Return how many seconds an error's answer, or its `retry_after`, asks to wait; None if it does not."""
    return next((asked for found in _chain(error) if (asked := _asked(found)) is not None), None)


def origins(error: BaseException) -> Iterator[BaseException]:
    """
    Yield an error and what it came of: httpcore hides the cause of its errors, and leaves the context.

    The context of other errors may be what their caller was handling, which has nothing to do with them.
    """
    last = error
    for last in _chain(error):
        yield last
    for _ in range(10):
        hides = type(last).__module__.split(".")[0] in _HIDING
        found = last.__cause__ or (last.__context__ if hides else None)
        if found is None or found is sys.exc_info()[1]:
            return
        last = found
        yield last


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and what caused it."""
    found: Any = error
    for _ in range(10):
        yield found
        # urllib and urllib3 have the cause as `reason`, requests and urllib3 as an argument.
        inner = [_told(found, "reason"), *found.args]
        found = found.__cause__ or next((each for each in inner if isinstance(each, Exception)), None)
        if found is None:
            return


def _asked(error: BaseException) -> float | None:
    headers = _headers(error)
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    told = (headers.get("retry-after"), _told(error, "retry_after"))
    seconds = next((found for each in told if (found := _seconds(each)) is not None), None)
    return None if seconds is None else max(0.0, seconds)


def _verdict(error: Exception) -> bool | None:
    told = _headers(error).get("x-should-retry", "").lower()
    if told in ("true", "false"):
        return told == "true" and _soon_enough(error)
    status = _status(error)
    if status is not None:
        retried = status in _STATUS or (500 <= status < 600 and status not in _FINAL_STATUS)
        code = _told(error, "code")
        return retried and not (isinstance(code, str) and code in _SPENT) and _soon_enough(error)
    if _is_of_network(error):
        return not any(map(_is_final, origins(error))) and _soon_enough(error)
    verdict = _code_of_grpc(error)
    if verdict is None and _asked(error) is not None:
        return _soon_enough(error)
    return verdict


def _is_of_network(error: Exception) -> bool:
    if isinstance(error, socket.gaierror):  # its numbers are others than those of the system's errors
        return True
    number = _told(error, "errno")
    if isinstance(error, ConnectionError | TimeoutError) or (isinstance(number, int) and number in _ERRNO):
        return True
    for kind in type(error).__mro__:
        room = kind.__module__.split(".")[0]
        if room in _CLIENTS and _NETWORK.fullmatch(kind.__name__):
            return True
        if room == "ssl" and kind.__name__ in TLS_ENDED:
            return True
        # On Python 3.10, asyncio and concurrent.futures have their own classes of TimeoutError.
        if kind.__name__ == "TimeoutError":
            return True
    return False


def _is_final(error: BaseException) -> bool:
    """Whether an error of the network stays: a name that is unknown, a certificate that is wrong."""
    if isinstance(error, socket.gaierror):
        return error.errno != socket.EAI_AGAIN
    return any(kind.__name__ == "SSLCertVerificationError" for kind in type(error).__mro__)


def _soon_enough(error: Exception) -> bool:
    asked = seconds_asked(error)
    return asked is None or asked <= _LONGEST_ASKED


def _code_of_grpc(error: Exception) -> bool | None:
    code = _told(error, "code")
    try:
        name = getattr(code() if callable(code) else code, "name", None)
    except Exception:
        return None
    return name in _CODES if isinstance(name, str) else None


def _status(error: Exception) -> int | None:
    response = _told(error, "response")
    told = [_told(source, name) for source in (error, response) for name in _STATUS_NAMES]
    # botocore's.
    told.append(_told(_told(response, "ResponseMetadata"), "HTTPStatusCode"))
    return next((status for each in told if (status := _as_status(each)) is not None), None)


def _as_status(value: Any) -> int | None:
    if isinstance(value, str) and value.isdecimal() and len(value) == 3:
        value = int(value)
    return int(value) if isinstance(value, int) and 100 <= value < 600 else None


def _headers(error: BaseException) -> dict[str, str]:
    """Return the headers of an error's answer, by their names in lower case; given as a mapping or as pairs."""
    response = _told(error, "response")
    told = (_told(_told(response, "ResponseMetadata"), "HTTPHeaders"), _told(response, "headers"))
    try:
        found: Any = told[0] or told[1] or _told(error, "headers") or ()
        pairs: Any = found.items() if hasattr(found, "items") else found
        return {_plain(name).lower(): _plain(value) for name, value in pairs}
    except Exception:
        return {}


def _plain(value: Any) -> str:
    """Return a header's name or value, of several values the first."""
    if isinstance(value, list | tuple):
        values = cast("Sequence[Any]", value)
        return _plain(values[0]) if values else ""
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def _told(source: Any, name: str) -> Any:
    """Return an attribute, or what a mapping has by this name; None if there is none, or reading it fails."""
    try:
        if isinstance(source, Mapping):
            return cast("Mapping[str, Any]", source).get(name)
        return getattr(source, name, None)
    except Exception:
        return None


def _seconds(value: Any) -> float | None:
    """Read a Retry-After: seconds, or a date."""
    if isinstance(value, timedelta):
        return value.total_seconds()
    number = _number(value)
    if number is not None or value is None:
        return number
    try:
        date = value if isinstance(value, datetime) else parsedate_to_datetime(str(value))
        date = date if date.tzinfo else date.replace(tzinfo=timezone.utc)
        return (date - datetime.now(timezone.utc)).total_seconds()
    except Exception:  # of the parser, for what is no date, there are several kinds
        return None


def _number(value: Any) -> float | None:
    try:
        number = float(str(value))
    except Exception:
        return None
    return number if number >= 0 else None


def _tenacity() -> Any:
    return require("tenacity", extra="retry")
