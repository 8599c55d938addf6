from __future__ import annotations

import sys
from collections.abc import Callable

import pytest

from vecs.cli.stdlib import Doc, stdlib_docs
from vecs.cli.stdlib.docs import beginning


@pytest.fixture(scope="module")
def docs(read_docs: Callable[..., list[Doc]]) -> dict[str, Doc]:
    return {doc.id: doc for doc in read_docs(everything=False)}


@pytest.fixture(scope="module")
def all_docs(read_docs: Callable[..., list[Doc]]) -> list[Doc]:
    return read_docs(everything=True)


@pytest.mark.parametrize(
    "name",
    [
        "gzip.open",
        "json.dumps",
        "shutil.copytree",
        "argparse.ArgumentParser",
        "str.split",
        "itertools.groupby",
        "math.gcd",
    ],
)
def test_well_known_functions_are_in_the_default_selection(docs: dict[str, Doc], name: str) -> None:
    assert name in docs


@pytest.mark.parametrize(
    "name",
    [
        "asyncio.gather",
        "os.path.join",
        "concurrent.futures.ProcessPoolExecutor",
        "json.JSONDecoder",
        "unittest.TestCase",
    ],
)
def test_a_function_has_the_name_it_is_imported_by(docs: dict[str, Doc], name: str) -> None:
    assert name in docs


def test_private_names_are_left_out(all_docs: list[Doc]) -> None:
    assert [doc.id for doc in all_docs if any(part.startswith("_") for part in doc.id.split("."))] == []


def test_ids_are_unique(all_docs: list[Doc]) -> None:
    ids = [doc.id for doc in all_docs]

    assert len(ids) == len(set(ids))


def test_ids_are_the_same_every_time(docs: dict[str, Doc]) -> None:
    assert [doc.id for doc in stdlib_docs()] == list(docs)


def test_all_modules_hold_what_the_default_holds_and_thousands_in_all(
    docs: dict[str, Doc], all_docs: list[Doc]
) -> None:
    everything = {doc.id: doc.text for doc in all_docs}

    assert {id: everything.get(id) for id in docs} == {id: doc.text for id, doc in docs.items()}
    assert len(everything) > len(docs) > 2000


def test_reading_the_library_imports_no_module_with_side_effects(all_docs: list[Doc]) -> None:
    assert all_docs
    assert {"antigravity", "this", "turtle", "idlelib"}.isdisjoint(sys.modules)


def test_a_text_begins_with_the_call(docs: dict[str, Doc]) -> None:
    assert docs["gzip.open"].text.startswith("gzip.open(filename, mode='rb', ")
    assert docs["str.strip"].text.startswith("str.strip(chars=None, /)\n\n")


def test_self_is_no_part_of_the_call(docs: dict[str, Doc]) -> None:
    assert docs["collections.Counter.elements"].text.startswith("collections.Counter.elements()\n")


def test_metadata_tells_module_kind_name_and_line(docs: dict[str, Doc]) -> None:
    metadata = docs["tempfile.TemporaryDirectory"].metadata

    assert metadata.pop("line") > 1
    assert metadata == {"module": "tempfile", "kind": "class", "name": "TemporaryDirectory"}


def test_a_long_docstring_is_cut_at_a_paragraph() -> None:
    assert beginning("first paragraph\n\nsecond paragraph", 25) == "first paragraph"


def test_a_long_paragraph_is_cut_at_a_word() -> None:
    assert beginning("one two three four", 10) == "one two"
