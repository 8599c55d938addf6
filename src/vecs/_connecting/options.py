"""What a client is told at its creation, checked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from vecs._checks.numbers import ABOVE_ZERO, checked_flag, checked_int, checked_number
from vecs._checks.shown import brief
from vecs.exc import ArgError


@dataclass(frozen=True)
class Options:
    """Settings of a client; times in seconds."""

    pool_size: int = 10
    pool_timeout: float = 30.0
    connect_timeout: int = 10
    statement_timeout: float | None = None
    # None: find out.
    pooler: bool | None = None
    server_settings: Mapping[str, str] | None = None
    keep_running: bool = False
    report: Callable[[str], None] | None = None
    # Whether the server refuses what writes, in every session.
    read_only: bool = False

    def __post_init__(self) -> None:
        checked_int(self.pool_size, "pool_size", 1)
        checked_int(self.connect_timeout, "connect_timeout", 1)
        _seconds(self.pool_timeout, "pool_timeout")
        if self.pooler is not None and not isinstance(self.pooler, bool):
            raise ArgError(f"pooler must be True, False, or None to find out, not {self.pooler!r}")
        if self.statement_timeout is not None:
            _seconds(self.statement_timeout, "statement_timeout")
        settings: object = self.server_settings
        if settings is not None and not isinstance(settings, Mapping):
            raise ArgError(f'server_settings must be a dict such as {{"shared_buffers": "1GB"}}, not {brief(settings)}')
        checked_flag(self.keep_running, "keep_running")
        if self.report is not None and not callable(self.report):
            raise ArgError(f"report must be a function that takes a text, such as print, not {brief(self.report)}")


def _seconds(value: object, what: str) -> None:
    checked_number(value, what, ABOVE_ZERO, wanted="a number of seconds above 0")
