"""Answers by groups, compared with all records grouped in plain Python."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.tenants import TENANTS, a_role, kept_apart, of

import vecs
from tests import oracle
from vecs.exc import ArgError

# Of fewer records, all are grouped at once.
COUNT, DIMENSION = 2100, 4
WORDS = ["oil", "bread", "motor", "sugar", "leaf", "stone"]
# Equal as JSON: the first two are; the last but one is the group of those without the key, too.
VALUES: list[Any] = [1, 1.0, "1", True, [1], {"b": 1}, None, "x"]
KEYS = ("$document_id", "a.b")
# Limit, offset and group_size.
SIZES = ((10, 0, 1), (3, 2, 3), (1000, 0, 2))


def made(spread: str) -> list[vecs.Record]:
    """Records of documents and kinds; with "giant", one document is nearer to the query than all others."""
    rng = np.random.default_rng(13)
    vectors = rng.normal(size=(COUNT, DIMENSION)).astype(np.float32)
    vectors[5] = 0
    documents = [None if i % 50 == 7 else f"d{i % 300}" for i in range(COUNT)]
    if spread == "giant":
        vectors[:1700] = QUERY + rng.normal(size=(1700, DIMENSION)) / 50
        documents[:1700] = ["giant"] * 1700
    return [
        vecs.Record(
            f"r{i:04}",
            vectors[i],
            " ".join(rng.choice(WORDS, 4)),
            {"half": i % 2, "n": i, **({"a": {"b": VALUES[i % 8]}} if i % 9 else {})},
            document_id=documents[i],
        )
        for i in range(COUNT)
    ]


QUERY = np.array([1, 2, -1, 0.5], np.float32)
RECORDS = {spread: made(spread) for spread in ("even", "giant")}


def key_of(record: vecs.Record | vecs.Match, key: str) -> Any:
    """What a record is grouped by, with values apart that Python takes for equal."""
    if key == "$document_id":
        return "document" if record.document_id else "record", record.document_id or record.id
    if key in ("$id", "$text"):
        return getattr(record, key[1:])
    found: Any = record.metadata
    for step in key.split("."):
        found = found.get(step) if isinstance(found, dict) else None
    return isinstance(found, bool), repr(float(found) if isinstance(found, int) else found)


def grouped(ranked: list[Any], key: str, limit: int, offset: int, size: int) -> list[list[Any]]:
    """The groups that are wanted of ranked matches or records."""
    groups: dict[Any, list[Any]] = {}
    for each in ranked:
        groups.setdefault(key_of(each, key), []).append(each)
    return [members[:size] for members in groups.values()][offset : offset + limit]


def together(matches: list[vecs.Match], key: str) -> list[list[vecs.Match]]:
    """The matches of an answer, those that follow each other and have one key in one list."""
    lists: list[list[vecs.Match]] = []
    for match in matches:
        if not lists or key_of(lists[-1][0], key) != key_of(match, key):
            lists.append([])
        lists[-1].append(match)
    assert len({repr(key_of(members[0], key)) for members in lists}) == len(lists)
    assert len({match.id for match in matches}) == len(matches)
    return lists


def near(records: list[vecs.Record], filters: Any) -> list[tuple[float, vecs.Record]]:
    """All records that match, by their distance as numpy computes it, nearest first."""
    kept = [each for each in records if oracle.matches(each.metadata or {}, filters or {})]
    distances = [float(np.linalg.norm(np.asarray(each.vec, np.float64) - QUERY)) for each in kept]
    return sorted(zip(distances, kept, strict=True), key=lambda pair: (pair[0], pair[1].id))


@pytest.mark.parametrize("spread", RECORDS)
async def test_groups_are_those_of_all_records_with_and_without_an_index(client: vecs.AsyncClient, spread: str) -> None:
    docs = await client.create_collection("docs", DIMENSION, text=True)
    await docs.upsert(RECORDS[spread])
    filters: Any
    for indexed in (False, True):
        if indexed:
            await docs.index("l2_distance")
        for filters in (None, {"half": 1}, {"n": {"$gt": 2070}}):
            ranked = near(RECORDS[spread], filters)
            distance = {each.id: value for value, each in ranked}
            for key in KEYS:
                for limit, offset, size in SIZES:
                    wanted = grouped([each for _, each in ranked], key, limit, offset, size)
                    found = together(
                        await docs.search(
                            QUERY,
                            measure="l2_distance",
                            group_by=key,
                            limit=limit,
                            offset=offset,
                            group_size=size,
                            filters=filters,
                        ),
                        key,
                    )
                    assert len(found) == len(wanted), (key, filters)
                    true = [
                        [match.distance for match in members] == pytest.approx([distance[each.id] for each in best])
                        for members, best in zip(found, wanted, strict=True)
                    ]
                    assert sum(true) >= (0.9 if indexed else 1) * len(wanted), (key, filters, limit)


@pytest.mark.parametrize("mode", ["keyword", "hybrid"])
async def test_groups_of_other_modes_are_those_of_the_whole_answer(client: vecs.AsyncClient, mode: Any) -> None:
    docs = await client.create_collection("docs", DIMENSION, text=True)
    await docs.upsert(RECORDS["giant"])
    given: Any = {"text": "oil leaf", "filters": {"half": 1}, "mode": mode}
    given["candidates"] = 150 if mode == "hybrid" else None
    # Of common words alone, other records are candidates otherwise, the fewer are wanted.
    given["exact"] = True
    whole = await docs.search(QUERY, limit=COUNT, **given)
    for key in (*KEYS, "$text"):
        for limit, offset, size in SIZES:
            found = await docs.search(QUERY, limit=limit, offset=offset, group_by=key, group_size=size, **given)
            wanted = grouped(whole, key, limit, offset, size)
            assert [[m.id for m in each] for each in together(found, key)] == [[m.id for m in w] for w in wanted]


async def test_a_hybrid_search_finds_as_many_groups_as_there_are(client: vecs.AsyncClient) -> None:
    docs = await client.create_collection("docs", DIMENSION, text=True)
    await docs.upsert(RECORDS["giant"])
    await docs.index()
    every = {repr(key_of(record, "$document_id")) for record in RECORDS["giant"]}
    for limit, offset in ((1000, 0), (1000, 300), (5, 2)):
        found = await docs.search(
            QUERY, text="oil", mode="hybrid", group_by="$document_id", group_size=2, limit=limit, offset=offset
        )
        lists = together(found, "$document_id")
        assert len(lists) == min(limit, len(every) - offset)
        scores = [members[0].score for members in lists]
        assert scores == sorted(scores, reverse=True)
        assert all(members[0].score >= members[-1].score for members in lists)


async def test_a_giant_document_is_not_sent(client: vecs.AsyncClient) -> None:
    docs = await client.create_collection("docs", DIMENSION, text=True)
    await docs.upsert(RECORDS["giant"])
    await docs.index()
    sent = list[int]()
    read_many = docs._executor.read_many

    async def counted(*args: Any, **kwargs: Any) -> Any:
        answers = await read_many(*args, **kwargs)
        sent.append(sum(map(len, answers)))
        return answers

    docs._executor.read_many = counted
    found = await docs.search(QUERY, group_by="$document_id", group_size=2, limit=5)
    assert [match.group for match in found][:2] == ["giant", "giant"]
    assert len({match.group for match in found}) == 5
    assert max(sent) <= 10
    assert len(sent) <= 4


async def test_the_key_of_a_group_comes_with_its_matches(client: vecs.AsyncClient) -> None:
    docs = await client.create_collection("docs", 1, text=True)
    values = [{"k": 1}, {"k": 1.0}, {"k": True}, {"k": "1"}, {"k": [1, {"a": None}]}, {}, {"k": None}]
    records = [vecs.Record(f"{i}", [float(i)], f"t{i % 2}", metadata) for i, metadata in enumerate(values)]
    await docs.upsert(records)
    found = await docs.search([0.0], measure="l2_distance", group_by="k", group_size=9)
    assert [(m.id, m.group) for m in found] == [
        ("0", 1),
        ("1", 1),
        ("2", True),
        ("3", "1"),
        ("4", [1, {"a": None}]),
        ("5", None),
        ("6", None),
    ]
    assert found[2].group is True
    by_document = await docs.search([0.0], measure="l2_distance", group_by="$document_id", limit=3)
    assert [match.group for match in by_document] == ["0", "1", "2"]
    by_text = await docs.search([0.0], measure="l2_distance", group_by="$text")
    assert [(match.id, match.group) for match in by_text] == [("0", "t0"), ("1", "t1")]
    (plain,) = await docs.search([0.0], limit=1)
    assert plain.group is None


async def test_a_record_without_a_document_is_apart_from_the_document_of_its_id(client: vecs.AsyncClient) -> None:
    docs = await client.create_collection("docs", 1, text=True)
    await docs.upsert([vecs.Record("d", [1.0]), vecs.Record("x", [2.0], document_id="d")])
    found = await docs.search([0.0], measure="l2_distance", group_by="$document_id", group_size=2)
    assert [(match.id, match.group) for match in found] == [("d", "d"), ("x", "d")]
    assert len(await docs.search([0.0], measure="l2_distance", group_by="$document_id")) == 2


async def test_threshold_rerank_diversity_and_many_queries_know_groups(client: vecs.AsyncClient) -> None:
    docs = await client.create_collection("docs", DIMENSION, text=True)
    await docs.upsert(RECORDS["even"][:400])
    given: Any = {"group_by": "$document_id", "group_size": 2}
    whole = await docs.search(QUERY, limit=400, **given)
    bound = whole[20].score
    assert await docs.search(QUERY, limit=400, threshold=bound, **given) == [m for m in whole if m.score >= bound]
    assert await docs.search_many([QUERY, -QUERY], limit=3, **given) == [
        await docs.search(vec, limit=3, **given) for vec in (QUERY, -QUERY)
    ]

    def last_first(query: str, texts: list[str]) -> list[float]:
        assert len(texts) <= 2 * 3 * 5
        return [place / 1000 for place in range(len(texts))]

    reranked = await docs.search(QUERY, text="q", rerank=last_first, limit=3, **given)
    candidates = await docs.search(QUERY, limit=15, **given)
    assert [m.id for m in reranked] == [m.id for m in grouped_flat(candidates[::-1], limit=3, size=2)]
    spread = await docs.search(QUERY, diversity=0.9, limit=3, **given)
    lists = together(spread, "$document_id")
    assert len(lists) == 3
    assert lists[0] == together(whole, "$document_id")[0]
    assert {m.id for m in spread} <= {m.id for m in candidates}
    assert all(match.vec is None for match in spread)
    assert (await docs.search(QUERY, diversity=0.0, limit=3, include_vector=True, **given))[0].vec is not None
    second = await docs.search(QUERY, diversity=0.9, limit=2, offset=1, **given)
    assert [m.group for m in second] == [m.group for members in lists[1:] for m in members]


def grouped_flat(matches: list[vecs.Match], *, limit: int, size: int) -> list[vecs.Match]:
    return [match for members in grouped(matches, "$document_id", limit, 0, size) for match in members]


async def test_row_level_security_hides_records_from_groups(superuser_target: str, schema: str) -> None:
    async with vecs.create_async_client(superuser_target, schema=schema) as owner:
        docs = await owner.create_collection("docs", 1, text=True)
        with a_role(superuser_target, f"{schema}_tenants") as role:
            kept_apart(superuser_target, schema, "docs", role)
            for tenant in TENANTS:
                records = [
                    vecs.Record(f"{tenant}{i}", [float(i)], document_id=f"{i // 4}" if tenant == "a" else "all")
                    for i in range(12)
                ]
                await docs.with_settings(of(tenant, role)).upsert(records)
            view = docs.with_settings(of("a", role))
            found = await view.search([0.0], measure="l2_distance", group_by="$document_id", context=1, limit=9)
            assert [(match.id, match.group) for match in found] == [("a0", "0"), ("a4", "1"), ("a8", "2")]
            assert [[r.id for r in m.context.after] for m in found if m.context] == [["a1"], ["a5"], ["a9"]]
            with pytest.raises(ArgError, match=r"there are none with \['b1'\]"):
                await view.search(like=["a1", "b1"])


@settings(
    max_examples=settings.default.max_examples // 3,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    st.lists(
        st.tuples(
            st.integers(-3, 3),
            st.one_of(
                st.just(oracle.ABSENT),
                st.sampled_from([None, True, False, 0, 1, -0.0, 1.0, 10**40, 10**40 + 1, "", "1", "a'", [], [1.0], {}]),
            ),
            st.sampled_from(["a.b", "a", "k'"]),
        ),
        max_size=12,
    ),
    st.sampled_from(["a.b", "a", "k'"]),
    st.integers(0, 4),
    st.integers(1, 3),
)
async def test_groups_are_equal_as_json(
    client: vecs.AsyncClient, stored: list[tuple[int, Any, str]], key: str, limit: int, size: int
) -> None:
    docs = await client.get_or_create_collection("some", dimension=1)
    await docs.truncate()
    await docs.upsert(
        [(f"{i}", [float(n)], {} if value is oracle.ABSENT else {at: value}) for i, (n, value, at) in enumerate(stored)]
    )
    groups: list[tuple[Any, list[str]]] = []
    for i, (_, value, at) in sorted(enumerate(stored), key=lambda one: (abs(one[1][0] - 0.25), f"{one[0]}")):
        own = value if at == key and value is not oracle.ABSENT else None
        known = next((ids for other, ids in groups if oracle.same(other, own)), None)
        if known is None:
            groups.append((own, known := []))
        known.append(f"{i}")
    found = await docs.search([0.25], measure="l2_distance", group_by=key, limit=limit, group_size=size, exact=True)
    wanted = [(id, value) for value, ids in groups[:limit] for id in ids[:size]]
    assert [match.id for match in found] == [id for id, _ in wanted]
    assert all(oracle.same(match.group, value) for match, (_, value) in zip(found, wanted, strict=True))
    assert not any(isinstance(match.score, float) and math.isnan(match.score) for match in found)
