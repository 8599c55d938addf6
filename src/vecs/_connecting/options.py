"""What a client is told at its creation, checked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from vecs._checks.numbers import checked_int
from vecs.exc import ArgError


@dataclass(frozen=True)
class Options:
    """Settings of a client; times in seconds."""

    pool_size: int = 10
    pool_timeout: float = 30.0
    connect_timeout: int = 10
    statement_timeout: float | None = None
    pooler: bool = False
    server_settings: Mapping[str, str] | None = None
    keep_running: bool = False
    report: Callable[[str], None] | None = None

    def __post_init__(self) -> None:
        checked_int(self.pool_size, "pool_size", 1)
        checked_int(self.connect_timeout, "connect_timeout", 1)
        _seconds(self.pool_timeout, "pool_timeout")
        if self.statement_timeout is not None:
            _seconds(self.statement_timeout, "statement_timeout")


def _seconds(value: Any, what: str) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < float("inf"):
        raise ArgError(f"{what} must be a number of seconds above 0, not {value!r}")
