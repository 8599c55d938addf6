"""Documents into a store: all of them or none, as they were, under the ids they were given."""

from __future__ import annotations

import copy
import math
import pickle
import uuid
from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import pytest
from langchain_core.documents import Document
from pgvector.psycopg import HalfVector, Vector

import vecs
from langchain_vecs import VecsVectorStore
from vecs.exc import ArgError, CollectionNotFound, MismatchedDimension, PartlyStored

from ..conftest import MakeStore
from ..models import Table, random_vector

LETTERS = ["a", "b", "c", "d", "e"]


# --- any iterable -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("given", [list, tuple, iter, lambda texts: (text for text in texts), dict.fromkeys])
async def test_texts_of_any_iterable_are_all_stored_in_order(
    store: VecsVectorStore, given: Callable[[Any], Iterable[str]]
) -> None:
    ids = await store.aadd_texts(given(LETTERS))
    assert [document.page_content for document in await store.aget_by_ids(ids)] == LETTERS


async def test_documents_of_a_generator_are_all_stored_in_order(store: VecsVectorStore) -> None:
    ids = await store.aadd_documents(Document(page_content=text) for text in LETTERS)
    assert [document.page_content for document in await store.aget_by_ids(ids)] == LETTERS


async def test_metadatas_and_ids_may_be_generators_too(store: VecsVectorStore) -> None:
    ids = await store.aadd_texts(iter("ab"), ({"n": n} for n in range(2)), ids=(f"id-{n}" for n in range(2)))
    assert ids == ["id-0", "id-1"]
    assert [document.metadata for document in await store.aget_by_ids(ids)] == [{"n": 0}, {"n": 1}]


async def test_a_generator_longer_than_a_batch_is_read_to_its_end(make_store: MakeStore) -> None:
    store = make_store(Table(), batch_size=3)
    ids = await store.aadd_texts((str(n) for n in range(10)), ids=(str(n) for n in range(10)))
    assert ids == [str(n) for n in range(10)]
    assert await store.acount() == 10


async def test_adding_nothing_makes_no_collection(store: VecsVectorStore, client: vecs.AsyncClient) -> None:
    assert await store.aadd_texts([]) == []
    assert await store.aadd_documents([]) == []
    assert await store.aadd_embeddings([], []) == []
    assert await client.list_collections() == []


async def test_a_string_for_a_list_of_texts_is_refused(store: VecsVectorStore) -> None:
    with pytest.raises(ArgError, match="texts must be a list of strings"):
        await store.aadd_texts("hello")


async def test_a_string_for_a_list_of_ids_is_refused(store: VecsVectorStore) -> None:
    with pytest.raises(ArgError, match="ids must be a list"):
        await store.aadd_texts(["a", "b"], ids="ab")
    with pytest.raises(ArgError, match="ids must be a list"):
        await store.aadd_documents([Document("a"), Document("b")], ids="ab")


async def test_what_is_no_document_is_refused_by_its_place(store: VecsVectorStore) -> None:
    with pytest.raises(ArgError, match="document 1 is str"):
        await store.aadd_documents([Document("a"), "b"])


# --- lengths ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("given", [list, iter])
@pytest.mark.parametrize(
    ("metadatas", "ids"), [([{}], None), ([{}] * 3, None), (None, ["1"]), (None, ["1", "2", "3"]), ([{}, {}], ["1"])]
)
async def test_uneven_lengths_are_refused_and_nothing_is_written(
    store: VecsVectorStore, given: Callable[[Any], Any], metadatas: Any, ids: Any
) -> None:
    await store.aadd_texts(["before"])
    with pytest.raises(ArgError, match="belong together one by one"):
        await store.aadd_texts(
            given(["a", "b"]), None if metadatas is None else given(metadatas), ids=None if ids is None else given(ids)
        )
    assert await store.acount() == 1


@pytest.mark.parametrize("given", [list, iter])
@pytest.mark.parametrize("ids", [["1"], ["1", "2", "3"]])
async def test_as_many_ids_as_documents_are_needed(
    store: VecsVectorStore, given: Callable[[Any], Any], ids: list[str]
) -> None:
    with pytest.raises(ArgError, match="belong together one by one"):
        await store.aadd_documents(given([Document("a"), Document("b")]), ids=given(ids))
    assert await store.acount() == 0


async def test_lengths_that_can_be_known_are_compared_before_anything_is_embedded(make_store: MakeStore) -> None:
    table = Table()
    with pytest.raises(ArgError, match="2 texts, 1 ids"):
        await make_store(table).aadd_texts(["a", "b"], ids=["1"])
    assert table.calls == []


