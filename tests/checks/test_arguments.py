"""Arguments of a call."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import pytest

from vecs._checks.arguments import callers_level, made_of, one_of, required
from vecs.exc import ArgError


def test_either_name_of_an_argument_is_taken() -> None:
    assert one_of("transform", "a", "adapter", None) == "a"
    assert one_of("transform", None, "adapter", "b") == "b"
    assert one_of("transform", None, "adapter", None) is None


def test_both_names_of_an_argument_are_refused() -> None:
    with pytest.raises(ArgError, match="^transform and adapter are two names of one argument; give one of them$"):
        one_of("transform", 0, "adapter", "")


def test_an_argument_without_a_default_is_required() -> None:
    assert required("records", []) == []
    with pytest.raises(ArgError, match="^records is missing$"):
        required("records", None)


@dataclass(frozen=True)
class Settings:
    size: int = 1
    name: str = "x"


def test_a_dataclass_is_made_of_the_arguments_that_are_its_fields() -> None:
    def call(target: str, size: int) -> Settings:
        return made_of(Settings, locals())

    assert call("somewhere", 7) == Settings(size=7)


def test_a_warning_points_at_the_code_that_called_vecs() -> None:
    # A function of a module in vecs, as far as its frame tells.
    room: dict[str, object] = {"__name__": "vecs.room", "warnings": warnings, "callers_level": callers_level}
    exec("def told(): warnings.warn('mind', stacklevel=callers_level())", room)
    with pytest.warns(UserWarning, match="mind") as caught:
        room["told"]()
    assert caught[0].filename == __file__
