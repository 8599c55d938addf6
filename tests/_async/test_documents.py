"""The id of a document: it means all its records, however many a transform made, and no other document takes it."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Any, cast

import pytest

import vecs
from vecs import Embedding, ParagraphChunker, Pipeline, Record
from vecs._writing import buffer as _buffer
from vecs.exc import ArgError, FilterError

VEC = [1.0, 2.0, 3.0]


def embed(texts: Sequence[str]) -> list[list[float]]:
    return [[float(len(text)), 1.0, 2.0] for text in texts]


class Halves:
    """A step of a user's own: a text of two words becomes two records, and one of a single word stays."""

    dimension = None

    def transform_records(self, records: Sequence[Record]) -> list[Record]:
        made: list[Record] = []
        for record in records:
            words = (record.text or "").split()
            if record.vec is not None or len(words) < 2:
                made.append(record)
            else:
                made += [Record(f"{record.id}#{n:03}", text=w, document_id=record.id) for n, w in enumerate(words)]
        return made

    def transform_query(self, query: Any) -> Any:
        return query


SPLITTING = Pipeline([ParagraphChunker(), Embedding(embed, 3, name="lengths")])
HALVING = Pipeline([Halves(), Embedding(embed, 3, name="lengths")])


@pytest.fixture
async def docs(client: vecs.AsyncClient) -> vecs.AsyncCollection:
    return await client.create_collection("docs", transform=HALVING)


def ids(records: Sequence[Record]) -> list[Any]:
    return [record.id for record in records]


async def test_an_id_means_the_document_it_was_given_to(client: vecs.AsyncClient) -> None:
    docs = await client.create_collection("docs", transform=SPLITTING)
    written = await docs.upsert([("long", "one\n\ntwo\n\nthree", {}), ("short", "four", {})])
    assert (written, written.records, written.documents) == (4, 4, 2)
    # A function is not remembered, but that it splits is.
    for each in (docs, await client.get_collection("docs")):
        chunks = ["long_para_000", "long_para_001", "long_para_002"]
        assert ids(await each.get(["long"])) == chunks
        assert ids(await each.get(["long_para_001", "nothing", "long", "long"], offset=1)) == [chunks[0], chunks[2]]
        assert [r.id async for r in each.scan(ids=iter(["short", "long"]), page_size=2)] == ["short_para_000", *chunks]
        assert [r.id async for r in each.scan(ids=[])] == []
        assert len(await each.fetch(["long"])) == 3
        with pytest.raises(KeyError, match="document of 3 records"):
            await each["long"]
        assert (await each.count(), await each.count(documents=True)) == (4, 2)
        assert await each.update_metadata({"n": 1}, ids=["nothing", "long"]) == ["long"]
        assert await each.update_metadata({"n": 2}, ids=["long"], filters={"n": 3}) == []
        assert (await each.count({"n": 1}), await each.count({"n": 1}, documents=True)) == (3, 1)
        assert [r.id async for r in each.scan(ids=["short", "long"], filters={"n": 1})] == chunks
    assert await docs.delete(["long_para_000"]) == ["long_para_000"]
    assert await docs.delete(["nothing", "short", "long"]) == ["short", "long"]
    assert await docs.count() == 0


async def test_a_document_that_is_scanned_is_of_one_version(docs: vecs.AsyncCollection) -> None:
    await docs.upsert([("long", "a b c", {}), ("other", "d e", {})])
    found: list[Any] = []
    async for record in docs.scan(ids=["long", "long#001", "other", "long"], page_size=2):
        found.append(record.text)
        await docs.upsert([("long", "x y z", {})])
    assert found == ["a", "b", "c", "d", "e"]


async def test_every_record_that_a_transform_made_has_its_document(docs: vecs.AsyncCollection) -> None:
    await docs.upsert([("one", "word", {}), ("two", "two words", {}), ("three", VEC, {})])
    assert {r.id: r.document_id for r in await docs.get()} == {
        "one": "one",
        "two#000": "two",
        "two#001": "two",
        "three": "three",
    }