# --- ids ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "id", ["foo", "f" * 64, "ü 😀 العربية", "it's", 'a "b"', "a\\b", "%s", " ", "-", "x" * 500, "null", "1\n2", "$id"]
)
async def test_an_id_may_be_any_text(store: VecsVectorStore, id: str) -> None:
    assert await store.aadd_texts(["text"], ids=[id]) == [id]
    assert [document.id for document in await store.aget_by_ids([id])] == [id]
    assert [document.id for document in await store.asimilarity_search("text")] == [id]
    await store.adelete([id])
    assert await store.acount() == 0


async def test_documents_without_an_id_get_one_beside_those_that_have(store: VecsVectorStore) -> None:
    ids = await store.aadd_documents([Document("a", id="A"), Document("b"), Document("c", id="C")])
    assert [ids[0], ids[2]] == ["A", "C"]
    uuid.UUID(ids[1])
    assert [document.page_content for document in await store.aget_by_ids(ids)] == ["a", "b", "c"]


async def test_texts_without_an_id_get_one_beside_those_that_have(store: VecsVectorStore) -> None:
    ids = await store.aadd_texts(["a", "b"], ids=[None, "B"])
    assert ids[1] == "B"
    uuid.UUID(ids[0])


async def test_an_id_given_beside_a_document_wins_over_its_own(store: VecsVectorStore) -> None:
    ids = await store.aadd_documents([Document("a", id="own"), Document("b", id="kept")], ids=["given", None])
    assert ids == ["given", "kept"]
    assert [document.id for document in await store.aget_by_ids(["own", "given", "kept"])] == ["given", "kept"]


@pytest.mark.parametrize("namespace", [None, "mine"])
@pytest.mark.parametrize("id", [7, np.int64(7), uuid.UUID(int=7)])
async def test_an_id_that_is_a_number_or_a_uuid_is_its_text(make_store: MakeStore, id: Any, namespace: str) -> None:
    store = make_store(Table(), namespace=namespace)
    assert await store.aadd_texts(["a"], ids=[id]) == [str(id)]
    for given in (id, str(id)):
        assert [document.id for document in await store.aget_by_ids([given])] == [str(id)]
    await store.adelete([id])
    assert await store.acount() == 0


@pytest.mark.parametrize(
    ("id", "reason"),
    [("", "empty"), (True, "must be a str"), (1.5, "must be a str"), ("a\x00b", "NUL"), ("a\ud800", "surrogate")],
)
async def test_what_is_no_id_is_refused_before_anything_is_made(
    store: VecsVectorStore, client: vecs.AsyncClient, id: Any, reason: str
) -> None:
    with pytest.raises(ArgError, match=reason):
        await store.aadd_texts(["a", "b"], ids=["fine", id])
    assert await client.list_collections() == []


async def test_an_id_too_long_for_an_index_is_refused(store: VecsVectorStore) -> None:
    with pytest.raises(ArgError, match="3000 bytes"):
        await store.aadd_texts(["a"], ids=["x" * 3000])
    assert await store.acount() == 0


# --- replacing ----------------------------------------------------------------------------------------------


async def test_adding_an_id_again_replaces_text_vector_and_all_metadata(make_store: MakeStore) -> None:
    store = make_store(Table({"old": [1, 0], "new": [0, 1]}))
    await store.aadd_documents([Document("old", id="1", metadata={"a": 1, "when": date(2024, 1, 1)})])
    await store.aadd_documents([Document("new", id="1", metadata={"b": 2})])
    assert await store.aget_by_ids(["1"]) == [Document("new", id="1", metadata={"b": 2})]
    assert [distance for _, distance in await store.asimilarity_search_with_score("new")] == [0]


async def test_adding_the_same_again_changes_nothing(store: VecsVectorStore) -> None:
    documents = [Document(text, id=text, metadata={"n": text}) for text in LETTERS]
    await store.aadd_documents(documents)
    await store.aadd_documents(documents)
    assert await store.aget_by_ids(LETTERS) == documents
    assert await store.acount() == 5


@pytest.mark.parametrize("batch_size", [1, 2, 100])
async def test_of_an_id_that_is_there_twice_the_last_wins(make_store: MakeStore, batch_size: int) -> None:
    store = make_store(Table(), batch_size=batch_size)
    texts = ["first", "other", "second", "third"]
    assert await store.aadd_texts(texts, ids=["1", "2", "1", "1"]) == ["1", "2", "1", "1"]
    assert [document.page_content for document in await store.aget_by_ids(["1", "2"])] == ["third", "other"]


