"""What a map is asked for."""

from __future__ import annotations

from typing import Any

import pytest

from tests.atlas.test_fields import of
from vecs._atlas import wanted
from vecs._atlas.wanted import Wanted, checked_color, checked_size, checked_wanted
from vecs.exc import ArgError, MissingDependency


def test_arguments_come_back() -> None:
    assert checked_wanted("year", 10, "pca", 0) == Wanted("year", 10, "pca", 0)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((1, 10, "pca", 0), "color must be a metadata key"),
        (("", 10, "pca", 0), "color must be a metadata key"),
        ((None, 0, "pca", 0), "limit must be an integer of at least 1|limit must be an integer at least 1"),
        ((None, 3_000_000, "pca", 0), "a map shows at most 2,000,000 records"),
        ((None, 10, "umap", 0), "projection must be 'tsne' or 'pca', not 'umap'"),
        ((None, 10, None, 0), "projection must be"),
        ((None, 10, "pca", -1), "port must be"),
        ((None, 10, "pca", 70_000), "ports go up to 65535"),
    ],
)
def test_wrong_arguments_are_named(arguments: tuple[Any, ...], said: str) -> None:
    with pytest.raises(ArgError, match=said):
        checked_wanted(*arguments)


def test_what_is_not_installed_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wanted, "find_spec", lambda name: None)
    with pytest.raises(MissingDependency, match=r"scikit-learn .* pip install 'vecs\[atlas\]'"):
        checked_wanted(None, 10, "tsne", 0)
    with pytest.raises(MissingDependency, match=r"matplotlib .* pip install 'vecs\[atlas\]'"):
        checked_wanted(None, 10, "pca", 0, figure=True)
    assert checked_wanted(None, 10, "pca", 0)


def test_sizes_are_two_numbers() -> None:
    assert checked_size([9, 7.5]) == (9, 7.5)
    for wrong in (9, (1, 2, 3), "9x7", (0, 7), (9, "7"), (9, 1000)):
        with pytest.raises(ArgError, match="size must be"):
            checked_size(wrong)


def test_a_key_that_is_not_there_is_told_with_those_that_are() -> None:
    column = of("a", "b")
    assert checked_color([column], "key") is column
    with pytest.raises(ArgError, match="color='year' is no metadata key .* there are 'key'$"):
        checked_color([column], "year")
    with pytest.raises(ArgError, match="and others"):
        checked_color([column] * 11, "year")
    with pytest.raises(ArgError, match="to colour by$"):
        checked_color([], "year")
