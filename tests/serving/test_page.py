"""The page of a map, in a browser."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest

import vecs
from tests.serving.browser import Page, browsing, find_browser
from tests.serving.conftest import EVIL

pytestmark = pytest.mark.full
READY = "document.body && document.body.dataset.phase === 'done' && $('#progress').hidden".replace(
    "$(", "document.querySelector("
)
LISTED = "document.querySelectorAll('#list button').length"


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    program = find_browser()
    if program is None:
        pytest.fail("Chromium is not installed; on Debian: apt-get install chromium")
    with browsing(program) as page:
        yield page


@pytest.fixture(autouse=True)
def nothing_leaves_the_machine(page: Page) -> Iterator[None]:
    """No request of any test goes elsewhere, nothing complains, and no text of a record is obeyed."""
    page.requests.clear()
    page.complaints.clear()
    yield
    assert {urlsplit(url).hostname for url in page.requests if url.startswith("http")} <= {"127.0.0.1"}
    assert {urlsplit(url).scheme for url in page.requests} <= {"http", "about", "data", "blob"}
    assert page.complaints == []
    assert page.run("window.hurt === undefined")


def shoot(page: Page, name: str) -> bytes:
    """A screenshot, kept in the folder that $VECS_PICTURES names, to be looked at."""
    folder = os.environ.get("VECS_PICTURES")
    return page.picture(Path(folder) / f"{name}.png" if folder else None)


def text_of(page: Page, selector: str) -> str:
    return page.run(f"document.querySelector({selector!r}).textContent")


def look(page: Page, atlas: vecs.Atlas) -> None:
    page.open(atlas.url)
    page.until(READY)


@pytest.fixture
def atlas(docs: vecs.Collection, page: Page) -> Iterator[vecs.Atlas]:
    with docs.atlas(color="topic", projection="pca") as atlas:
        look(page, atlas)
        yield atlas


def test_it_shows_records_in_colours_with_a_legend(atlas: vecs.Atlas, page: Page) -> None:
    assert text_of(page, "#name") == "docs"
    assert text_of(page, "#counts") == "61 records"
    assert page.run("[...document.querySelectorAll('#legend .label')].map(each => each.textContent)") == [
        *sorted(["oil", "pump", "seal", "valve"]),
        EVIL,
    ]
    light = shoot(page, "light")
    page.dark(True)
    dark = shoot(page, "dark")
    page.dark(False)
    assert light != dark


def test_a_search_lists_marks_and_selects(atlas: vecs.Atlas, page: Page) -> None:
    page.run("document.querySelector('#mode').value = 'keyword'")
    page.press("/")
    page.send("Input.insertText", text="pump")
    page.press("Enter")
    page.until(f"{LISTED} > 0")
    assert text_of(page, "#title").endswith("matches for “pump”")
    assert text_of(page, "#list mark") == "pump"
    shoot(page, "search")
    page.press("ArrowDown")
    page.until("document.querySelector('#detail h2')")
    assert text_of(page, "#detail h2").startswith("pump-")
    page.run("document.activeElement.blur()")
    page.press("n")
    page.until("document.querySelector('#title').textContent === 'Nearest neighbours'")
    page.until(f"{LISTED} === 20")
    page.press("Escape")
    page.until("document.querySelector('#panel').hidden")
    assert atlas.selection == []


def test_texts_of_records_are_shown_and_not_obeyed(atlas: vecs.Atlas, page: Page) -> None:
    page.run("document.querySelector('#mode').value = 'keyword'; document.querySelector('#query').value = 'attacking'")
    page.run("document.querySelector('#search').requestSubmit()")
    page.until(f"{LISTED} === 1")
    page.run("document.querySelector('#list button').click()")
    page.until("document.querySelector('#detail .body')")
    assert text_of(page, "#detail .body") == EVIL
    assert EVIL in page.run("document.querySelector('#detail table').innerText")
    assert page.run("document.querySelectorAll('main img, main script').length") == 0


def test_a_filter_a_legend_and_a_range_leave_some(atlas: vecs.Atlas, page: Page) -> None:
    page.run("document.querySelector('#filter').value = JSON.stringify({year: {$lt: 2000}})")
    page.run("document.querySelector('#filtering').requestSubmit()")
    page.until("document.querySelector('#counts').textContent === '40 of 61 records'")
    page.run("document.querySelector('#legend button').click()")
    assert text_of(page, "#counts") == "30 of 61 records"
    page.run("document.querySelector('#clear').click()")
    assert text_of(page, "#counts") == "61 records"
    field = "document.querySelector('#field')"
    page.run(f"{field}.value = 'day'; {field}.dispatchEvent(new Event('change'))")
    page.until("document.querySelectorAll('#legend input').length === 2")
    assert page.run("document.querySelector('#legend input').value") == "2024-02-01"
    shoot(page, "dates")
    last = "document.querySelectorAll('#legend input')[1]"
    page.run(f"{last}.value = '2024-02-03'; {last}.dispatchEvent(new Event('change'))")
    assert text_of(page, "#counts") == "12 of 61 records"
    page.run("document.querySelector('#filter').value = '{'; document.querySelector('#filtering').requestSubmit()")
    page.until("!document.querySelector('#toast').hidden")
    assert text_of(page, "#toast").startswith("A filter is JSON")
    page.complaints.clear()


def test_a_lasso_selects_and_python_knows(atlas: vecs.Atlas, page: Page) -> None:
    page.press("l")
    assert page.run("document.querySelector('#lasso').getAttribute('aria-pressed')") == "true"
    around = [(20 + 1240 * (at / 20), 120) for at in range(21)] + [(1260, 640), (640, 640), (20, 640), (20, 120)]
    page.drag(around)
    page.until(f"{LISTED} > 0")
    assert len(atlas.selection) == page.run(LISTED) > 30
    shoot(page, "lasso")
    assert page.run("document.querySelectorAll('#actions button')[1].textContent") == "Only these"
    page.run("document.querySelectorAll('#actions button')[1].click()")
    assert text_of(page, "#counts").startswith(f"{len(atlas.selection)} of") or len(atlas.selection) == 61


def test_a_point_that_is_clicked_shows_its_neighbours(client: vecs.Client, page: Page) -> None:
    one = client.create_collection("one", dimension=2)
    one.upsert([("only", [1, 0], {"kind": "a"})])
    with one.atlas() as atlas:
        look(page, atlas)
        assert page.run("document.querySelector('#search').hidden")
        box = page.run("document.querySelector('#canvas').getBoundingClientRect().toJSON()")
        middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        page.mouse("mouseMoved", *middle)
        page.until("!document.querySelector('#hover').hidden")
        assert text_of(page, "#hover b") == "only"
        shoot(page, "one")
        page.click(*middle)
        page.until("document.querySelector('#detail h2')")
        assert text_of(page, "#detail h2") == "only"
        assert page.run(LISTED) == 0


def test_an_empty_collection_says_so(client: vecs.Client, page: Page) -> None:
    with client.create_collection("empty", dimension=2).atlas() as atlas:
        look(page, atlas)
        assert text_of(page, "#message") == "The collection is empty."
        shoot(page, "empty")
        for key in "/fl0+-n?":
            page.press(key)
        page.press("Escape")


def test_a_link_of_another_map_is_refused_in_words(atlas: vecs.Atlas, page: Page) -> None:
    page.open(atlas.url + "x")
    page.until("document.body && document.body.dataset.phase === 'failed'")
    assert "open the link that vecs gave" in text_of(page, "#message")
    page.complaints.clear()


def test_20_000_points_are_drawn(client: vecs.Client, page: Page) -> None:
    rng = np.random.default_rng(0)
    many = client.create_collection("many", dimension=8)
    middles = rng.normal(size=(20, 8)) * 3
    many.upsert((f"m{at}", middles[at % 20] + rng.normal(size=8), {"group": f"g{at % 20}"}) for at in range(20_000))
    with many.atlas(projection="pca", color="group") as atlas:
        look(page, atlas)
        assert text_of(page, "#counts") == "20,000 records"
        shoot(page, "many")
        assert text_of(page, "#legend button:last-child .label") == "10 other values"