async def test_updated_documents_replace_those_with_their_ids(store: VecsVectorStore) -> None:
    await store.aadd_texts(["a", "b"], [{"n": 1}, {"n": 2}], ids=["1", "2"])
    await store.aupdate_documents(["2", "3"], [Document("B"), Document("C", id="ignored")])
    await store.aupdate_document("1", Document("A", metadata={"m": 1}))
    assert await store.aget_by_ids(["1", "2", "3", "ignored"]) == [
        Document("A", id="1", metadata={"m": 1}),
        Document("B", id="2"),
        Document("C", id="3"),
    ]


@pytest.mark.parametrize("id", [None, "", True])
async def test_updating_needs_the_ids_of_what_is_updated(store: VecsVectorStore, id: Any) -> None:
    with pytest.raises(ArgError, match="an id is"):
        await store.aupdate_documents([id], [Document("a", id="1")])
    with pytest.raises(ArgError, match="an id is"):
        await store.aupdate_document(id, Document("a", id="1"))
    with pytest.raises(ArgError, match="ids must be a list"):
        await store.aupdate_documents("1", [Document("a")])
    assert await store.acount() == 0


# --- all or nothing -----------------------------------------------------------------------------------------


class Faulty(Table):
    """An embedder that goes wrong at one text."""

    def __init__(self, fault: Any, at: str = "300") -> None:
        super().__init__()
        self.fault = fault
        self.at = at

    def _made(self, texts: list[str], vectors: list[Any]) -> list[Any]:
        if self.at not in texts:
            return vectors
        if isinstance(self.fault, Exception):
            raise self.fault
        place = texts.index(self.at)
        return [*vectors[:place], *self.fault, *vectors[place + 1 :]]

    def embed_documents(self, texts: list[str]) -> list[Any]:
        return self._made(texts, super().embed_documents(texts))

    async def aembed_documents(self, texts: list[str]) -> list[Any]:
        return self._made(texts, await super().aembed_documents(texts))


FAULTS = [
    ([], ArgError, "vectors? for"),
    ([[1.0] * 4, [1.0] * 4], ArgError, "vectors? for"),
    ([[math.nan] * 4], ArgError, "nan"),
    ([[math.inf] * 4], ArgError, "inf"),
    ([[1.0] * 3], MismatchedDimension, "3"),
    ([[]], ArgError, "dimension"),
    ([None], ArgError, "Faulty.*returned None, but document.*needs a vector"),
    (RuntimeError("out of quota"), RuntimeError, "out of quota"),
]


@pytest.mark.parametrize("at", ["0", "3", "300"])
@pytest.mark.parametrize(("fault", "error", "reason"), FAULTS, ids=lambda value: str(value)[:20])
async def test_an_embedder_that_goes_wrong_leaves_the_store_as_it_was(
    make_store: MakeStore, fault: Any, error: type[Exception], reason: str, at: str
) -> None:
    # The very first documents, and a later batch of them.
    texts = [str(n) for n in range(500)]
    with pytest.raises(error, match=reason):
        await make_store(Faulty(fault, at)).aadd_texts(texts, ids=texts)
    store = make_store(Table())
    assert await store.acount() == 0
    assert await store.asimilarity_search("1") == []
    assert await store.aadd_texts(texts, ids=texts) == texts
    with pytest.raises(error, match=reason):
        await make_store(Faulty(fault, at)).aadd_texts(texts, ids=[f"new {text}" for text in texts])
    assert await store.acount() == 500


class Returns(Table):
    """Returns one thing, whatever it is asked."""

    def __init__(self, answer: Any) -> None:
        super().__init__()
        self.answer = answer

    def embed_documents(self, texts: list[str]) -> Any:
        return self.answer

    async def aembed_documents(self, texts: list[str]) -> Any:
        return self.answer

    def embed_query(self, text: str) -> Any:
        return self.answer

    async def aembed_query(self, text: str) -> Any:
        return self.answer


WRONG = [None, "text", [None, [1.0] * 4], [[1.0] * 4], [[1.0] * 4, "text"], [[1.0] * 4, [math.nan] * 4], [[], []]]


@pytest.mark.parametrize("answer", [*WRONG, [[1.0] * 3] * 2], ids=str)
async def test_an_embedder_is_named_with_what_it_returned_and_no_collection_is_made(
    make_store: MakeStore, client: vecs.AsyncClient, answer: Any
) -> None:
    store = make_store(Returns(answer), dimension=4)
    with pytest.raises(ArgError, match="Returns.embed_documents.. returned"):
        await store.aadd_texts(["a", "b"])
    assert await client.list_collections() == []


