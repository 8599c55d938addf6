"""Upserts that skip what did not change: what is embedded, what is written, and what they say of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

import vecs
from vecs import Embedding, ParagraphChunker, Pipeline, Record
from vecs.exc import ArgError

Run = Callable[[str], None]


class Counting:
    """A model that remembers the texts it embedded."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def __call__(self, texts: Sequence[str]) -> list[list[float]]:
        self.texts += texts
        return [[float(len(text)), 0.1, 2.0] for text in texts]

    def taken(self) -> list[str]:
        texts, self.texts = self.texts, []
        return texts


@pytest.fixture
def model() -> Counting:
    return Counting()


@pytest.fixture
async def docs(client: vecs.AsyncClient, model: Counting) -> vecs.AsyncCollection:
    return await client.create_collection("docs", transform=Embedding(model, 3, name="lengths"))


@pytest.fixture
async def chunked(client: vecs.AsyncClient, model: Counting) -> vecs.AsyncCollection:
    transform = Pipeline([ParagraphChunker(), Embedding(model, 3, name="lengths")])
    return await client.create_collection("chunked", transform=transform)


def told(result: vecs.UpsertResult) -> tuple[int, int, int]:
    return result.records, result.unchanged, result.embedded


RECORDS: list[tuple[str, str, dict[str, Any]]] = [
    ("a", "a text with “quotes”", {"n": 1.0, "big": 1e20, "small": 1e-7, "s": "東京", "z": [1, True, None]}),
    ("b", "another\r\ntext", {}),
    ("c", "", {"nested": {"b": 1, "a": 2}}),
]


async def test_a_second_run_neither_embeds_nor_writes(docs: vecs.AsyncCollection, model: Counting) -> None:
    first = await docs.upsert(RECORDS, skip_unchanged=True)
    assert told(first) == (3, 0, 3)
    model.taken()
    before = await versions(docs)
    second = await docs.upsert(RECORDS, skip_unchanged=True)
    assert told(second) == (0, 3, 0)
    assert repr(second) == "UpsertResult(records=0, documents=0, unchanged=3)"
    assert model.taken() == []
    assert await versions(docs) == before


async def versions(docs: vecs.AsyncCollection) -> list[Any]:
    async with docs.client.connection() as connection:
        found = await connection.execute(f'select id, xmin::text from "{docs.schema}"."{docs.name}" order by id')
        return await found.fetchall()


async def test_an_upsert_without_it_leaves_what_a_later_one_needs(docs: vecs.AsyncCollection, model: Counting) -> None:
    await docs.upsert(RECORDS)
    model.taken()
    assert told(await docs.upsert(iter(RECORDS), skip_unchanged=True)) == (0, 3, 0)
    assert told(await docs.upsert(RECORDS)) == (3, 0, 3)
    assert len(model.taken()) == 3


async def test_a_changed_text_is_embedded_alone(docs: vecs.AsyncCollection, model: Counting) -> None:
    await docs.upsert(RECORDS)
    model.taken()
    changed = [RECORDS[0], ("b", "new", {}), RECORDS[2]]
    assert told(await docs.upsert(changed, skip_unchanged=True)) == (1, 2, 1)
    assert model.taken() == ["new"]
    [b] = await docs.get(["b"])
    assert b.text == "new"


async def test_changed_metadata_embeds_nothing(docs: vecs.AsyncCollection, model: Counting) -> None:
    await docs.upsert(RECORDS)
    model.taken()
    assert told(await docs.upsert([("a", RECORDS[0][1], {"n": 1})], skip_unchanged=True)) == (1, 0, 0)
    extra = Record("b", text=RECORDS[1][1], metadata={}, extra={"of": "ours"})
    assert told(await docs.upsert([extra], skip_unchanged=True)) == (1, 0, 0)
    assert told(await docs.upsert([extra], skip_unchanged=True)) == (0, 1, 0)
    assert model.taken() == []
    a, b = await docs.get(["a", "b"], include_vector=True)
    assert (a.metadata, a.text) == ({"n": 1}, RECORDS[0][1])
    vectors: list[Any] = [a.vec, b.vec]
    assert [vec[0] for vec in vectors] == [len(RECORDS[0][1]), len(RECORDS[1][1])]


@pytest.mark.parametrize("edit", ["text = 'edited'", "vec = '[9,9,9]'", "text = null", "vecs_hash = 'nonsense'"])
async def test_rows_that_sql_changed_are_embedded_again(
    docs: vecs.AsyncCollection, model: Counting, run: Run, edit: str
) -> None:
    await docs.upsert(RECORDS)
    model.taken()
    run(f"update {{s}}.docs set {edit} where id = 'b'")
    assert told(await docs.upsert(RECORDS, skip_unchanged=True)) == (1, 2, 1)
    assert model.taken() == [RECORDS[1][1]]
    assert told(await docs.upsert(RECORDS, skip_unchanged=True)) == (0, 3, 0)


