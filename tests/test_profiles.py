"""Property tests: the gate draws the same examples in every run, other profiles draw more."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

ROOT = Path(__file__).parent.parent


def drawn() -> list[int]:
    """What a property test draws in the gate."""
    values: list[int] = []

    @settings.get_profile("gate")
    @given(st.integers())
    def collect(value: int) -> None:
        values.append(value)

    collect()
    return values


@pytest.mark.skipif(not settings.default.derandomize, reason="other profiles may draw what they like")
def test_examples_do_not_depend_on_the_modules_that_are_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = drawn()
    module = ModuleType("constants")
    module.__file__ = str(tmp_path / "constants.py")
    Path(module.__file__).write_text("\n".join(f"A{n} = {n}" for n in range(1000, 1500)))
    monkeypatch.setitem(sys.modules, module.__name__, module)
    assert drawn() == before


def test_numbers_of_examples_grow_with_the_profile() -> None:
    for folder in ("tests", "integrations"):
        for path in (ROOT / folder).rglob("test_*.py"):
            assert not re.search(r"max_examples=\d|deadline=\d", path.read_text()), path