@pytest.mark.parametrize("answer", [None, "text", [], [1.0] * 3, [math.nan] * 4], ids=str)
async def test_an_embedder_of_queries_is_named_too(make_store: MakeStore, answer: Any) -> None:
    await make_store(Table()).aadd_texts(["a"])
    with pytest.raises(ArgError, match="Returns.embed_query.. returned"):
        await make_store(Returns(answer)).asimilarity_search("a")


async def test_no_other_model_embeds_what_an_embedder_does_not(make_store: MakeStore, client: vecs.AsyncClient) -> None:
    transform = vecs.Embedding(lambda texts: [[1.0] * 4] * len(texts), 4)
    collection = await client.create_collection("docs", transform=transform)
    store = make_store(Returns([None]), collection)
    with pytest.raises(ArgError, match="Returns"):
        await store.aadd_texts(["a"])
    assert await collection.count() == 0
    await store.aclose()


@pytest.mark.parametrize("fault", [RuntimeError("out of quota"), None])
async def test_what_was_embedded_is_kept_batch_by_batch(make_store: MakeStore, fault: Any) -> None:
    store = make_store(Faulty(fault if fault else [None], "d"), namespace="mine")
    with pytest.raises(PartlyStored, match="first 2 documents are stored") as caught:
        await store.aadd_documents([Document(id) for id in LETTERS], ids=LETTERS, batch_size=2, commit="batch")
    assert caught.value.ids == ["a", "b"]
    assert pickle.loads(pickle.dumps(caught.value)).ids == ["a", "b"]
    assert isinstance(caught.value.__cause__, RuntimeError if fault else ArgError)
    assert await store.acount() == 2
    # So the caller can go on.
    rest = LETTERS[2:]
    going_on = make_store(Table(), namespace="mine")
    assert await going_on.aadd_texts(rest, ids=rest, batch_size=2, commit="batch") == rest
    assert await store.acount() == 5
    # Nothing is stored in part by the first batch.
    with pytest.raises(RuntimeError if fault else ArgError):
        await store.aadd_texts(["d"], commit="batch")
    with pytest.raises(ArgError, match="commit must be one of 'all', 'batch'"):
        await store.aadd_texts(["a"], commit="each")


async def test_nothing_is_embedded_for_what_cannot_be_stored(make_store: MakeStore) -> None:
    table = Table()
    with pytest.raises(ArgError, match="nan"):
        await make_store(table).aadd_texts(["a", "b"], [{}, {"x": [math.nan]}])
    assert table.calls == []


@pytest.mark.parametrize("metadatas", [{}, {"a": 1}, "text"])
async def test_metadatas_are_a_list(store: VecsVectorStore, metadatas: Any) -> None:
    with pytest.raises(ArgError, match="metadatas must be a list with one dict per text"):
        await store.aadd_texts(["a"], metadatas)


async def test_an_index_can_be_made_first_where_the_dimension_is_known(make_store: MakeStore) -> None:
    store = make_store(Table(), dimension=4)
    await store.acreate_index()
    assert await store.aadd_texts(["a"], ids=["1"]) == ["1"]


async def test_vectors_may_come_as_arrays_or_from_a_generator(make_store: MakeStore) -> None:
    class Odd(Table):
        def embed_documents(self, texts: list[str]) -> Any:
            return np.array(super().embed_documents(texts), dtype=np.float32)

        async def aembed_documents(self, texts: list[str]) -> Any:
            return (np.array(vector) for vector in await super().aembed_documents(texts))

    store = make_store(Odd())
    await store.aadd_texts(LETTERS, ids=LETTERS)
    assert [document.id for document in await store.asimilarity_search("c", k=1)] == ["c"]


@pytest.mark.parametrize("at", [0, 3, 300])
async def test_a_generator_that_raises_midway_stores_nothing(store: VecsVectorStore, at: int) -> None:
    def texts() -> Iterator[str]:
        for number in range(500):
            if number == at:
                raise OSError("the disk is gone")
            yield str(number)

    with pytest.raises(OSError, match="the disk is gone"):
        await store.aadd_texts(texts())
    assert await store.acount() == 0
    assert len(await store.aadd_texts(LETTERS)) == 5


@pytest.mark.parametrize(
    ("text", "metadata", "reason"),
    [
        (5, {}, "text 3 is int"),
        (None, {}, "text 3 is NoneType"),
        ("3", {"x": math.nan}, "nan"),
        ("3", {"x": object()}, "no JSON form"),
        ("3", {"x": b"bytes"}, "no JSON form"),
        ("3", {1: "x"}, "JSON keys are strings"),
        ("3", ["x"], "is list, not a dict"),
    ],
)
async def test_what_cannot_be_stored_in_row_3_of_5_leaves_the_store_unchanged(
    store: VecsVectorStore, text: Any, metadata: Any, reason: str
) -> None:
    with pytest.raises(ArgError, match=reason):
        await store.aadd_texts(["0", "1", "2", text, "4"], [{}, {}, {}, metadata, {}])
    assert await store.acount() == 0


