"""The neighbours of matches, and searches from stored records."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import vecs
from vecs.exc import ArgError

# The numbers of the chunks of "long"; they go beyond 999, where ids are no longer in the order of strings.
NUMBERS = range(990, 1012)


def embed(texts: list[str]) -> list[list[float]]:
    return [[float(len(text)), float(text.count("a")), 1.0] for text in texts]


@pytest.fixture
async def docs(client: vecs.AsyncClient) -> vecs.AsyncCollection:
    transform = vecs.Pipeline([vecs.ParagraphChunker(), vecs.Embedding(embed, 3)])
    docs = await client.create_collection("docs", transform=transform)
    text = "\n\n".join(f"a{'a' * n} chunk" for n in range(3))
    await docs.upsert([("short", text, {"kind": "short"}), ("one", "lonely", {})])
    await docs.upsert(
        [
            vecs.Record(f"long_para_{n:03}", [n, 1.0, 0.0], f"chunk {n}", {"n": n}, document_id="long", extra={"e": n})
            for n in NUMBERS
        ],
        skip_transform=True,
    )
    return docs


def around(match: vecs.Match) -> tuple[list[Any], list[Any]]:
    assert match.context is not None
    return [r.id for r in match.context.before], [r.id for r in match.context.after]


async def test_neighbours_are_those_next_to_a_match_in_reading_order(docs: vecs.AsyncCollection) -> None:
    order = [record.id for record in await docs.get(["long"])]
    assert order == [f"long_para_{n:03}" for n in NUMBERS]
    found = await docs.search("x", filters={"$document_id": "long"}, context=(2, 3), limit=50)
    assert len(found) == len(order)
    for match in found:
        place = order.index(match.id)
        assert around(match) == (order[max(0, place - 2) : place], order[place + 1 : place + 4])
    middle = next(match for match in found if match.id == "long_para_1000")
    assert middle.context is not None
    assert middle.context.text == "\n\n".join(f"chunk {n}" for n in range(998, 1004))
    assert middle.context.before[0].metadata == {"n": 998}
    assert middle.context.before[0].extra is None
    (whole,) = await docs.search("x", filters={"n": 1000}, context=10**9, include_extra=True)
    assert around(whole) == (order[:10], order[11:])
    assert whole.context is not None
    assert whole.context.after[0].extra == {"e": 1001}
    (alone,) = await docs.search("x", filters={"n": 1000}, context=0)
    assert around(alone) == ([], [])


@pytest.mark.parametrize("options", [{}, {"mode": "keyword"}, {"mode": "hybrid"}, {"group_by": "$document_id"}])
async def test_every_search_gives_neighbours_on_request(docs: vecs.AsyncCollection, options: Any) -> None:
    plain = await docs.search("chunk", limit=5, **options)
    found = await docs.search("chunk", limit=5, context=1, **options)
    assert [match.id for match in found] == [match.id for match in plain]
    assert all(match.context is None for match in plain)
    for match in found:
        assert match.context is not None
        assert {r.document_id for r in (*match.context.before, *match.context.after)} <= {match.document_id}
        assert match.text is not None
        assert match.text in match.context.text
    many = await docs.search_many(["chunk", "lonely"], limit=5, context=1, **options)
    assert many[0] == found
    assert "A second statement reads up to 1 records" in await docs.explain("chunk", context=1, **options)


async def test_a_match_without_a_document_has_no_neighbours(client: vecs.AsyncClient) -> None:
    docs = await client.create_collection("plain", 1, text=True)
    await docs.upsert([vecs.Record("a", [1.0], "a text"), vecs.Record("b", [1.0], None, document_id="d")])
    found = await docs.search([1.0], exact=True, context=1)
    assert [match.context for match in found] == [vecs.Context([], [], "a text"), vecs.Context([], [], "")]


async def test_records_like_stored_ones_are_found_and_these_left_out(docs: vecs.AsyncCollection) -> None:
    vectors = {str(r.id): np.asarray(r.vec, np.float64) async for r in docs.scan(include_vector=True)}
    units = {id: vec / np.linalg.norm(vec) for id, vec in vectors.items()}
    documents = {
        name: np.mean([vec for id, vec in units.items() if id.startswith(name)], axis=0) for name in ("short", "long")
    }
    short, one = documents["short"] / np.linalg.norm(documents["short"]), units["one_para_000"]
    query = np.array(embed(["banana"])[0]) / np.linalg.norm(embed(["banana"])[0])
    expected: list[tuple[dict[str, Any], Any]] = [
        ({"like": ["short"]}, short),
        ({"like": ["long_para_999", "one"]}, (units["long_para_999"] + one) / 2),
        ({"like": ["one"], "unlike": ["short"]}, 2 * one - short),
        ({"query": "banana", "like": ["one"]}, (query + one) / 2),
        ({"query": "banana", "unlike": ["short"]}, 2 * query - short),
    ]
    for given, target in expected:
        found = await docs.search(limit=100, exact=True, **given)
        named = {*given.get("like", ()), *given.get("unlike", ())}
        assert {m.id for m in found} == {id for id in units if not f"{id}_".startswith(tuple(f"{n}_" for n in named))}
        scores = [float(1 - (1 - units[m.id] @ target / np.linalg.norm(target)) / 2) for m in found]
        assert [match.score for match in found] == pytest.approx(scores, abs=1e-5)
    by_ids = iter(["one"])
    assert await docs.search(like=by_ids, limit=2) == await docs.search(like=["one"], limit=2)
    both = await docs.search_many(["banana", None], like=["one"], limit=2)
    assert both == [await docs.search("banana", like=["one"], limit=2), await docs.search(like=["one"], limit=2)]
    filtered = await docs.search(like=["one"], filters={"kind": "short"}, group_by="$document_id", context=1)
    assert [match.group for match in filtered] == ["short"]
    hybrid = await docs.search(like=["one"], text="chunk", mode="hybrid", limit=3)
    assert "one_para_000" not in {match.id for match in hybrid}
    assert "The search by nearness" in await docs.explain(like=["one"])


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"like": ["one", "none"]}, r"there are none with \['none'\]"),
        ({"unlike": ["one"]}, "unlike= says what not to find; give a query, or like=, too"),
        ({"like": ["one"], "mode": "keyword"}, "mode is 'keyword'"),
        ({"like": ["one"], "mode": "hybrid"}, "needs words: give text="),
        ({"like": []}, "like= and unlike= are empty"),
        ({}, r"needs the argument 'query', and it is None; give a text or a vector, like=\[id\] .*: get\(limit=10\)"),
    ],
)
async def test_searches_without_a_target_say_what_is_missing(
    docs: vecs.AsyncCollection, options: Any, problem: str
) -> None:
    with pytest.raises(ArgError, match=problem):
        await docs.search(**options)


async def test_other_kinds_of_vectors_have_examples_too(client: vecs.AsyncClient) -> None:
    bits = await client.create_collection("bits", 4, precision="binary")
    stored = {"a": [1, 1, 0, 0], "b": [1, 0, 1, 0], "c": [1, 0, 0, 0], "d": [0, 1, 1, 1]}
    await bits.upsert([(id, bits_of, {}) for id, bits_of in stored.items()])
    assert [(m.id, m.distance) for m in await bits.search(like=["a", "b"])] == [("c", 0.0), ("d", 4.0)]
    sparse = await client.create_collection("sparse", 1000, sparse=True)
    await sparse.upsert([("a", {1: 1.0}, {}), ("b", {7: 1.0}, {}), ("c", {1: 1.0, 7: 1.0}, {}), ("d", {9: 1.0}, {})])
    assert [m.id for m in await sparse.search(like=["a", "b"], exact=True)] == ["c", "d"]
    assert (await sparse.search(like=["a", "b"], exact=True))[0].score == pytest.approx(1)
