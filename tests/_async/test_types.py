"""Values of every documented type in metadata and in filters, on the server, compared with the oracle."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import torch
from tests.oracle import matches, same
from tests.typed_values import refused, stored

import vecs
from vecs.exc import ArgError, FilterError

pytestmark = pytest.mark.filterwarnings("ignore:Query does not have a covering index")

TYPED = stored()
REFUSED = refused()


@pytest.fixture
async def docs(client: vecs.AsyncClient) -> vecs.AsyncCollection:
    return await client.create_collection("docs", 2)


async def test_every_documented_type_comes_back_and_compares_as_documented(docs: vecs.AsyncCollection) -> None:
    await docs.upsert((code, [1, 0], {"k": value, "l": [value]}) for code, (value, _) in TYPED.items())
    found = {record.id: record.metadata or {} for record in await docs.get()}
    for code, (_, becomes) in TYPED.items():
        assert same(found[code]["k"], becomes), code
        assert type(found[code]["k"]) is type(becomes), code
    for code, (value, becomes) in TYPED.items():
        scalar = not isinstance(becomes, list | dict)
        one = ["$eq", "$ne"]
        if isinstance(becomes, str | int | float) and not isinstance(becomes, bool):
            one += ["$gt", "$gte", "$lt", "$lte"]
        conditions = [("k", operator, value, becomes) for operator in one]
        if scalar:
            conditions += [("k", operator, [value], [becomes]) for operator in ("$in", "$nin")]
            conditions += [("l", operator, [value], [becomes]) for operator in ("$contains_any", "$contains_all")]
            conditions.append(("l", "$contains", value, becomes))
        for key, operator, operand, written in conditions:
            expected = {id for id, metadata in found.items() if matches(metadata, {key: {operator: written}})}
            answer = await docs.get(filters={key: {operator: operand}})
            assert {record.id for record in answer} == expected, (code, operator)
            # A value is found by itself.
            assert code in expected or operator in ("$ne", "$nin", "$gt", "$lt"), (code, operator)


async def test_what_has_no_json_form_is_refused_by_writes_and_filters(docs: vecs.AsyncCollection) -> None:
    for value, _ in REFUSED.values():
        with pytest.raises(ArgError, match="record 'a': metadata is not storable: .* at when"):
            await docs.upsert([("a", [1, 0], {"when": value})])
        with pytest.raises(ArgError, match="at when"):
            await docs.update_metadata({"when": value}, ids=["a"])
        with pytest.raises(FilterError, match="'when'"):
            await docs.search([1, 0], filters={"when": value})
    assert await docs.count() == 0


ROWS: dict[str, Any] = {
    "list": [[1, 0]],
    "array": np.array([[1, 0]], np.float32),
    "float64": np.array([[1.0, 0]]),
    "list of an array": [np.array([1.0, 0])],
    "tensor": torch.tensor([[1.0, 0]]),
    "tensor of one axis": torch.tensor([1.0, 0], requires_grad=True),
    "bfloat16": torch.tensor([[1, 0]], dtype=torch.bfloat16),
    "integers": torch.tensor([[1, 0]]),
}


async def test_a_matrix_of_one_row_is_that_vector(client: vecs.AsyncClient, docs: vecs.AsyncCollection) -> None:
    for kind, row in ROWS.items():
        await docs.upsert([("tuple", row, {}), vecs.Record("record", row), {"id": "dict", "vec": row}])
        assert [match.distance for match in await docs.search(row)] == [0.0] * 3, kind
        assert len((await docs.search_many([row, [0, 1]]))[0]) == 3, kind
        assert len(await docs.query(row)) == 3, kind
    bits = await client.create_collection("bits", 8, precision="binary")
    sparse = await client.create_collection("sparse", 8, sparse=True)
    for collection in (bits, sparse):
        await collection.upsert([("a", np.eye(1, 8), {})])
        assert [match.id for match in await collection.search([[1, 0, 0, 0, 0, 0, 0, 0]])] == ["a"]

    for rows in ([[1, 0], [0, 1]], np.eye(2), torch.eye(2)):
        with pytest.raises(ArgError, match=r"query has shape \(2, 2\).*search_many"):
            await docs.search(rows)
    with pytest.raises(ArgError, match=r"shape \(2, 2\).*a record of each row"):
        await docs.upsert([("a", np.eye(2), {})])


async def test_a_zero_vector_is_the_farthest_by_cosine(client: vecs.AsyncClient) -> None:
    docs = await client.create_collection("zeros", 2, text=True)
    await docs.upsert(
        vecs.Record(id, vec, text=f"word {id}") for id, vec in (("a", [1, 0]), ("back", [-1, 0]), ("zero", [0, 0]))
    )
    for indexed in (False, True):
        found = await docs.search([1, 0])
        assert [(match.id, match.distance, match.score) for match in found] == [
            ("a", 0, 1),
            ("back", 2, 0),
            ("zero", 2, 0),
        ]
        assert [match.id for match in await docs.search([1, 0], threshold=0.01)] == ["a"]
        without_x = {"filters": {"x": {"$exists": False}}}
        for options in ({}, {"exact": True}, {"mode": "hybrid", "text": "word"}, without_x):
            (by_zero,) = await docs.search_many([[0, 0]], **options)
            assert {match.distance for match in by_zero} == {2.0}
            assert len(json.dumps([match.to_dict() for match in by_zero], allow_nan=False)) > 0
        reranked = await docs.search([0, 0], text="x", rerank=lambda query, texts: [0.5] * len(texts), diversity=0.5)
        assert len(reranked) == 3
        rows = await docs.query([0, 0], include_value=True)
        assert [row.distance for row in rows] == [2.0] * 3
        if not indexed:
            await docs.index(method="hnsw")
    # Sums that overflow are the farthest, or the nearest, there is.
    large = await client.create_collection("large", 2)
    await large.upsert([("l", [3e38, 3e38], {})])
    for measure in ("l2_distance", "l1_distance", "max_inner_product", "cosine_distance"):
        for query in ([3e38, 3e38], [-3e38, -3e38]):
            (match,) = await large.search(query, measure=measure)
            assert match.distance is not None
            assert np.isfinite(match.distance)
            assert 0 <= match.score <= 1


async def test_records_without_a_vector_are_read_and_not_found_near_anything(client: vecs.AsyncClient) -> None:
    docs = await client.create_collection("later", 2, text=True)
    async with client.connection() as connection:
        await connection.execute(f'alter table "{client.schema}".later alter vec drop not null')
        await connection.execute(
            f'insert into "{client.schema}".later (id, vec, metadata, text) '
            "select 'none' || n, null, '{\"n\": 1}', 'apples' from generate_series(1, 5) n"
        )
    assert await docs.search([1, 0]) == []
    with pytest.raises(ArgError, match="no records"):
        await docs.recall()
    await docs.upsert(vecs.Record(f"v{n}", [1, n], text="pears", metadata={"n": 1}) for n in range(3))
    for indexed in (False, True):
        for options in ({}, {"exact": True}, {"filters": {"n": 1}}, {"measure": "l2_distance"}, {"diversity": 0.5}):
            for found in await docs.search_many([[1, 0]] * 21, **options):
                assert {match.id for match in found} == {"v0", "v1", "v2"}
        assert await docs.query([1, 0], limit=8) == ["v0", "v1", "v2"]
        assert [match.id for match in await docs.search("apples pears", mode="keyword", limit=8)][:1] != []
        hybrid = await docs.search([1, 0], text="apples", mode="hybrid", limit=8, diversity=0.1)
        assert {match.id: match.distance is None for match in hybrid} == {
            **{f"none{n}": True for n in range(1, 6)},
            **{f"v{n}": False for n in range(3)},
        }
        no_words = await docs.search([1, 0], text="nothing", mode="hybrid", limit=8)
        assert {match.id for match in no_words} == {"v0", "v1", "v2"}
        assert "vec" in await docs.explain([1, 0])
        recall = await docs.recall(sample=3, limit=2)
        assert (recall.records, recall.recall) == (3, 1)
        if not indexed:
            await docs.index(method="hnsw")
    assert (await docs.fetch(["none1"]))[0].vec is None
    assert (await docs["none1"]).vec is None
    assert [record.vec for record in await docs.get(["none1"], include_vector=True)] == [None]
    assert sum([record.vec is None async for record in docs.scan(include_vector=True)]) == 5
    assert (await docs.query(None, include_vector=True, include_value=True, limit=1))[0][1:] == (None, None)
    assert (await docs.to_pandas())["vec"].isna().sum() == 5
    assert (await docs.to_arrow()).column("vec").null_count == 5


@pytest.mark.parametrize("filters", [{}, {"$and": []}, {"$and": [{}, {"$and": []}]}])
async def test_a_filter_without_a_condition_reads_all_and_writes_nothing(
    docs: vecs.AsyncCollection, filters: dict[str, Any]
) -> None:
    await docs.upsert([("a", [1, 0], {"n": 1}), ("b", [0, 1], {})])
    assert len(await docs.search([1, 0], filters=filters)) == 2
    assert len((await docs.search_many([[1, 0]], filters=filters))[0]) == 2
    assert len(await docs.query([1, 0], filters=filters)) == 2
    assert len(await docs.query(None, filters=filters)) == 2
    assert await docs.count(filters) == 2
    assert len(await docs.get(filters=filters)) == 2
    assert [record.id async for record in docs.scan(filters=filters)] == ["a", "b"]
    assert "docs" in await docs.explain([1, 0], filters=filters)
    assert await docs.count({"$and": [filters, {"n": 1}]}) == 1
    with pytest.raises(FilterError, match="no condition"):
        await docs.delete(filters=filters)
    for ids in (None, ["a"]):
        with pytest.raises(FilterError, match="no condition"):
            await docs.update_metadata({"n": 2}, ids=ids, filters=filters)
    for wrong in ({"$or": []}, {"$or": [filters, {"n": 1}]}, {"$not": filters}):
        with pytest.raises(FilterError):
            await docs.count(wrong)
    assert await docs.count({"n": 1}) == 1


async def test_what_cannot_be_stored_is_refused_before_anything_is_embedded(client: vecs.AsyncClient) -> None:
    seen: list[str] = []

    def embed(texts: list[str]) -> list[list[float]]:
        seen.extend(texts)
        return [[1.0, 0.0]] * len(texts)

    splitting = vecs.Pipeline([vecs.ParagraphChunker(skip_during_query=True), vecs.Embedding(embed, 2)])
    good = [vecs.Record(f"good{n}", text="text") for n in range(300)]
    for name, transform in (("one", vecs.Embedding(embed, 2)), ("two", splitting)):
        docs = await client.get_or_create_collection(name, transform=transform)
        for bad in (
            ("bad", "a\0b", {}),
            ("bad", "text", {"n": float("nan")}),
            ("bad", "text", {"n": "\ud800"}),
            ("bad", "text", {"n": object()}),
            ("bad", [1, 0, 3], {}),
            (1.5, "text", {}),
            ("x" * 3000, "text", {}),
            vecs.Record("bad", text=5),
            vecs.Record("bad", text="text", document_id="\0"),
            vecs.Record("bad", text="text", extra={"n": float("inf")}),
            "text",
        ):
            with pytest.raises(ArgError):
                await docs.upsert([*good, bad])
            with pytest.raises(ArgError):
                await docs.upsert([*good, bad], batch_size=10)
            # What is not at hand is looked at as it comes.
            with pytest.raises(ArgError):
                await docs.upsert(item for item in [*good[:10], bad])
        # Chunks have longer ids than their document.
        if name == "two":
            with pytest.raises(ArgError, match="bytes"):
                await docs.upsert([("x" * 2599, "one\n\ntwo", {})])
        assert seen == []
        assert await docs.count() == 0


async def test_slips_of_records_are_named(docs: vecs.AsyncCollection) -> None:
    for records, words in (
        ([vecs.Record("r", "some text")], r"'r' has a text in vec; write vecs.Record\('r', text='some text'\)"),
        ([{"id": "r", "vec": "some text"}], "text='some text'"),
        ([[1, 2, 3]], r"record 0 is \[1, 2, 3\].*a vector without an id; expected \(id"),
        (np.eye(3), "a vector without an id"),
        (["some text"], "a text without an id"),
        ([(0.5, 1.0)], "a vector without an id"),
    ):
        with pytest.raises(ArgError, match=words):
            await docs.upsert(records)


async def test_a_filter_on_a_key_that_has_the_name_of_a_column_may_be_meant(docs: vecs.AsyncCollection) -> None:
    assert await docs.get(filters={"id": "a"}) == []
    await docs.upsert([("a", [1, 0], {"text": "here"})])
    other = await docs.client.get_collection("docs")
    assert await other.count({"text": "here"}) == 1
    assert await docs.count({"$id": "a"}) == 1


async def test_a_filter_on_a_column_without_its_dollar_warns_once(docs: vecs.AsyncCollection) -> None:
    await docs.upsert([("a", [1, 0], {})])
    with pytest.warns(UserWarning, match=r"uses the metadata key 'id'.*own id write '\$id'"):
        assert await docs.get(filters={"$and": [{"id": {"$in": ["a"]}}]}) == []
    assert await docs.search([1, 0], filters={"id": "a"}) == []


async def all_of(docs: vecs.AsyncCollection, filters: dict[str, Any]) -> list[vecs.Record]:
    return [record async for record in docs.scan(filters=filters)]


@pytest.mark.parametrize(
    "call",
    [
        lambda docs, filters: docs.count(filters),
        lambda docs, filters: docs.delete(filters=filters),
        lambda docs, filters: docs.query([1, 0], filters=filters),
        lambda docs, filters: docs.search([1, 0], filters=filters),
        lambda docs, filters: docs.update_metadata({"n": 1}, filters=filters),
        all_of,
    ],
    ids=range(6),
)
async def test_each_call_that_finds_nothing_tells_of_a_missing_dollar(docs: vecs.AsyncCollection, call: Any) -> None:
    await docs.upsert([("a", [1, 0], {})])
    with pytest.warns(UserWarning, match="uses the metadata key 'id'"):
        assert not await call(docs, {"id": {"$gt": "0"}})


async def test_a_filter_that_is_right_does_not_warn(
    docs: vecs.AsyncCollection, monkeypatch: pytest.MonkeyPatch
) -> None:
    await docs.upsert([("a", [1, 0], {})])
    # A call that finds something costs no other statement, nor does one whose filter needs no such key.
    monkeypatch.setattr("vecs._async.collection.handle.may_have_key", None)
    filters: list[dict[str, Any]] = [
        {"text": {"$exists": False}},
        {"$not": {"id": 3}},
        {"id": {"$not": {"$gt": 3}}},
        {"$or": [{"id": 3}, {"text": {"$exists": False}}]},
    ]
    for one in filters:
        assert await docs.count(one) == 1
    for one in ({"id": {"$ne": 3}}, {"id": {"$nin": [3]}}, {"$and": [{"text": {"$exists": False}}, {"year": 1}]}):
        assert await docs.count(one) == 0


async def test_a_key_behind_many_records_does_not_warn(
    docs: vecs.AsyncCollection, monkeypatch: pytest.MonkeyPatch
) -> None:
    await docs.upsert([(str(i), [1, 0], {}) for i in range(1001)])
    await docs.upsert([("late", [1, 0], {"id": "a"})])
    assert await docs.count({"id": "b"}) == 0
    monkeypatch.setattr("vecs._sql.records._MOST_LOOKED_AT", 10)
    # Nobody knows whether one of the others has it.
    assert await docs.count({"text": "b"}) == 0