async def test_metadata_that_contains_itself_is_refused(store: VecsVectorStore) -> None:
    metadata: dict[str, Any] = {}
    metadata["self"] = metadata
    with pytest.raises(ArgError, match="contains itself"):
        await store.aadd_texts(["a"], [metadata])


# --- vectors at hand ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "given", [list, np.array, lambda vectors: (np.array(vector) for vector in vectors), lambda all: map(Vector, all)]
)
async def test_given_vectors_are_stored_without_embedding(
    make_store: MakeStore, given: Callable[[Any], Iterable[Any]]
) -> None:
    table = Table()
    store = make_store(table)
    vectors = [random_vector(text, 4) for text in LETTERS]
    ids = await store.aadd_embeddings(LETTERS, given(vectors), [{"n": text} for text in LETTERS], LETTERS)
    assert ids == LETTERS
    assert table.calls == []
    found = await store.aget(include=["embeddings", "metadatas"])
    assert np.allclose(found["embeddings"], vectors)
    assert found["metadatas"] == [{"n": text} for text in LETTERS]
    for near in (Vector(vectors[2]), HalfVector(vectors[2])):
        assert [document.id for document in await store.asimilarity_search_by_vector(near, k=1)] == ["c"]


@pytest.mark.parametrize("vectors", [[[1, 0], None], [None, [1, 0]], [None, None]])
async def test_a_vector_that_is_missing_among_given_ones_is_refused(store: VecsVectorStore, vectors: Any) -> None:
    with pytest.raises(ArgError, match=r"embedding \d is None"):
        await store.aadd_embeddings(["a", "b"], vectors)
    assert await store.acount() == 0


async def test_given_vectors_are_to_be_as_many_as_the_texts(store: VecsVectorStore) -> None:
    with pytest.raises(ArgError, match="2 texts, 1 embeddings"):
        await store.aadd_embeddings(["a", "b"], [[1, 0]])


async def test_given_vectors_that_differ_in_dimension_are_refused(store: VecsVectorStore) -> None:
    with pytest.raises(MismatchedDimension, match="differ in dimension"):
        await store.aadd_embeddings(LETTERS, [[1, 0], [1, 0], [1, 0, 0], [1, 0], [1, 0]])
    assert await store.acount() == 0
    with pytest.raises(PartlyStored, match="the first document is stored"):
        await store.aadd_embeddings(["a", "b"], [[1, 0], [1, 0, 0]], batch_size=1, commit="batch")
    assert await store.acount() == 1


# --- what is stored is what went in -------------------------------------------------------------------------

TEXTS = [
    'it\'s "quoted" \\ and \\\\',
    "100 %s %d %(name)s :name $1 ? {x}",
    "emoji 👩‍👩‍👧 and 𝒳",
    "עברית العربية",
    "",
    " \n\t\r\u2028",
    "'; drop table docs; --",
    "x" * 1_000_000,
]


@pytest.mark.parametrize("text", TEXTS, ids=lambda text: text[:12].encode("unicode_escape").decode())
async def test_any_text_comes_back_as_it_was(store: VecsVectorStore, text: str) -> None:
    await store.aadd_texts([text], [{text[:300]: text}], ids=["1"])
    expected = Document(text, id="1", metadata={text[:300]: text})
    assert await store.aget_by_ids(["1"]) == [expected]
    assert await store.asimilarity_search(text) == [expected]


@pytest.mark.parametrize("unstorable", ["\x00", "\ud800"])
async def test_what_postgres_cannot_store_is_left_out(make_store: MakeStore, unstorable: str) -> None:
    table = Table()
    store = make_store(table)
    text = f"a{unstorable}b"
    await store.aadd_texts([text], [{text: [text, {text: (text,)}]}], ids=["1"])
    assert await store.aget_by_ids(["1"]) == [Document("ab", id="1", metadata={"ab": ["ab", {"ab": ("ab",)}]})]
    assert [distance for _, distance in await store.asimilarity_search_with_score("ab")] == pytest.approx([0], abs=1e-6)


