"""Async methods where psycopg cannot wait in the event loop."""

from __future__ import annotations

import asyncio
import threading

import pytest

from vecs.sharing import on_any_loop


class Both:
    """Methods of both worlds, which say where they ran."""

    def find(self, number: int, *, name: str = "sync") -> tuple[str, int, str, bool]:
        return "find", number, name, threading.current_thread() is threading.main_thread()

    @on_any_loop
    async def afind(self, number: int, *, name: str = "async") -> tuple[str, int, str, bool]:
        """Find."""
        return "afind", number, name, threading.current_thread() is threading.main_thread()

    def _add(self) -> str:
        return "_add"

    @on_any_loop
    async def _aadd(self) -> str:
        return "_aadd"

    @classmethod
    def from_texts(cls) -> str:
        return f"{cls.__name__}.from_texts"

    @classmethod
    @on_any_loop
    async def afrom_texts(cls) -> str:
        return f"{cls.__name__}.afrom_texts"


def test_a_method_runs_itself_where_psycopg_can_wait() -> None:
    async def called() -> list[object]:
        both = Both()
        return [await both.afind(1), await both._aadd(), await Both.afrom_texts()]

    assert asyncio.run(called()) == [("afind", 1, "async", True), "_aadd", "Both.afrom_texts"]


def test_a_method_runs_its_sync_twin_in_a_thread_on_a_proactor_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asyncio, "ProactorEventLoop", asyncio.SelectorEventLoop, raising=False)

    async def called() -> list[object]:
        both = Both()
        return [await both.afind(1, name="me"), await both._aadd(), await Both.afrom_texts()]

    assert asyncio.run(called()) == [("find", 1, "me", False), "_add", "Both.from_texts"]


def test_a_method_keeps_its_name_and_docstring() -> None:
    assert Both.afind.__name__ == "afind"
    assert Both.afind.__doc__ == "Find."