async def test_metadata_that_others_changed_is_written_and_nothing_embedded(
    docs: vecs.AsyncCollection, model: Counting, run: Run
) -> None:
    await docs.upsert(RECORDS)
    model.taken()
    await docs.update_metadata({"by": "others"}, ids=["a"])
    run("update {s}.docs set extra = '{}' where id = 'b'")
    assert told(await docs.upsert(RECORDS, skip_unchanged=True)) == (2, 1, 0)
    assert model.taken() == []
    assert [record.metadata for record in await docs.get(["a"])] == [RECORDS[0][2]]


async def test_of_a_document_only_changed_chunks_are_embedded(chunked: vecs.AsyncCollection, model: Counting) -> None:
    await chunked.upsert([("d", "one\n\ntwo\n\nthree", {}), ("e", "four", {"k": 1})])
    model.taken()
    changed = [("d", "zero\n\none\n\nthree", {}), ("e", "four", {"k": 1})]
    assert told(await chunked.upsert(changed, skip_unchanged=True)) == (3, 1, 1)
    assert model.taken() == ["zero"]
    assert [record.text for record in await chunked.get(document_ids=["d"])] == ["zero", "one", "three"]
    shorter = [("d", "three", {})]
    assert told(await chunked.upsert(shorter, skip_unchanged=True)) == (1, 0, 0)
    assert [record.text for record in await chunked.get(document_ids=["d"])] == ["three"]
    assert told(await chunked.upsert(shorter, skip_unchanged=True)) == (0, 1, 0)


async def test_a_chunk_that_was_deleted_or_added_comes_back(
    chunked: vecs.AsyncCollection, model: Counting, run: Run
) -> None:
    records = [("d", "one\n\ntwo\n\nthree", {})]
    await chunked.upsert(records)
    model.taken()
    run("delete from {s}.chunked where text = 'two'")
    assert told(await chunked.upsert(records, skip_unchanged=True)) == (3, 0, 1)
    assert model.taken() == ["two"]
    run("insert into {s}.chunked (id, vec, text, document_id) values ('x', '[1,2,3]', 'more', 'd')")
    assert told(await chunked.upsert(records, skip_unchanged=True)) == (3, 0, 0)
    assert await chunked.count() == 3


async def test_the_last_of_several_records_with_one_id_is_stored(
    docs: vecs.AsyncCollection, monkeypatch: pytest.MonkeyPatch
) -> None:
    await docs.upsert([("a", "stored", {})])
    again = [("a", "other", {}), ("a", "stored", {})]
    assert told(await docs.upsert(again, skip_unchanged=True)) == (0, 1, 0)
    # In two batches, the second of which is what is stored before the first one is written.
    filled = [("a", "other", {}), *((f"x{n}", "x", {}) for n in range(200)), ("a", "stored", {})]
    assert (await docs.upsert(filled, skip_unchanged=True)).records == 201
    assert [record.text for record in await docs.get(["a"])] == ["stored"]
    # With batches that are committed.
    filled[-1] = ("a", "other", {})
    assert (await docs.upsert(filled, skip_unchanged=True, batch_size=50)).unchanged == 200
    assert [record.text for record in await docs.get(["a"])] == ["other"]


async def test_another_chunker_keeps_the_vectors_of_equal_chunks(
    client: vecs.AsyncClient, chunked: vecs.AsyncCollection, model: Counting
) -> None:
    records = [("d", "one\n\ntwo and more\n\nthree", {})]
    await chunked.upsert(records)
    model.taken()
    smaller = Pipeline([vecs.RecursiveSplitter(max_characters=8), Embedding(model, 3, name="lengths")])
    other = await client.get_collection("chunked", transform=smaller)
    assert told(await other.upsert(records, skip_unchanged=True))[1:] == (0, len(model.texts))
    assert set(model.taken()).isdisjoint({"one"})
    assert told(await other.upsert(records, skip_unchanged=True))[1:] == (1, 0)
    assert (await chunked.upsert(records, skip_unchanged=True)).unchanged == 0


async def test_a_model_that_was_opened_without_its_collection_knowing_embeds_again(
    client: vecs.AsyncClient, docs: vecs.AsyncCollection, model: Counting, run: Run
) -> None:
    await docs.upsert(RECORDS)
    run("comment on table {s}.docs is null")
    other = Counting()
    renamed = await client.get_collection("docs", transform=Embedding(other, 3, name="another"))
    assert told(await renamed.upsert(RECORDS, skip_unchanged=True)) == (3, 0, 3)
    assert told(await renamed.upsert(RECORDS, skip_unchanged=True)) == (0, 3, 0)


async def test_records_with_vectors_are_compared_with_what_is_stored(client: vecs.AsyncClient) -> None:
    points = await client.create_collection("points", dimension=3)
    records = [("a", [0.1, 2, 3], {"k": 1.5}), ("b", [4, 5, 6], {})]
    assert told(await points.upsert(records, skip_unchanged=True)) == (2, 0, 0)
    assert told(await points.upsert(records, skip_unchanged=True)) == (0, 2, 0)
    changed = [("a", [0.1, 2, 3], {"k": 2}), ("b", [4, 5, 7], {}), ("c", [1, 1, 1], {})]
    assert told(await points.upsert(changed, skip_unchanged=True)) == (3, 0, 0)
    again = [("a", [9, 9, 9], {}), ("a", [0.1, 2, 3], {"k": 2})]
    assert told(await points.upsert(again, skip_unchanged=True)) == (0, 1, 0)


