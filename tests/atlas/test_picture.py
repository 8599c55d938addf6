"""The map as a figure."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest

from tests.atlas.test_fields import of
from vecs._atlas.colours import colouring, one_colour
from vecs._atlas.picture import figure_of

POINTS = np.array([[0, 0], [1, 1], [-1, 0.5]], dtype=np.float32)


def drawn(*arguments: Any) -> Any:
    figure = figure_of(POINTS, *arguments, (4.0, 3.0))
    png = io.BytesIO()
    # Drawing reads every text.
    figure.savefig(png)
    assert png.getvalue().startswith(b"\x89PNG")
    return figure


def test_categories_have_a_legend() -> None:
    figure = drawn(colouring(of("a", "$x$", ...)), "docs: 3 records", "key")
    (axes,) = figure.axes
    assert axes.get_title() == "docs: 3 records"
    assert [text.get_text() for text in axes.get_legend().get_texts()] == [r"\$x\$ (1)", "a (1)", "none (1)"]


def test_numbers_have_a_bar() -> None:
    figure = drawn(colouring(of(0.5, 1.5, 2.5)), "docs", "key")
    _, bar = figure.axes
    assert [label.get_text() for label in bar.get_yticklabels()] == ["0.5", "1", "1.5", "2", "2.5"]


def test_one_colour_needs_no_legend() -> None:
    figure = drawn(one_colour(3), "docs $ more", None)
    assert figure.axes[0].get_legend() is None


def test_no_points_make_a_figure(recwarn: pytest.WarningsRecorder) -> None:
    figure_of(POINTS[:0], one_colour(0), "docs", None, (4.0, 3.0)).savefig(io.BytesIO())
    assert not recwarn.list
