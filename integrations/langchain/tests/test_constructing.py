"""A store made with its documents, in both worlds; what no store can be made of."""

from __future__ import annotations

import pickle
from collections.abc import Awaitable, Callable
from inspect import isawaitable
from pathlib import Path
from typing import Any

import pytest
from langchain_core.documents import Document

from langchain_vecs import VecsVectorStore
from vecs.exc import ArgError

from .models import Table

Made = Callable[..., Awaitable[VecsVectorStore]]
DOCUMENTS = [Document("a", id="A", metadata={"n": 1}), Document("b", id="B")]


@pytest.fixture(params=["sync", "async"])
def make(request: pytest.FixtureRequest, target: str, schema: str) -> Any:
    """Call a classmethod, or its async form, with the test's target."""

    async def made(name: str, *args: Any, **options: Any) -> VecsVectorStore:
        method = getattr(VecsVectorStore, ("a" if request.param == "async" else "") + name)
        store = method(*args, url=target, schema=schema, **options)
        return await store if isawaitable(store) else store

    return made


async def test_texts_and_an_embedding_are_enough(make: Made) -> None:
    with await make("from_texts", ["a", "b"], Table()) as store:
        assert [document.page_content for document in store.similarity_search("b")] == ["b", "a"]


async def test_texts_come_with_metadata_and_ids(make: Made) -> None:
    with await make("from_texts", ["a", "b"], Table(), [{"n": 1}, {}], ids=["A", "B"]) as store:
        assert store.get_by_ids(["A", "B"]) == DOCUMENTS


async def test_texts_may_come_from_a_generator(make: Made) -> None:
    with await make("from_texts", (text for text in "abc"), Table()) as store:
        assert store.count() == 3


async def test_documents_keep_their_ids(make: Made) -> None:
    with await make("from_documents", DOCUMENTS, Table()) as store:
        assert store.get_by_ids(["A", "B"]) == DOCUMENTS


async def test_documents_may_be_given_other_ids(make: Made) -> None:
    with await make("from_documents", DOCUMENTS, Table(), ids=["1", None]) as store:
        assert [document.id for document in store.get_by_ids(["1", "A", "B"])] == ["1", "B"]


@pytest.mark.parametrize(("name", "given"), [("from_documents", DOCUMENTS), ("from_texts", ["a", "b"])])
async def test_a_store_may_be_made_batch_by_batch(make: Made, name: str, given: list[Any]) -> None:
    with await make(name, given, Table(), batch_size=1, commit="batch") as store:
        assert store.count() == 2
    with pytest.raises(ArgError, match="commit must be one of"):
        await make(name, given, Table(), commit="each")


async def test_the_embedding_may_be_named_either_way(make: Made) -> None:
    with await make("from_texts", ["a"], embeddings=Table()) as store:
        assert store.count() == 1


async def test_uneven_lengths_are_refused(make: Made) -> None:
    with pytest.raises(ArgError, match="2 texts, 1 ids"):
        await make("from_texts", ["a", "b"], Table(), ids=["1"])


async def test_documents_go_into_the_namespace_and_the_collection_that_are_named(make: Made) -> None:
    with await make("from_texts", ["a"], Table(), ids=["1"], collection="other", namespace="mine") as store:
        assert store.count() == 1
        assert store.count(namespace="theirs") == 0
        assert store.collection.name == "other"


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"embedding": "text-embedding-3-small"}, "embedding must be a langchain_core Embeddings"),
        ({"embedding": Table}, r"not the class Table; write Table\(\)"),
        ({"embedding": Table(), "embeddings": Table()}, "two names of one argument"),
        ({"dimension": 0}, "dimension"),
        ({"dimension": "4"}, "dimension"),
        ({"measure": "cosine"}, "expected one of cosine_distance"),
        ({"search_mode": "dense"}, "'vector', 'keyword', 'hybrid'"),
        ({"namespace": ""}, "a namespace is"),
        ({"namespace": "a\x1fb"}, "a namespace is"),
        ({"batch_size": 0}, "batch_size"),
        ({"on_nul": "ignore"}, "'strip', 'raise'"),
        ({"url": "postgresql://", "path": "x"}, "url and path each say where"),
    ],
)
def test_what_no_store_can_be_made_of_is_refused_at_once(options: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        VecsVectorStore(**{"url": "postgresql://nobody@127.0.0.1:1/none", **options})


def test_a_connection_string_in_the_wrong_place_is_not_shown(tmp_path: Path) -> None:
    url = "postgresql://me:secret@localhost/db"
    with pytest.raises(ArgError, match="embedding must be") as first:
        VecsVectorStore(url)
    with pytest.raises(ArgError, match="that is url=") as second:
        VecsVectorStore(None, url, path=tmp_path)
    assert "secret" not in f"{first.value} {second.value}"


def test_an_empty_path_is_refused() -> None:
    with pytest.raises(ArgError, match="path is an empty string"):
        VecsVectorStore(None, path="")


def test_a_relative_folder_is_that_of_the_store_for_its_record_manager_and_its_pickle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "one")
    store = VecsVectorStore(None, path="kb")
    monkeypatch.chdir(tmp_path / "two")
    shown = repr(str(tmp_path / "one" / "kb"))
    assert shown in repr(store)
    assert shown in repr(store.record_manager("any"))
    assert shown in repr(pickle.loads(pickle.dumps(store)))