@pytest.mark.parametrize("kind", ["half", "bit", "sparse"])
async def test_records_of_every_type_of_vector_are_compared(client: vecs.AsyncClient, kind: Any) -> None:
    made: dict[str, Any] = {"sparse": True} if kind == "sparse" else {"precision": {"bit": "binary"}.get(kind, kind)}
    points = await client.create_collection("points", dimension=3, text=True, **made)
    vec = {"half": [0.1, 2, 3], "bit": [True, False, True], "sparse": {0: 1.5}}[kind]
    records = [Record("a", vec, "text", {"k": 1}, extra={})]
    assert told(await points.upsert(records, skip_unchanged=True)) == (1, 0, 0)
    assert told(await points.upsert(records, skip_unchanged=True)) == (0, 1, 0)


async def test_given_vectors_and_texts_mix(chunked: vecs.AsyncCollection, model: Counting) -> None:
    records = [Record("d", text="one\n\ntwo"), Record("e", [1.0, 2.0, 3.0], "given")]
    assert told(await chunked.upsert(records, skip_unchanged=True)) == (3, 0, 2)
    assert told(await chunked.upsert(records, skip_unchanged=True)) == (0, 2, 0)
    # A vector of somebody else's is none of this transform.
    assert told(await chunked.upsert([Record("e", text="given")], skip_unchanged=True)) == (1, 0, 1)
    assert told(await chunked.upsert([records[1]], skip_unchanged=True)) == (1, 0, 0)


async def test_the_last_writer_of_a_document_wins_with_all_of_it(
    client: vecs.AsyncClient, target: str, schema: str
) -> None:
    async with vecs.create_async_client(target, schema=schema) as elsewhere:
        plain = Pipeline([ParagraphChunker(), Embedding(Counting(), 3, name="lengths")])
        theirs = await elsewhere.create_collection("shared", transform=plain)
        await theirs.upsert([("d", "one\n\ntwo\n\nthree", {})])

        async def embed(texts: Sequence[str]) -> list[list[float]]:
            await theirs.upsert([("d", "their one\n\ntwo\n\ntheir three\n\ntheir four", {"by": "them"})])
            return [[float(len(text)), 0.1, 2.0] for text in texts]

        ours = await client.get_collection(
            "shared", transform=Pipeline([ParagraphChunker(), Embedding(embed, 3, name="lengths")])
        )
        await ours.upsert([("d", "one\n\nour two\n\nthree", {})], skip_unchanged=True)
        found = await ours.get(document_ids=["d"], include_vector=True)
        vectors: list[Any] = [record.vec for record in found]
        assert [record.text for record in found] == ["one", "our two", "three"]
        assert [vec[0] for vec in vectors] == [3, 7, 5]
        assert {str(record.metadata) for record in found} == {"{}"}


@pytest.mark.usefixtures("small_buffer")
async def test_large_writes_keep_hashes(docs: vecs.AsyncCollection, model: Counting) -> None:
    records = [(f"id{n}", f"text {n}" * 10, {"n": n}) for n in range(300)]
    assert told(await docs.upsert(records, skip_unchanged=True)) == (300, 0, 300)
    records[7] = ("id7", "new", {})
    assert told(await docs.upsert(records, skip_unchanged=True)) == (1, 299, 1)
    assert told(await docs.upsert([], skip_unchanged=True)) == (0, 0, 0)


async def test_older_collections_are_told_to_enable_text(
    client: vecs.AsyncClient, docs: vecs.AsyncCollection, model: Counting, run: Run
) -> None:
    await docs.upsert(RECORDS)
    run("alter table {s}.docs drop column vecs_hash")
    with pytest.raises(ArgError, match=r"call its enable_text\(\) once"):
        await docs.upsert(RECORDS, skip_unchanged=True)
    # Everything else works as before.
    assert told(await docs.upsert(RECORDS)) == (3, 0, 3)
    other = await client.get_collection("docs", transform=docs.transform)
    await other.enable_text()
    assert told(await docs.upsert(RECORDS, skip_unchanged=True)) == (3, 0, 3)
    assert told(await docs.upsert(RECORDS, skip_unchanged=True)) == (0, 3, 0)
    plain = await client.create_collection("plain", transform=docs.transform, text=False)
    with pytest.raises(ArgError, match="'plain' does not keep what its vectors were made from"):
        await plain.upsert(RECORDS, skip_unchanged=True)


async def test_a_table_of_ones_own_is_refused(client: vecs.AsyncClient, run: Run) -> None:
    run("create table {s}.mine (id int primary key, body text, v vector(3))")
    mine = await client.attach("mine", text="body", vec="v", transform=Embedding(Counting(), 3))
    with pytest.raises(ArgError, match="has no place for the hash"):
        await mine.upsert([(1, "text", {})], skip_unchanged=True)
    with pytest.raises(ArgError, match="skip_unchanged must be True or False"):
        await mine.upsert([], skip_unchanged="yes")