async def test_records_without_a_document_are_found_changed_and_replaced_by_their_id(
    client: vecs.AsyncClient,
) -> None:
    plain = await client.create_collection("docs", 3, text=True)
    await plain.upsert([("one", VEC, {}), ("two", VEC, {}), ("old_para_000", VEC, {})])
    docs = await client.get_collection("docs", transform=HALVING)
    assert ids(await docs.get(["one"])) == ["one"]
    assert await docs.count(documents=True) == 3
    assert await docs.update_metadata({"n": 1}, ids=["one"]) == ["one"]
    await docs.upsert([("two", "two words", {}), ("one", "word", {})])
    assert ids(await docs.get(["one", "two"])) == ["one", "two#000", "two#001"]
    # vecs 0.4 named chunks so, and gave them no document.
    paragraphs = await client.get_collection("docs", transform=SPLITTING)
    await paragraphs.upsert([("old", "new", {})])
    assert ids(await docs.get(["old"])) == ["old_para_000"]


async def test_ids_are_those_of_records_where_nothing_splits(client: vecs.AsyncClient) -> None:
    texts = await client.create_collection("texts", 3, text=True)
    await texts.upsert([Record("a", VEC, document_id="d"), Record("d", VEC, document_id="e")])
    assert ids(await texts.get(["d"])) == ["d"]
    written = await texts.upsert([Record("a", VEC, document_id="b"), Record("c", VEC), Record("f", VEC)])
    assert (written.records, written.documents) == (3, 3)
    assert await texts.delete(["d", "e", "b"]) == ["d"]


