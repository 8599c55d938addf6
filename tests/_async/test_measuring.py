"""Recall and tuning: equal to a direct count, fair to ties, honest about the sample."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import vecs
from vecs.exc import ArgError, MismatchedDimension
from vecs.transforms import AdapterContext, AdapterStep, Pipeline

RNG = np.random.default_rng(11)
VECTORS = RNG.normal(size=(2000, 24)).astype(np.float32)
RECORDS = [(f"{i:04}", vec, {"share": i % 20}) for i, vec in enumerate(VECTORS)]
QUERIES = RNG.normal(size=(30, 24)).astype(np.float32)
WORST = vecs.IndexArgsHNSW(m=2, ef_construction=4)


@pytest.fixture
async def docs(client: vecs.AsyncClient) -> vecs.AsyncCollection:
    docs = await client.create_collection("docs", 24)
    await docs.upsert(RECORDS)
    return docs


async def counted(docs: vecs.AsyncCollection, queries: Any, limit: int, **options: Any) -> list[float]:
    """The share of the exact ids found, query by query."""
    shares: list[float] = []
    ef_search = options.pop("ef_search", None)
    for query in queries:
        found = {m.id for m in await docs.search(query, limit=limit, ef_search=ef_search, **options)}
        exact = {m.id for m in await docs.search(query, limit=limit, exact=True, **options)}
        shares.append(len(found & exact) / limit)
    return shares


async def test_without_an_index_recall_is_1_by_definition(docs: vecs.AsyncCollection) -> None:
    recall = await docs.recall(sample=5)
    assert (recall.recall, recall.low, recall.high, recall.least) == (1, 1, 1, 1)
    assert (recall.index, recall.queries, recall.limit, recall.records) == (None, 5, 10, 2000)
    assert str(recall) == "recall@10 1: no approximate index is used, all 2,000 records are compared"
    tuning = await docs.tune(sample=5)
    assert (tuning.ef_search, tuning.probes, tuning.recall, tuning.reached, tuning.tried) == (None, None, 1, True, ())
    assert str(tuning) == "nothing to tune: no approximate index is used, all 2,000 records are compared"


@pytest.mark.parametrize("measure", ["cosine_distance", "l2_distance", "max_inner_product", "l1_distance"])
async def test_recall_equals_a_direct_count(docs: vecs.AsyncCollection, measure: Any) -> None:
    name = await docs.index(measure, WORST)
    recall = await docs.recall(QUERIES, measure=measure, ef_search=1, limit=7)
    shares = await counted(docs, QUERIES, 7, measure=measure, ef_search=1)
    assert recall.recall == pytest.approx(np.mean(shares))
    assert recall.least == min(shares)
    assert recall.recall < 1
    assert recall.low < recall.recall < recall.high
    assert (recall.index, recall.queries, recall.limit, recall.ef_search) == (name, 30, 7, 1)
    assert recall.search_ms > 0
    assert recall.exact_ms > 0
    shown = str(recall).splitlines()
    assert shown[0].startswith(f"recall@7 {recall.recall:.3f} (95 %: {recall.low:.3f} to {recall.high:.3f}; least ")
    assert shown[1].startswith(f"{name} ef_search=1: ")


async def test_recall_of_few_probes_equals_a_direct_count(docs: vecs.AsyncCollection) -> None:
    name = await docs.index(method=vecs.IndexArgsIVFFlat(50))
    recall = await docs.recall(QUERIES, probes=1)
    assert recall.recall == pytest.approx(np.mean(await counted(docs, QUERIES, 10, probes=1)))
    assert recall.recall < 0.9
    assert (recall.index, recall.probes) == (name, 1)
    assert (await docs.recall(QUERIES, probes=50)).recall == 1


async def test_a_sampled_record_does_not_count_as_its_own_neighbour(docs: vecs.AsyncCollection) -> None:
    await docs.index(method=WORST)
    recall = await docs.recall(sample=5000, limit=1, ef_search=1)
    shares: list[float] = []
    for id, vec, _ in RECORDS:
        found = [match.id for match in await docs.search(vec, limit=2, ef_search=1)]
        shares.append(float([other for other in found if other != id][:1] == nearest_other(id)))
    assert recall.queries == 2000
    assert recall.recall == pytest.approx(np.mean(shares))


def nearest_other(id: str) -> list[str]:
    units = VECTORS / np.linalg.norm(VECTORS, axis=1, keepdims=True)
    similarity = units @ units[int(id)]
    similarity[int(id)] = -2
    return [RECORDS[int(similarity.argmax())][0]]


async def test_a_seed_fixes_the_sample(docs: vecs.AsyncCollection) -> None:
    await docs.index(method=WORST)
    one, two, *others = [await docs.recall(sample=20, ef_search=2, seed=seed) for seed in (1, 1, 2, 3, 4, 5, 6, 7)]
    assert (one.recall, one.least) == (two.recall, two.least)
    assert {other.recall for other in others} != {one.recall}
    tunings = [await docs.tune(0.8, sample=20, seed=3) for _ in range(2)]
    assert tunings[0].recall == tunings[1].recall
    assert tunings[0].ef_search == tunings[1].ef_search


async def test_records_equally_near_count_as_found(client: vecs.AsyncClient) -> None:
    docs = await client.create_collection("ties", 2)
    ties = [(f"{i:03}", [1, i % 3], {}) for i in range(600)]
    await docs.upsert(ties)
    # Written anew they lie elsewhere, so that the index meets them in another order than that of the ids.
    await docs.upsert(ties[:300])
    await docs.index(method=vecs.IndexArgsIVFFlat(3))
    queries = [[1, 0], [1, 1]]
    assert np.mean(await counted(docs, queries, 5, probes=3)) < 1
    assert (await docs.recall(queries, limit=5, probes=3)).recall == 1
    assert (await docs.recall(sample=20, limit=5, probes=3)).recall == 1


async def test_filters_hold_for_the_sample_and_the_searches(target: str, schema: str) -> None:
    # Through a pooler nothing is prepared: one plan for all of them, by the index since it looks as if all had it.
    async with vecs.create_async_client(target, schema=schema, pooler=True) as client:
        docs = await client.create_collection("docs", 24)
        await docs.upsert((id, vec, {"half": 1} if int(id) % 2 else {"n": int(id)}) for id, vec, _ in RECORDS)
        await docs.index(method=vecs.IndexArgsIVFFlat(50))
        filters = {"half": {"$exists": True}}
        recall = await docs.recall(QUERIES, probes=1, filters=filters)
        shares = await counted(docs, QUERIES, 10, probes=1, filters=filters)
        assert recall.records == 1000
        assert recall.recall == pytest.approx(np.mean(shares))
        # Under a filter a search makes sure of what an index finds.
        assert recall.recall > 0.95
        few = await docs.recall(filters={"n": {"$lt": 100}}, sample=1000)
        assert (few.records, few.queries) == (50, 50)
        with pytest.raises(ArgError, match="collection 'docs' has no record that matches the filters"):
            await docs.recall(filters={"n": -1})


async def test_tune_finds_the_least_value_that_reaches_the_target(docs: vecs.AsyncCollection) -> None:
    name = await docs.index(method=vecs.IndexArgsHNSW(m=4, ef_construction=8))
    tuning = await docs.tune(0.9, queries=QUERIES)
    assert tuning.reached
    assert tuning.recall >= 0.9
    assert tuning.low <= tuning.recall <= tuning.high
    assert (tuning.index, tuning.probes, tuning.target, tuning.queries) == (name, None, 0.9, 30)
    values = [trial.value for trial in tuning.tried]
    assert values == sorted(values)
    before = [trial for trial in tuning.tried if trial.value < (tuning.ef_search or 0)]
    assert before
    assert before[-1].recall < 0.9
    again = await docs.recall(QUERIES, ef_search=tuning.ef_search)
    assert again.recall == tuning.recall
    assert str(tuning).startswith(f"ef_search={tuning.ef_search} reaches 0.9: recall@10 {tuning.recall:.3f} (95 %: ")


async def test_tune_says_when_no_value_reaches_the_target(client: vecs.AsyncClient) -> None:
    # Vectors that differ by less than half precision tells apart: such an index finds any of them.
    rng = np.random.default_rng(5)
    docs = await client.create_collection("docs", 24)
    await docs.upsert((f"{i}", 1 + 1e-5 * rng.normal(size=24), {}) for i in range(1000))
    await docs.index("l2_distance", precision="half")
    tuning = await docs.tune(0.9, sample=10, seed=1, measure="l2_distance")
    assert not tuning.reached
    assert tuning.ef_search == 1000
    assert tuning.recall < 0.9
    assert str(tuning).startswith("ef_search=1000 is the greatest value and misses 0.9: ")


async def test_tune_of_an_ivfflat_index_finds_probes(docs: vecs.AsyncCollection) -> None:
    await docs.index(method=vecs.IndexArgsIVFFlat(40))
    tuning = await docs.tune(1.0, sample=40, seed=1)
    assert tuning.reached
    assert tuning.ef_search is None
    assert 1 < (tuning.probes or 0) <= 40


async def test_small_collections_compare_what_there_is(client: vecs.AsyncClient) -> None:
    docs = await client.create_collection("small", 24)
    await docs.index()
    for measure in (docs.recall, docs.tune):
        with pytest.raises(ArgError, match="collection 'small' has no records; upsert some"):
            await measure()
    await docs.upsert(RECORDS[:1])
    with pytest.raises(ArgError, match="has one record to sample, so there are no neighbours to find; give queries="):
        await docs.recall()
    assert (await docs.recall([VECTORS[7]])).limit == 1
    await docs.upsert(RECORDS[:5])
    recall = await docs.recall()
    assert (recall.recall, recall.queries, recall.limit, recall.records) == (1, 5, 4, 5)
    assert (await docs.recall([VECTORS[7]])).limit == 5


async def test_zero_vectors_do_no_harm(client: vecs.AsyncClient) -> None:
    docs = await client.create_collection("zero", 2)
    await docs.upsert([("zero", [0, 0]), ("one", [1, 0]), ("two", [0, 1]), ("three", [1, 1])])
    async with docs.client.connection() as connection:
        await connection.execute(f'analyze "{docs.client.schema}".zero')
    await docs.index()
    assert (await docs.recall()).recall == 1
    assert (await docs.recall([[0, 0], [1, 0]], limit=9)).recall == 1


async def test_text_queries_are_embedded_once_and_stored_vectors_never(client: vecs.AsyncClient) -> None:
    asked: list[Any] = []

    class Letters(AdapterStep):
        @property
        def exported_dimension(self) -> int:
            return 24

        def __call__(self, records: Any, adapter_context: AdapterContext) -> Any:
            for id, media, metadata in records:
                asked.append(media)
                yield id, np.eye(24)[len(media) % 24], metadata

    transform = Pipeline([Letters()])
    docs = await client.create_collection("texts", transform=transform)
    await docs.upsert(RECORDS, skip_transform=True)
    await docs.index(method=WORST)
    recall = await docs.recall(["a", "bb"], ef_search=1)
    assert asked == ["a", "bb"]
    docs.transform = None
    shares = await counted(docs, np.eye(24)[1:3], 10, ef_search=1)
    docs.transform = transform
    assert recall.recall == pytest.approx(np.mean(shares))
    asked.clear()
    await docs.recall(sample=5)
    await docs.tune(sample=5)
    assert asked == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"queries": "text"}, "queries must be an iterable of texts or vectors, not 'text'"),
        ({"queries": []}, "queries is empty"),
        ({"queries": ["text"]}, "has no transform to turn it into a vector"),
        ({"sample": 0}, "sample must be an integer at least 1, not 0"),
        ({"limit": 0}, "limit must be an integer at least 1, not 0"),
        ({"seed": -1}, "seed must be an integer at least 0, not -1"),
        ({"measure": "near"}, "measure"),
        ({"filters": {"$x": 1}}, "x"),
    ],
)
async def test_wrong_arguments_are_refused(docs: vecs.AsyncCollection, arguments: Any, message: str) -> None:
    for measure in (docs.recall, docs.tune):
        with pytest.raises(ArgError, match=message):
            await measure(**arguments)
    for target in (0, 1.1, "all", True, float("nan")):
        with pytest.raises(ArgError, match="target must be a recall above 0 and up to 1, not "):
            await docs.tune(target)
    with pytest.raises(MismatchedDimension, match="the query has dimension 1; collection 'docs' has dimension 24"):
        await docs.recall([[1]])
    with pytest.raises(ArgError, match="ef_search must be an integer from 1 to 1000, not 0"):
        await docs.recall(sample=1, ef_search=0)
