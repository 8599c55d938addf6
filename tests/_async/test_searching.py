"""Searches: what comes back, in which order, and that nothing is lost."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import vecs
from vecs.exc import ArgError

RNG = np.random.default_rng(7)
VECTORS = RNG.normal(size=(3000, 16)).astype(np.float32)
RECORDS = [(f"{i:04}", vec, {"n": i, "share": i % 100}) for i, vec in enumerate(VECTORS)]

DISTANCES: dict[str, Any] = {
    "cosine_distance": lambda v, q: 1 - v @ q / (np.linalg.norm(v, axis=1) * np.linalg.norm(q)),
    "l2_distance": lambda v, q: np.linalg.norm(v - q, axis=1),
    "max_inner_product": lambda v, q: -(v @ q),
    "l1_distance": lambda v, q: np.abs(v - q).sum(axis=1),
}


@pytest.fixture
async def docs(client: vecs.AsyncClient) -> vecs.AsyncCollection:
    docs = await client.create_collection("docs", 16)
    await docs.upsert(RECORDS)
    return docs


@pytest.mark.parametrize("measure", list(DISTANCES))
async def test_every_measure_gives_the_true_neighbours_with_and_without_an_index(
    docs: vecs.AsyncCollection, measure: Any
) -> None:
    query = VECTORS[5] + 0.01
    distances = DISTANCES[measure](VECTORS, query)
    nearest = [f"{i:04}" for i in np.argsort(distances)[:20]]
    exact = await docs.search(query, measure=measure, limit=20, exact=True)
    await docs.index(measure)
    indexed = await docs.search(query, measure=measure, limit=20)
    assert [match.id for match in exact] == nearest
    np.testing.assert_allclose([match.distance for match in exact], np.sort(distances)[:20], rtol=1e-4, atol=1e-6)
    assert len({match.id for match in indexed} & set(nearest)) >= 19
    for matches in (exact, indexed):
        assert [m.distance for m in matches] == sorted(m.distance for m in matches)
        scores = [m.score for m in matches]
        assert scores == sorted(scores, reverse=True)
        assert all(0 <= score <= 1 for score in scores)


async def test_an_identical_vector_scores_one(docs: vecs.AsyncCollection) -> None:
    for measure in ("cosine_distance", "l2_distance", "l1_distance"):
        match = (await docs.search(VECTORS[3], measure=measure, limit=1, exact=True))[0]
        assert match.id == "0003"
        assert match.score == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("limit", [1, 40, 41, 100, 1500, 3000, 5000])
async def test_a_search_returns_limit_rows_through_the_index(docs: vecs.AsyncCollection, limit: int) -> None:
    await docs.index()
    matches = await docs.search(VECTORS[0], limit=limit)
    assert len({match.id for match in matches}) == min(limit, 3000)


@pytest.mark.parametrize("filters", [{"share": 7}, {"n": {"$lt": 12}}, {"n": 77}, {"share": {"$gte": 50}}, {"n": -1}])
async def test_a_filtered_search_returns_all_the_rows_there_are(docs: vecs.AsyncCollection, filters: Any) -> None:
    await docs.index()
    found = await docs.search(VECTORS[0], limit=20, filters=filters)
    exact = await docs.search(VECTORS[0], limit=20, filters=filters, exact=True)
    assert len(found) == len(exact) == min(20, await docs.count(filters))
    assert len({m.id for m in found} & {m.id for m in exact}) >= 0.95 * len(exact)


async def test_offset_continues_where_limit_ended(docs: vecs.AsyncCollection) -> None:
    whole = await docs.search(VECTORS[0], limit=30, exact=True)
    pages = [await docs.search(VECTORS[0], limit=10, offset=o, exact=True) for o in (0, 10, 20)]
    assert [match for page in pages for match in page] == whole


async def test_threshold_keeps_matches_that_score_at_least_that(docs: vecs.AsyncCollection) -> None:
    await docs.index()
    whole = await docs.search(VECTORS[0], limit=50)
    bound = whole[9].score
    assert await docs.search(VECTORS[0], limit=50, threshold=bound) == [m for m in whole if m.score >= bound]
    assert await docs.search(VECTORS[0], limit=50, threshold=0) == whole


async def test_a_match_carries_what_was_asked_for(client: vecs.AsyncClient) -> None:
    texts = await client.create_collection("texts", 2, text=True)
    await texts.upsert([vecs.Record("a", [1, 0], text="t", metadata={"n": 1}, document_id="d", extra={"e": 2})])
    (plain,) = await texts.search([1, 0], exact=True)
    (full,) = await texts.search([1, 0], exact=True, include_vector=True, include_extra=True)
    assert plain == vecs.Match("a", "t", {"n": 1}, "d", 0.0, 1.0)
    assert full == vecs.Match("a", "t", {"n": 1}, "d", 0.0, 1.0, np.array([1, 0], np.float32), {"e": 2})


async def test_a_zero_vector_comes_last_and_scores_nothing(client: vecs.AsyncClient) -> None:
    docs = await client.create_collection("zero", 2)
    await docs.upsert([("zero", [0, 0]), ("far", [-1, 0]), ("near", [1, 0])])
    await docs.index()
    matches = await docs.search([1, 0])
    assert [match.id for match in matches] == ["near", "far", "zero"]
    assert [match.score for match in matches] == [1, 0, 0]


async def test_search_many_answers_in_the_order_of_the_queries(docs: vecs.AsyncCollection) -> None:
    answers = await docs.search_many(VECTORS[:5], limit=1, exact=True)
    assert [[match.id for match in matches] for matches in answers] == [[f"{i:04}"] for i in range(5)]
    assert await docs.search_many([]) == []


async def test_an_empty_collection_has_no_matches(client: vecs.AsyncClient) -> None:
    docs = await client.create_collection("empty", 2)
    await docs.index()
    assert await docs.search([1, 2]) == []
    assert await docs.query([1, 2]) == []
    assert await docs.count() == 0
    assert [record async for record in docs.scan()] == []


async def test_a_small_collection_is_searched_without_a_word_about_indexes(client: vecs.AsyncClient) -> None:
    docs = await client.create_collection("small", 2)
    await docs.upsert([("a", [1, 0]), ("b", [0, 1])])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(await docs.search([1, 0])) == 2
        assert len(await docs.query([1, 0])) == 2


async def test_a_collection_of_ten_thousand_records_asks_for_an_index(client: vecs.AsyncClient) -> None:
    docs = await client.create_collection("large", 1)
    async with client.connection() as connection:
        rows = "select 'a record of the tests, number ' || i, '[1]' from generate_series(1, 20000) as i"
        await connection.execute(f'insert into "{client.schema}".large (id, vec) {rows}'.encode())
    with pytest.warns(UserWarning, match=r"has about [0-9,]+ records, .*\. Make an index with large\.index\(\)"):
        await docs.search([1])


async def test_a_missing_index_is_said_once_per_measure(
    docs: vecs.AsyncCollection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vecs._searching.known_indexes.WORTH_AN_INDEX", 1)
    with pytest.warns(UserWarning, match=r"docs\.index\(\)") as warned:
        await docs.search(VECTORS[0])
    assert [w.filename for w in warned] == [__file__]
    with pytest.warns(UserWarning, match="l2_distance"):
        await docs.query(VECTORS[0], measure="l2_distance")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        await docs.search(VECTORS[0])
        await docs.search(VECTORS[0], measure="l2_distance")


async def test_a_collection_may_leave_the_warning_to_others(
    target: str, schema: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vecs._searching.known_indexes.WORTH_AN_INDEX", 1)
    async with vecs.create_async_client(target, schema=schema, pool_size=1) as client:
        docs = await client.create_collection("docs", 2)
        await docs.upsert([(f"{i}", [i, 1], {}) for i in range(20)])
        docs.warns_without_index = False
        # As often as it takes until psycopg prepares what it is asked again and again.
        for _ in range(10):
            await docs.search([1, 1], limit=2)
        async with client.connection() as connection:
            cursor = await connection.execute("select statement from pg_prepared_statements")
            prepared = [row[0] for row in await cursor.fetchall()]
        assert any("<=>" in statement for statement in prepared)
        assert not any("pg_get_indexdef" in statement for statement in prepared)
        with pytest.warns(UserWarning, match="covering index"):
            await (await client.get_collection("docs")).search([1, 1])


async def test_ef_search_holds_for_its_call_alone(docs: vecs.AsyncCollection) -> None:
    await docs.index()
    await docs.search(VECTORS[0], ef_search=321)
    async with docs.client.connection() as connection:
        cursor = await connection.execute("show hnsw.ef_search")
        assert await cursor.fetchone() == ("40",)
    await docs.search(VECTORS[0], ef_search=400)
    await docs.search(VECTORS[0])
    with pytest.raises(ArgError, match="ef_search must be an integer from 1 to 1000, not 1001"):
        await docs.search(VECTORS[0], ef_search=1001)


async def test_explain_says_in_words_which_index_answers(docs: vecs.AsyncCollection) -> None:
    assert (await docs.explain(VECTORS[0])).startswith("The search by nearness (cosine_distance) compares every record")
    name = await docs.index()
    plan = await docs.explain(VECTORS[0], analyze=True)
    assert plan.startswith(f"The search by nearness (cosine_distance) uses {name} (hnsw).")
    assert "hnsw.ef_search = 40" in plan
    assert "actual time" in plan
    assert "without an index" in await docs.explain(VECTORS[0], exact=True)


@pytest.mark.parametrize("flags", [(v, m, e) for v in (0, 1) for m in (0, 1) for e in (0, 1)])
async def test_query_keeps_the_shapes_of_vecs_04(docs: vecs.AsyncCollection, flags: Any) -> None:
    value, metadata, vector = map(bool, flags)
    await docs.index()
    rows = await docs.query(VECTORS[2], 3, None, "cosine_distance", value, metadata, vector)
    assert len(rows) == 3
    if not (value or metadata or vector):
        assert rows[0] == "0002"
        return
    expected = ["0002", *([pytest.approx(0, abs=1e-6)] * value), *([...] * vector), *([RECORDS[2][2]] * metadata)]
    assert len(rows[0]) == len(expected)
    assert all(want is ... or got == want for got, want in zip(rows[0], expected, strict=True))
    if vector:
        np.testing.assert_array_equal(rows[0].vec, VECTORS[2])