@pytest.mark.parametrize("path", ["small", "staged"])
@pytest.mark.parametrize("transform", [None, Embedding(embed, 3, name="lengths")], ids=["vectors", "texts"])
async def test_what_was_split_is_found_and_replaced_by_its_id_whatever_opens_it(
    client: vecs.AsyncClient, transform: Any, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if path == "staged":
        monkeypatch.setattr(_buffer.RowBuffer.__init__, "__defaults__", (1,))
    made = await client.create_collection("docs", transform=SPLITTING)
    await made.upsert([(id, "one\n\ntwo", {}) for id in ("K", "L", "M")])
    docs = await client.get_collection("docs", transform=transform)
    assert len(await docs.get(["L"])) == 2
    assert await docs.delete(["L"]) == ["L"]
    new: Any = "short" if transform else VEC
    assert await docs.upsert([("K", new, {"n": 0}), ("K", new, {"n": 1})])
    assert [(r.id, r.document_id, r.metadata) for r in await docs.get(["K"])] == [("K", "K", {"n": 1})]
    # A chunk replaces only itself.
    await docs.upsert([Record("M_para_000", VEC, document_id="M")])
    assert ids(await docs.get()) == ["K", "M_para_000", "M_para_001"]


TAKEN = [
    # The row of a chunk, by a document of one record; and the other way round.
    (("L", "two words"), ("L#000", "word"), "document 'L#000' would overwrite record 'L#000' of document 'L'"),
    (("L#000", "word"), ("L", "two words"), "record 'L#000' of document 'L' would overwrite document 'L#000'"),
    # Its id alone, by a document of several records.
    (("L", "two words"), ("L#000", "two words"), "'L#000' would be a document and a record of document 'L'"),
    (("L#000", "two words"), ("L", "two words"), "'L#000' would be a document and a record of document 'L'"),
    # A vector, transformed or not, is a document, too.
    (("L", "two words"), ("L#001", VEC), "document 'L#001' would overwrite record 'L#001' of document 'L'"),
]


@pytest.mark.parametrize("path", ["small", "staged"])
@pytest.mark.parametrize(("first", "second", "message"), TAKEN)
async def test_no_document_takes_an_id_of_another(
    docs: vecs.AsyncCollection,
    first: tuple[str, Any],
    second: tuple[str, Any],
    message: str,
    path: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if path == "staged":
        monkeypatch.setattr(_buffer.RowBuffer.__init__, "__defaults__", (1,))
    await docs.upsert([first])
    before = await docs.get(include_vector=True)
    with pytest.raises(ArgError, match=message):
        await docs.upsert([("other", "more words"), second])
    assert await docs.get(include_vector=True) == before
    await docs.truncate()
    # Nor where both come at once, whatever comes between them.
    with pytest.raises(ArgError, match=r"'L#00\d'.*'L'"):
        await docs.upsert([first, *((f"{n}", "word") for n in range(200)), second])
    assert await docs.count() == 0
    # Each alone, and again, is no other's.
    for _ in range(2):
        await docs.upsert([first])
    assert await docs.delete(["L", "L#000"])


async def test_a_large_upsert_is_refused_whole_in_portions(docs: vecs.AsyncCollection) -> None:
    await docs.upsert([("5#001", VEC)])
    with pytest.raises(ArgError, match="record '5#001' of document '5' would overwrite"):
        await docs.upsert([(f"{n}", "two words") for n in range(700)])
    assert ids(await docs.get()) == ["5#001"]
    assert (await docs.upsert([(f"x{n}", "two words") for n in range(700)])).documents == 700


async def test_a_chunk_is_not_overwritten_without_the_transform_either(docs: vecs.AsyncCollection) -> None:
    await docs.upsert([("L", "two words")])
    with pytest.raises(ArgError, match="of document 'L'"):
        await docs.upsert([("L#000", VEC)], skip_transform=True)
    (chunk,) = await docs.get(["L#000"], include_vector=True)
    assert await docs.upsert([chunk], skip_transform=True) == 1
    assert ids(await docs.get(["L"])) == ["L#000", "L#001"]


async def test_commits_of_an_upsert_are_summed(docs: vecs.AsyncCollection) -> None:
    written = await docs.upsert([(f"{n}", "two words") for n in range(5)], batch_size=2)
    assert repr(written) == "UpsertResult(records=10, documents=5, embedded=10)"


class Counting:
    """Counts the texts that were embedded."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, texts: Sequence[str]) -> list[list[float]]:
        self.count += len(texts)
        return embed(texts)


async def test_what_is_known_before_embedding_is_told_before_it(client: vecs.AsyncClient) -> None:
    counting = Counting()
    model = Embedding(counting, 3, name="lengths")
    docs = await client.create_collection("docs", transform=Pipeline([ParagraphChunker(), model]))
    with pytest.raises(ArgError, match="record 'bad' has no text"):
        await docs.upsert([*((f"{n}", "word") for n in range(200)), ("bad", 5, {})])
    with pytest.raises(ArgError, match="record 'bad': text is int"):
        await docs.upsert([*((f"{n}", "word") for n in range(200)), {"id": "bad", "text": 5, "media": "word"}])
    with pytest.raises(ArgError, match="'bad_para_000' would be a document and a record of document 'bad'"):
        await docs.upsert([("a", "word"), ("bad_para_000", "x"), ("bad", "x\n\ny")])
    own = await client.get_collection("docs", transform=Pipeline([Halves(), model]))
    with pytest.raises(ArgError, match="record 'b#000' of document 'b' would overwrite document 'b#000'"):
        await own.upsert([("a", "word"), ("b#000", "x"), ("b", "x y")])
    assert (counting.count, await docs.count()) == (0, 0)


class Same(Halves):
    """Gives both halves one id."""

    def transform_records(self, records: Sequence[Record]) -> list[Record]:
        return [Record(f"{r.id}#", text=w, document_id=r.id) for r in records for w in str(r.text).split()]


async def test_two_chunks_of_one_document_need_two_ids(client: vecs.AsyncClient) -> None:
    counting = Counting()
    docs = await client.create_collection("docs", transform=Pipeline([Same(), Embedding(counting, 3, name="lengths")]))
    with pytest.raises(ArgError, match="Same gave two records of document 'b' the id 'b#'"):
        await docs.upsert([("a", "word"), ("b", "two words")])
    assert counting.count == 0
    # A later version replaces the former one.
    assert await docs.upsert([("b", "old"), ("b", "new")]) == 1
    assert [r.text for r in await docs.get(["b"])] == ["new"]


class Numbered(Halves):
    """Gives the parts ids of other types."""

    def transform_records(self, records: Sequence[Record]) -> list[Record]:
        made = [Record(n, text=w, document_id=r.id) for r in records for n, w in enumerate(str(r.text).split())]
        return [*made, Record(cast("Any", None), VEC)] if len(made) > 2 else made


async def test_a_step_may_give_ids_of_every_type_that_a_user_may(client: vecs.AsyncClient) -> None:
    transform = Pipeline([Numbered(), Embedding(embed, 3, name="lengths")])
    docs = await client.create_collection("docs", transform=transform)
    assert await docs.upsert([("a", "two words")]) == 2
    assert ids(await docs.get(["a"])) == ["0", "1"]
    with pytest.raises(ArgError, match=r"the id of .* is None.*; ids must be a str, an int or a UUID"):
        await docs.upsert([("a", "two more words")])


async def test_an_error_says_what_was_committed_before_it(client: vecs.AsyncClient) -> None:
    docs = await client.create_collection("docs", transform=HALVING)
    good = [(f"{n}", "two words") for n in range(5)]
    bad = ("4#000", "word")
    with pytest.raises(ArgError, match="'4#000'.*; before that, batch_size= committed the first 4 of") as caught:
        await docs.upsert([*good, bad], batch_size=4)
    assert caught.value.stored == 4
    assert await docs.count(documents=True) == 4
    with pytest.raises(ArgError) as caught:
        await docs.upsert([*good, bad])
    assert (caught.value.stored, "before that" in str(caught.value)) == (0, False)


async def test_a_transform_that_splits_writes_no_documents_where_others_would_mix_their_versions(
    client: vecs.AsyncClient,
) -> None:
    whole = await client.create_collection("docs", transform=Embedding(embed, 3, name="lengths"))
    for splitting in (SPLITTING, HALVING):
        split = await client.get_collection("docs", transform=splitting)
        with pytest.raises(ArgError, match="several records of 'd', but collection 'docs' was made with a transform"):
            await split.upsert([("d", "one word\n\nanother one", {})])
    assert await split.upsert([("short", "one", {})]) == await whole.count() == 1
    # Nothing is known of one that was made without.
    await client.create_collection("plain", 3, text=True)
    split = await client.get_collection("plain", transform=SPLITTING)
    assert await split.upsert([("d", "one\n\ntwo", {})]) == 2


async def test_ids_of_records_come_in_their_order_where_they_are_documents_of_others(client: vecs.AsyncClient) -> None:
    docs = await client.create_collection("docs", 3, text=True)
    await docs.upsert([Record("a", VEC, document_id="b"), Record("b", VEC, document_id="c"), Record("c", VEC)])
    assert ids(await docs.get(["c", "b", "a"])) == ["c", "b", "a"]
    assert [record.id async for record in docs.scan(ids=["c", "b", "a"])] == ["c", "b", "a"]


async def test_a_scan_by_ids_looks_at_its_filter(client: vecs.AsyncClient) -> None:
    docs = await client.create_collection("docs", 3)
    with pytest.raises(FilterError, match="unknown operator"):
        _ = [record async for record in docs.scan(ids=[], filters={"a": {"$nope": 1}})]
    await docs.upsert([("a", VEC, {})])
    with pytest.warns(UserWarning, match="uses the metadata key 'id'"):
        assert [record async for record in docs.scan(ids=["a"], filters={"id": "a"})] == []


class Name(str, Enum):
    A = "a"


async def test_the_id_of_an_enum_is_its_value(client: vecs.AsyncClient) -> None:
    docs = await client.create_collection("docs", 3)
    await docs.upsert([(Name.A, VEC, {})])
    assert ids(await docs.get(["a"])) == ids(await docs.get([Name.A])) == ["a"]