@pytest.mark.parametrize("unstorable", ["\x00", "\ud800"])
@pytest.mark.parametrize("where", ["text", "key", "value"])
async def test_what_postgres_cannot_store_is_refused_if_so_wished(
    make_store: MakeStore, unstorable: str, where: str
) -> None:
    store = make_store(Table(), on_nul="raise")
    bad = f"a{unstorable}b"
    text, metadata = (bad, {}) if where == "text" else ("a", {bad: 1} if where == "key" else {"x": [bad]})
    with pytest.raises(ArgError, match="NUL|surrogate"):
        await store.aadd_texts(["fine", text], [{}, metadata])
    assert await store.acount() == 0


METADATA = [
    {"nested": {"deep": {"er": [1, [2, {"x": None}]]}}},
    {"none": None, "true": True, "false": False, "empty": {}, "nothing": [], "string": ""},
    {"big": 2**31 + 1, "bigger": 2**63 + 1, "huge": 10**40 + 1, "negative": -(2**70)},
    {"float": 0.1, "whole": 5.0, "tiny": 5e-324, "large": 1e23, "larger": 1.7e308, "negative": -1e17},
    {"at": datetime(2024, 2, 29, 12, 30, 15, 123456), "utc": datetime(2024, 1, 1, tzinfo=timezone.utc)},
    {"zoned": datetime(2024, 1, 1, tzinfo=timezone(timedelta(hours=5, minutes=30))), "in": [datetime(2024, 1, 1)]},
    {"day": date(2024, 2, 29), "time": time(12, 30), "id": uuid.UUID(int=5)},
    {"price": Decimal("19.90"), "many": Decimal(10**30 + 1), "small": Decimal("1E-9"), "exact": Decimal("1E+40")},
    {"tuple": (1, (2, 3)), "set": {1, 2}, "frozen": frozenset({"a"}), "sets": [{date(2024, 1, 1)}, {(1, 2)}]},
    {"path": Path("a") / "b"},
    {
        "a key": 1,
        "a.b": 2,
        "a-b": 3,
        "it's": 4,
        'a"b': 5,
        "ключ": 6,
        "😀": 7,
        "$gt": 8,
        "": 9,
        "%s": 10,
        "a": {"b": 11},
    },
    {"id": "x", "content": 1, "text": 2, "embedding": 3, "vec": 4, "metadata": {"id": 5}, "document_id": 6, "extra": 7},
    {"langchain:x": date(2024, 1, 1), "x": "langchain:x", "_id": 1},
    {"number": np.int64(5), "half": np.float32(0.5)},
]


