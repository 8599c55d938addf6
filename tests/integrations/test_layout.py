"""How integrations are built: on public names of vecs alone, with each plain helper in one place."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import langchain_vecs
import langchain_vecs.search_arguments as langchain_arguments
import llama_index.vector_stores.vecs.search_arguments as llama_index_arguments
from langchain_vecs._async.searching import AsyncSearching
from llama_index.vector_stores import vecs as llama_index_vecs
from vecs.sharing import SharedCollection

ROOT = Path(__file__).parents[2]
PACKAGES = ["integrations/langchain/src", "integrations/llama-index/llama_index"]
HAND_WRITTEN = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py") if "_sync" not in path.parts]
# Of all classes that are in both worlds at once.
CLASSES = [
    SharedCollection,
    langchain_vecs.VecsVectorStore,
    langchain_vecs.VecsRecordManager,
    llama_index_vecs.VecsVectorStore,
]


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: f"{cls.__module__}.{cls.__name__}")
def test_no_name_is_defined_in_both_worlds(cls: type) -> None:
    """Otherwise sync methods would run the helpers of async ones: which come first among the bases."""

    def defined(folder: str) -> set[str]:
        bases = [base for base in cls.__mro__ if f".{folder}." in base.__module__]
        assert bases
        return {name for base in bases for name in vars(base)} - set(dir(object)) - OF_EVERY_CLASS

    assert defined("_async") & defined("_sync") == set()


# What Python writes into classes, and `abc`.
OF_EVERY_CLASS = {
    "__abstractmethods__", "__annotations__", "__dict__", "__firstlineno__", "__module__", "__orig_bases__",
    "__parameters__", "__static_attributes__", "__weakref__", "_abc_impl",
}  # fmt: skip


@pytest.mark.parametrize("path", HAND_WRITTEN, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_integrations_import_public_modules_of_vecs_alone(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        if isinstance(node, ast.ImportFrom) and node.module == "vecs":
            names = [f"vecs.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        for name in names:
            parts = name.split(".")
            assert parts[0] != "vecs" or not any(part.startswith("_") for part in parts), f"{path}: {name}"


def test_a_job_has_one_file_name_in_all_integrations() -> None:
    langchain, llama_index = (
        {path.relative_to(ROOT / package).name for path in HAND_WRITTEN if path.is_relative_to(ROOT / package)}
        for package in PACKAGES
    )
    assert {
        "_core.py", "copying.py", "filters.py", "indexing.py", "migration.py", "reading.py", "search_arguments.py",
        "searching.py", "writing.py",
    } <= langchain & llama_index  # fmt: skip


def test_every_search_option_is_documented() -> None:
    """An option that vecs gets is handed on by both without an edit; what is left to do is to say so."""
    for told, known in (
        (AsyncSearching.__doc__, langchain_arguments.KNOWN),
        (llama_index_vecs.VecsVectorStore.aquery.__doc__, set(llama_index_arguments.KNOWN) - PGVECTORS),
    ):
        assert told is not None
        assert [name for name in known if f"`{name}`" not in told] == []


# Names of PGVectorStore for options that have another name in vecs.
PGVECTORS = {"hnsw_ef_search", "ivfflat_probes"}
