"""Filtered searches: all the rows asked for, and the nearest ones, whatever the filter keeps and wherever."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any

import numpy as np
import pytest

import vecs
from vecs.exc import ArgError, FilterError

ROWS, CLUSTERS = 6000, 60
RNG = np.random.default_rng(11)
# Clusters that lie apart: a filter that keeps other clusters than the query's is what misleads an index most.
VECTORS = (RNG.normal(size=(CLUSTERS, 24))[np.arange(ROWS) % CLUSTERS] + 0.3 * RNG.normal(size=(ROWS, 24))).astype(
    np.float32
)
RANDOM = RNG.permutation(ROWS)
RECORDS = [
    (
        f"{at:05}",
        vec,
        {
            "cluster": at % CLUSTERS,
            "rank": int(RANDOM[at]),
            "name": f"{RANDOM[at]:05}",
            "kind": "book" if RANDOM[at] < 600 else "page",
            **({"seldom": True} if RANDOM[at] < 60 else {}),
        },
    )
    for at, vec in enumerate(VECTORS)
]
QUERIES = [VECTORS[at] + 0.01 for at in range(0, CLUSTERS, 10)]


def kept_at_random(rows: int) -> list[dict[str, Any]]:
    return [
        {"rank": {"$lt": rows}},
        {"name": {"$lt": f"{rows:05}"}},
        {"rank": {"$between": [10, rows + 9]}},
        {"rank": {"$in": list(range(min(rows, 50)))}},
        {"$not": {"rank": {"$gte": rows}}},
        {"$or": [{"rank": {"$lt": rows}}, {"kind": "none"}]},
        {"kind": {"$exists": True}, "rank": {"$lt": rows}},
    ]


@pytest.fixture(scope="module")
def filled(target: str, module_schema: str) -> str:
    """A schema with the records, in `docs` and, without an index on metadata, in `plain`."""
    with vecs.Client(target, schema=module_schema) as client:
        for name in ("docs", "plain"):
            docs = client.create_collection(name, 24)
            docs.upsert(RECORDS)
            docs.index()
        docs.drop_index(next(index.name for index in docs.indexes() if index.method == "gin"))
    return module_schema


@pytest.fixture
async def shared(target: str, filled: str) -> AsyncGenerator[vecs.AsyncClient]:
    """Collections that tests share: they may add indexes, which are dropped afterwards."""
    async with vecs.create_async_client(target, schema=filled) as client:
        before = [index.name for docs in await client.list_collections() for index in await docs.indexes()]
        yield client
        for docs in await client.list_collections():
            for index in await docs.indexes():
                if index.name not in before:
                    await docs.drop_index(index.name)


@pytest.fixture
async def docs(shared: vecs.AsyncClient) -> vecs.AsyncCollection:
    return await shared.get_collection("docs")


@pytest.fixture
async def plain(shared: vecs.AsyncClient) -> vecs.AsyncCollection:
    return await shared.get_collection("plain")


async def recall(docs: vecs.AsyncCollection, filters: dict[str, Any], queries: Any = QUERIES, limit: int = 10) -> float:
    """The share of the exact answers that is found; that their number is right is asserted here."""
    matching = await docs.count(filters)
    found = wanted = 0
    for query in queries:
        matches = await docs.search(query, limit=limit, filters=filters)
        exact = await docs.search(query, limit=limit, filters=filters, exact=True)
        assert len(matches) == len(exact) == min(limit, matching), filters
        assert [match.distance for match in matches] == sorted(match.distance for match in matches)
        found += len({match.id for match in matches} & {match.id for match in exact})
        wanted += len(exact)
    return found / wanted if wanted else 1.0


@pytest.mark.parametrize("rows", [6000, 3000, 600, 60, 6, 1, 0])
@pytest.mark.parametrize("ranges", ["indexed", "not indexed"])
async def test_every_share_of_the_records_gives_all_rows_and_the_nearest(
    docs: vecs.AsyncCollection, rows: int, ranges: str
) -> None:
    if ranges == "indexed":
        await docs.create_metadata_index("rank")
        await docs.create_metadata_index("name")
    for filters in kept_at_random(rows):
        assert await recall(docs, filters) >= 0.95, filters


@pytest.mark.parametrize("clusters", [59, 30, 10, 3, 1])
@pytest.mark.parametrize("equality", ["indexed", "not indexed"])
async def test_a_filter_that_keeps_only_what_is_far_gives_the_nearest_of_it(
    docs: vecs.AsyncCollection, plain: vecs.AsyncCollection, clusters: int, equality: str
) -> None:
    # The queries lie in cluster 0, which is not among those kept.
    near_zero = [VECTORS[at] + 0.01 for at in range(0, ROWS, 10 * CLUSTERS)]
    for filters in (
        {"cluster": {"$gte": CLUSTERS - clusters}},
        {"cluster": {"$in": list(range(CLUSTERS - clusters, CLUSTERS))}},
        {"$not": {"cluster": {"$lt": CLUSTERS - clusters}}},
    ):
        assert await recall(docs if equality == "indexed" else plain, filters, near_zero) >= 0.95, filters


async def test_a_filtered_answer_continues_by_offset(docs: vecs.AsyncCollection) -> None:
    filters = {"rank": {"$lt": 600}}
    pages = [await docs.search(QUERIES[0], limit=10, offset=offset, filters=filters) for offset in (0, 10, 595, 700)]
    assert [len(page) for page in pages] == [10, 10, 5, 0]
    assert pages[0][-1].distance <= pages[1][0].distance
    assert await docs.search(QUERIES[0], limit=0, filters=filters) == []


async def test_a_filtered_query_keeps_the_shapes_of_vecs_04(docs: vecs.AsyncCollection) -> None:
    rows = await docs.query(
        QUERIES[0], 5, {"kind": "book"}, include_value=True, include_metadata=True, include_vector=True
    )
    matches = await docs.search(QUERIES[0], limit=5, filters={"kind": "book"})
    assert [(row.id, row.distance, row.metadata) for row in rows] == [(m.id, m.distance, m.metadata) for m in matches]
    assert all(row.vec.shape == (24,) for row in rows)
    assert [len(row) for row in rows] == [4] * 5


async def test_filtered_text_records_carry_all_their_parts(client: vecs.AsyncClient) -> None:
    texts = await client.create_collection("texts", 2, text=True)
    await texts.upsert(
        [
            vecs.Record(f"{i}", [1, i], text=f"t{i}", metadata={"n": i}, document_id="d", extra={"e": i})
            for i in range(9)
        ]
    )
    await texts.index()
    (match,) = await texts.search([1, 4], limit=1, filters={"n": {"$gte": 3}}, include_vector=True, include_extra=True)
    assert (match.id, match.text, match.metadata, match.document_id, match.extra) == (
        "4",
        "t4",
        {"n": 4},
        "d",
        {"e": 4},
    )
    np.testing.assert_array_equal(match.vec, [1, 4])


async def test_an_index_on_a_part_answers_searches_for_that_part_alone(docs: vecs.AsyncCollection) -> None:
    name = await docs.index(filters={"kind": "book"})
    assert name.startswith("ix_part_")
    assert f"uses {name}" in await docs.explain(QUERIES[0], filters={"kind": "book"})
    assert f"uses {name}" in await docs.explain(QUERIES[0], filters={"$and": [{"kind": "book"}, {"rank": {"$gte": 0}}]})
    for filters in (None, {"kind": "page"}, {"$or": [{"kind": "book"}, {"kind": "page"}]}):
        assert name not in await docs.explain(QUERIES[0], filters=filters)
    # As often as it takes until Postgres would have kept a plan.
    for _ in range(4):
        assert await recall(docs, {"kind": "book"}) >= 0.95
        assert await recall(docs, {"kind": "page"}) >= 0.95


@pytest.mark.parametrize(
    "filters",
    [
        {"kind": "book", "rank": {"$lt": 600}},
        {"rank": {"$gte": 5400}},
        {"name": {"$between": ["00000", "00599"]}},
        {"kind": {"$in": ["book", "leaf"]}},
        {"kind": {"$like": "boo_"}},
        {"$not": {"kind": "page"}},
        {"$or": [{"kind": "book"}, {"k'\"%{}\\": "v'\"%{}\\ $1"}]},
        {"kind": {"$ne": "page"}},
        {"x.y": {"$exists": False}, "kind": "book"},
    ],
)
async def test_any_filter_may_choose_the_part_that_is_indexed(
    docs: vecs.AsyncCollection, filters: dict[str, Any]
) -> None:
    name = await docs.index(filters=filters)
    assert f"uses {name}" in await docs.explain(QUERIES[0], filters=filters)
    assert await recall(docs, filters) >= 0.95


async def test_an_index_on_a_part_stands_beside_the_others(client: vecs.AsyncClient) -> None:
    docs = await client.create_collection("docs", 24)
    await docs.upsert(RECORDS)
    whole = (await docs.index(),)[0]
    books = await docs.index(filters={"kind": "book"})
    pages = await docs.index(filters={"kind": "page"})
    assert await docs.index(filters={"kind": "book"}) == books
    assert await docs.index() == whole
    assert {whole, books, pages} <= {index.name for index in await docs.indexes()}
    other = await docs.index(method=vecs.IndexArgsHNSW(m=8), filters={"kind": "book"})
    rebuilt = await docs.index(method=vecs.IndexArgsHNSW(m=8))
    names = {index.name for index in await docs.indexes()}
    assert {other, rebuilt, pages} <= names
    assert not {whole, books} & names
    with pytest.raises(ArgError, match="replace is set to False"):
        await docs.index(filters={"kind": "book"}, replace=False)
    by_name = {index.name: index for index in await docs.indexes()}
    assert by_name[rebuilt].condition is None
    assert by_name[other].condition == '(metadata @> \'{"kind": "book"}\'::jsonb)'
    await docs.drop_index(other)
    assert other not in {index.name for index in await docs.indexes()}


async def test_an_index_on_a_part_does_not_cover_the_measure(
    client: vecs.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vecs._searching.known_indexes.WORTH_AN_INDEX", 1)
    docs = await client.create_collection("docs", 24)
    await docs.upsert(RECORDS[:200])
    await docs.index(filters={"kind": "page"}, concurrently=True)
    assert not await docs.is_indexed_for_measure("cosine_distance")
    assert len(await docs.search(VECTORS[0], filters={"kind": "page"})) == 10
    with pytest.warns(UserWarning, match="covering index"):
        await docs.search(VECTORS[0])
    (part,) = [index for index in await docs.indexes() if index.condition]
    assert part.measure is None
    assert part.column is None


async def test_a_condition_that_no_index_can_have_is_refused(docs: vecs.AsyncCollection) -> None:
    with pytest.raises(ArgError, match=r"\$contains_any for 'tags' has 51 values; .* takes up to 50"):
        await docs.index(filters={"kind": "book", "tags": {"$contains_any": list(range(51))}})
    with pytest.raises(ArgError, match="may have 2000 bytes as SQL, not"):
        await docs.index(filters={"kind": "x" * 3000})
    with pytest.raises(FilterError, match="unknown operator"):
        await docs.index(filters={"kind": {"$what": 1}})
    for key in ("$id", "$document_id", "$text"):
        with pytest.raises(ArgError, match=rf"\{key} cannot choose the records of an index, only metadata can"):
            await docs.index(filters={"kind": "book", "$not": [{key: {"$like": "a%"}}]})
    assert not any(index.condition for index in await docs.indexes())


@pytest.mark.parametrize("precision", ["half", "binary"])
async def test_lower_precision_keeps_recall_under_filters(client: vecs.AsyncClient, precision: Any) -> None:
    docs = await client.create_collection("docs", 24)
    await docs.upsert(RECORDS)
    await docs.index(precision=precision)
    for filters in ({"cluster": {"$gte": 30}}, {"cluster": {"$in": [41, 43]}}, {"rank": {"$lt": 300}}):
        assert await recall(docs, filters) >= (0.95 if precision == "half" else 0.9), filters


async def test_hybrid_search_keeps_nearness_under_filters(client: vecs.AsyncClient) -> None:
    docs = await client.create_collection("docs", 24, text=True)
    await docs.upsert(vecs.Record(id, vec, "text", metadata) for id, vec, metadata in RECORDS)
    await docs.index()
    found = wanted = 0
    for query in QUERIES:
        options: Any = {"text": "nothing", "mode": "hybrid", "filters": {"cluster": {"$in": [41, 43, 47]}}}
        exact = {match.id for match in await docs.search(query, exact=True, **options)}
        found += len(exact & {match.id for match in await docs.search(query, **options)})
        wanted += len(exact)
    assert found / wanted >= 0.95


@pytest.fixture(scope="module")
def filled_with_many(target: str, filled: str) -> None:
    vectors = np.random.default_rng(12).normal(size=(20_000, 8)).astype(np.float32)
    with vecs.Client(target, schema=filled) as client:
        client.create_collection("many", 8, text=True).upsert(
            vecs.Record(
                at,
                vec,
                "some text of 100%" + (" needle's_ \\" if at % 4000 == 7 else ""),
                {"n": at, "part": at % 4000 < 100},
                f"d{at % 4000}" if at % 4000 < 8 else None,
            )
            for at, vec in enumerate(vectors)
        )


@pytest.fixture
async def many(filled_with_many: None, shared: vecs.AsyncClient) -> vecs.AsyncCollection:
    """20,000 records; every 4,000th has a word in its text that no other has."""
    return await shared.get_collection("many")


@pytest.mark.parametrize("precision", ["full", "half", "binary"])
async def test_an_index_gives_way_to_conditions_on_columns(many: vecs.AsyncCollection, precision: Any) -> None:
    await many.index(precision=precision)
    await many.index(filters={"part": True})
    query, expected = np.ones(8, np.float32), {f"{at}" for at in range(7, 20_000, 4000)}
    conditions: list[dict[str, Any]] = [
        {"$id": {"$in": sorted(expected)}},
        {"$document_id": "d7"},
        {"$text": {"$contains": "needle's_ \\"}},
        {"$text": {"$like": "%needle%"}},
        {"part": True, "$or": [{"$id": {"$in": sorted(expected)[:2]}}, {"$text": {"$contains": "needle"}}]},
    ]
    for filters in conditions:
        exact = [match.id for match in await many.search(query, filters=filters, exact=True)]
        found = await many.search(query, filters=filters)
        assert [match.id for match in found] == exact
        assert set(exact) == expected
        assert set(await many.query(query, filters=filters)) == expected
        hybrid = await many.search(query, text="some text", mode="hybrid", filters=filters)
        assert {match.id for match in hybrid} == expected
        assert {match.id for match in await many.search("some text", mode="keyword", filters=filters)} == expected
        for answer in await many.search_many([query] * 3, filters=filters, limit=5):
            assert {match.id for match in answer} == expected
        assert "actual time" in await many.explain(query, filters=filters, analyze=True)
        recall = await many.recall(filters=filters, sample=5, limit=4)
        assert (recall.recall, recall.records) == (1, 5)


async def test_a_condition_that_most_records_meet_leaves_the_index_its_work(many: vecs.AsyncCollection) -> None:
    name = await many.index()
    for filters in ({"$id": {"$ne": "7"}}, {"$text": {"$contains": "100%"}}, {"$not": {"$document_id": "d1"}}):
        assert f"uses {name}" in await many.explain(np.ones(8), filters=filters)
        assert await recall(many, filters, list(np.eye(8, dtype=np.float32))) >= 0.95


async def test_ids_are_found_by_the_primary_key(many: vecs.AsyncCollection) -> None:
    await many.index()
    for filters in ({"$id": "7"}, {"$id": {"$in": ["7", "8"]}}, {"$id": 7, "n": 7}):
        assert "many_pkey" in await many.explain(np.ones(8), filters=filters)
    assert "many_document_id_idx" in await many.explain(np.ones(8), filters={"$document_id": {"$in": ["d1", "d2"]}})
