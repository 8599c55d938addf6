"""Documents that did not change: neither embedded nor written."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.documents import Document

import vecs
from langchain_vecs import VecsVectorStore
from vecs.exc import ArgError

from ..conftest import MakeStore
from ..models import Table


def documents(**changed: str) -> list[Document]:
    texts = {"a": "first", "b": "second", "c": "third", **changed}
    return [Document(id=id, page_content=text, metadata={"of": id}) for id, text in texts.items()]


def embedded(model: Table) -> int:
    count, model.sizes = sum(model.sizes), []
    return count


@pytest.mark.parametrize("commit", ["all", "batch"])
async def test_only_changed_documents_are_embedded(make_store: MakeStore, commit: Any) -> None:
    model = Table()
    store = make_store(model, batch_size=2)
    assert await store.aadd_documents(documents(), commit=commit, skip_unchanged=True) == ["a", "b", "c"]
    # One of them to see that it can be stored, before a collection is made.
    assert embedded(model) == 4
    assert await store.aadd_documents(documents(), commit=commit, skip_unchanged=True) == ["a", "b", "c"]
    assert embedded(model) == 0
    await store.aadd_documents(documents(b="new"), commit=commit, skip_unchanged=True)
    assert embedded(model) == 1
    assert [found.page_content for found in await store.aget_by_ids(["a", "b", "c"])] == ["first", "new", "third"]
    [found] = await store.asimilarity_search("new", k=1)
    assert found.id == "b"


async def test_changed_metadata_embeds_nothing(make_store: MakeStore) -> None:
    model = Table()
    store = make_store(model, namespace="acme")
    await store.aadd_texts(["one", "two"], [{"n": 1}, {"n": 2}], ids=["a", "b"], skip_unchanged=True)
    embedded(model)
    await store.aadd_texts(["one", "two"], [{"n": 1}, {"n": 3}], ids=["a", "b"], skip_unchanged=True)
    assert embedded(model) == 0
    assert [found.metadata for found in await store.aget_by_ids(["a", "b"])] == [{"n": 1}, {"n": 3}]


async def test_another_model_embeds_again(make_store: MakeStore) -> None:
    class Named(Table):
        model_name = "one"

    class Other(Table):
        model_name = "other"

    await make_store(Named()).aadd_documents(documents(), skip_unchanged=True)
    model = Other()
    await make_store(model).aadd_documents(documents(), skip_unchanged=True)
    assert embedded(model) == 3


async def test_a_collection_with_a_transform_embeds_what_changed(
    make_store: MakeStore, client: vecs.AsyncClient
) -> None:
    model = Table()
    transform = vecs.Pipeline([vecs.ParagraphChunker(), vecs.Embedding(model.embed_documents, 4, name="table")])
    store = make_store(None, await client.create_collection("split", transform=transform))
    await store.aadd_documents(documents(a="one\n\ntwo"), skip_unchanged=True)
    assert embedded(model) == 4
    await store.aadd_documents(documents(a="one\n\nnew"), skip_unchanged=True)
    assert embedded(model) == 1


async def test_odd_flags_are_refused(store: VecsVectorStore) -> None:
    given: Any = "yes"
    with pytest.raises(ArgError, match="skip_unchanged must be True or False"):
        await store.aadd_documents(documents(), skip_unchanged=given)
    with pytest.raises(ArgError, match="did you mean 'skip_unchanged'"):
        await store.aadd_documents(documents(), skip_unchangd=True)