def typed(value: Any) -> Any:
    """Return a value with the types in it: 5 == 5.0 == True."""
    if isinstance(value, dict):
        return {key: typed(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value), [typed(item) for item in value]
    return type(value.item() if isinstance(value, np.generic) else value), value


@pytest.mark.parametrize("metadata", METADATA, ids=lambda metadata: next(iter(metadata)))
@pytest.mark.parametrize("namespace", [None, "mine"])
async def test_metadata_comes_back_as_it_was(make_store: MakeStore, metadata: dict[str, Any], namespace: str) -> None:
    store = make_store(Table(), namespace=namespace)
    await store.aadd_texts(["a"], [metadata], ids=["1"])
    for found in (await store.aget_by_ids(["1"]), await store.asimilarity_search("a")):
        assert typed(found[0].metadata) == typed(metadata)
    assert (await store.aget())["metadatas"] == [metadata]


async def test_what_is_given_is_never_changed(make_store: MakeStore) -> None:
    store = make_store(Table(), namespace="mine")
    metadata = {"when": date(2024, 1, 1), "in": {"x": (1, {2})}, "n\x00": "\x00"}
    documents = [Document("a\x00", metadata=metadata), Document("b", id="B")]
    before = copy.deepcopy(documents)
    texts, metadatas, ids = ["c"], [{"x": (1,)}], [None]
    await store.aadd_documents(documents)
    await store.aadd_texts(texts, metadatas, ids=ids)
    await store.aupdate_documents(["B", "C"], documents)
    await store.aupdate_metadata(["B"], metadata)
    assert documents == before
    assert (texts, metadatas, ids) == (["c"], [{"x": (1,)}], [None])


# --- many ---------------------------------------------------------------------------------------------------


async def test_20_000_texts_are_added_read_and_deleted_at_once(store: VecsVectorStore) -> None:
    ids = [str(number) for number in range(20_000)]
    vectors = np.random.default_rng(0).normal(size=(20_000, 4))
    assert await store.aadd_embeddings(ids, vectors, ids=ids) == ids
    assert await store.acount() == 20_000
    asked = [str(number) for number in range(70_000)]
    assert [document.id for document in await store.aget_by_ids(asked)] == ids
    assert await store.adelete(asked)
    assert await store.acount() == 0


async def test_2_000_texts_take_a_few_transactions(make_store: MakeStore, target: str) -> None:
    with psycopg.connect(target, autocommit=True) as connection:

        def committed() -> int:
            connection.execute("select pg_stat_force_next_flush()")
            connection.execute("select pg_stat_clear_snapshot()")
            row = connection.execute(
                "select xact_commit from pg_stat_database where datname = current_database()"
            ).fetchone()
            return row[0] if row else 0

        before = committed()
        store = make_store(Table(dimension=384))
        texts = [str(number) for number in range(2_000)]
        # Many more batches than transactions may be.
        await store.aadd_texts(texts, batch_size=10)
        # Its connections report what they committed as they end.
        await store.aclose()
        # Room for the server's own, such as autovacuum's.
        assert 1 <= committed() - before < 60


@pytest.mark.parametrize(("count", "batch_size"), [(10, 3), (9, 3), (1, 3), (600, 256)])
async def test_texts_are_embedded_in_batches(make_store: MakeStore, count: int, batch_size: int) -> None:
    table = Table()
    await make_store(table, batch_size=batch_size).aadd_texts([str(number) for number in range(count)])
    assert len(table.sizes) == math.ceil(count / batch_size)
    assert max(table.sizes) <= batch_size
    assert sum(table.sizes) == count


async def test_a_call_may_have_another_batch_size(make_store: MakeStore) -> None:
    table = Table()
    store = make_store(table)
    await store.aadd_texts(LETTERS, batch_size=2)
    await store.aadd_documents([Document(text) for text in LETTERS], batch_size=4)
    assert table.sizes == [2, 2, 1, 4, 1]


@pytest.mark.parametrize("batch_size", [0, -1, 1.5, "3"])
async def test_a_batch_size_that_is_none_is_refused(store: VecsVectorStore, batch_size: Any) -> None:
    with pytest.raises(ArgError, match="batch_size"):
        await store.aadd_texts(LETTERS, batch_size=batch_size)


async def test_each_world_calls_its_own_methods_of_the_embedder(make_store: MakeStore) -> None:
    table = Table()
    store = make_store(table)
    await store.aadd_texts(LETTERS)
    await store.asimilarity_search("a")
    await store.amax_marginal_relevance_search("a")
    assert table.calls == ["aembed_documents", "aembed_query", "aembed_query"]


async def test_a_misspelled_argument_is_not_passed_over(store: VecsVectorStore) -> None:
    with pytest.raises(ArgError, match="did you mean 'namespace'"):
        await store.aadd_texts(["a"], name_space="mine")
    with pytest.raises(ArgError, match="did you mean 'namespace'"):
        await store.aadd_documents([Document("a")], namspace="mine")
    with pytest.raises(ArgError, match="did you mean 'namespace'"):
        await store.aadd_embeddings(["a"], [[1]], namespaces="mine")
    assert await store.acount() == 0


async def test_arguments_for_other_stores_are_passed_over(store: VecsVectorStore) -> None:
    # LangChain's retrievers hand on whatever they are called with.
    assert await store.aadd_documents([Document("a", id="1")], current_time=datetime(2024, 1, 1)) == ["1"]


# --- metadata alone -----------------------------------------------------------------------------------------


async def test_metadata_is_merged_without_embedding(make_store: MakeStore) -> None:
    table = Table()
    store = make_store(table)
    await store.aadd_texts(["a", "b"], [{"n": 1, "kept": (1,)}, {"n": 2}], ids=["1", "2"])
    calls = list(table.calls)
    assert await store.aupdate_metadata(["1"], {"n": date(2024, 1, 1), "new": None}) == ["1"]
    assert [document.metadata for document in await store.aget_by_ids(["1", "2"])] == [
        {"n": date(2024, 1, 1), "kept": (1,), "new": None},
        {"n": 2},
    ]
    assert table.calls == calls


async def test_metadata_is_replaced_if_so_wished(store: VecsVectorStore) -> None:
    await store.aadd_texts(["a"], [{"n": 1, "gone": date(2024, 1, 1)}], ids=["1"])
    await store.aupdate_metadata(["1"], {"n": (2,)}, replace=True)
    assert (await store.aget_by_ids(["1"]))[0].metadata == {"n": (2,)}


async def test_a_value_that_was_a_date_may_become_a_string(store: VecsVectorStore) -> None:
    await store.aadd_texts(["a"], [{"when": date(2024, 1, 1)}], ids=["1"])
    await store.aupdate_metadata(["1"], {"when": "2024-01-02"})
    assert (await store.aget_by_ids(["1"]))[0].metadata == {"when": "2024-01-02"}


async def test_metadata_is_updated_where_a_filter_matches(store: VecsVectorStore) -> None:
    await store.aadd_texts(LETTERS, [{"n": n} for n in range(5)], ids=LETTERS)
    assert sorted(await store.aupdate_metadata(filter={"n": {"$gte": 3}}, metadata={"late": True})) == ["d", "e"]
    assert await store.aupdate_metadata(["a", "d"], {"both": True}, filter={"late": True}) == ["d"]
    assert await store.acount({"both": True}) == 1


async def test_updating_metadata_needs_to_be_told_which_and_what(store: VecsVectorStore) -> None:
    await store.aadd_texts(["a"])
    with pytest.raises(ArgError, match="ids= or filter="):
        await store.aupdate_metadata(metadata={"x": 1})
    with pytest.raises(ArgError, match="ids= or filter="):
        await store.aupdate_metadata(metadata={"x": 1}, filter={})
    with pytest.raises(ArgError, match="needs metadata="):
        await store.aupdate_metadata(["a"])
    assert await store.acount({"x": 1}) == 0


# --- collections of others ----------------------------------------------------------------------------------


async def test_a_collection_without_text_says_why_it_takes_no_documents(
    make_store: MakeStore, client: vecs.AsyncClient
) -> None:
    collection = await client.create_collection("docs", 4)
    await collection.upsert([("1", random_vector("a", 4), {"n": 1})])
    store = make_store(Table())
    assert await store.asimilarity_search("a") == [Document("", id="1", metadata={"n": 1})]
    assert await store.aget_by_ids(["1"]) == [Document("", id="1", metadata={"n": 1})]
    with pytest.raises(ArgError, match="text=True"):
        await store.aadd_texts(["b"])
    assert await store.acount() == 1


async def test_another_embedder_than_the_collections_is_refused(make_store: MakeStore) -> None:
    await make_store(Table()).aadd_texts(["a"])
    with pytest.raises(MismatchedDimension, match="4"):
        await make_store(Table(dimension=3)).aadd_texts(["b"])
    assert await make_store(Table()).acount() == 1


async def test_a_collection_deleted_elsewhere_is_made_anew(make_store: MakeStore, client: vecs.AsyncClient) -> None:
    store = make_store(Table())
    await store.aadd_texts(["a"])
    await client.delete_collection("docs")
    assert await store.asimilarity_search("a") == []
    assert await store.aadd_texts(["b"], ids=["1"]) == ["1"]
    assert await store.asimilarity_search("a") == [Document("b", id="1")]


async def test_a_collection_remade_elsewhere_is_the_one_that_is_written(
    make_store: MakeStore, client: vecs.AsyncClient
) -> None:
    store, other = make_store(Table()), make_store(Table())
    await store.aadd_texts(["a"])
    await client.delete_collection("docs")
    await other.aadd_texts(["b"], ids=["b"])
    await store.aadd_texts(["c"], ids=["c"])
    assert [document.id for document in await store.aget_by_ids(["b", "c"])] == ["b", "c"]
    assert await other.acount() == 2


async def test_every_method_finds_a_collection_deleted_elsewhere_empty(
    make_store: MakeStore, client: vecs.AsyncClient
) -> None:
    store = make_store(Table())

    async def deleted() -> None:
        await store.aadd_texts(["a"], ids=["1"])
        assert await store.acount() == 1
        await client.delete_collection("docs")

    await deleted()
    assert await store.acount() == 0
    await deleted()
    assert await store.aget_by_ids(["1"]) == []
    await deleted()
    assert (await store.aget())["ids"] == []
    await deleted()
    assert await store.amax_marginal_relevance_search("a") == []
    await deleted()
    assert await store.asimilarity_search("a", mode="hybrid") == []
    await deleted()
    assert await store.aupdate_metadata(["1"], {"x": 1}) == []
    await deleted()
    assert await store.adelete(["1"])
    await deleted()
    assert await store.adelete(delete_all=True)
    await deleted()
    await store.adrop()
    with pytest.raises(CollectionNotFound, match="add documents first"):
        await store.acreate_index()


async def test_a_collection_remade_for_other_vectors_is_searched_with_those(
    make_store: MakeStore, client: vecs.AsyncClient
) -> None:
    store = make_store(Table())
    await store.aadd_texts(["a"])
    assert len(await store.asimilarity_search("a")) == 1
    await client.delete_collection("docs")
    await make_store(Table(dimension=3)).aadd_texts(["b"])
    found = await store.asimilarity_search_by_vector([1, 0, 0])
    assert [document.page_content for document in found] == ["b"]
    with pytest.raises(MismatchedDimension, match="has dimension 3"):
        await store.asimilarity_search("a")
