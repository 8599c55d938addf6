"""What `explain()` tells of a search, by a plan that a person can read; what errors tell that searches lack."""

from __future__ import annotations

from typing import Any

import pytest

import vecs
from vecs.exc import ArgError, CallError


@pytest.mark.parametrize(
    ("made", "query", "shown"),
    [
        ({"dimension": 384}, [0.125] * 384, "'[0.125, 0.125, 0.125, ... 384 numbers]'"),
        ({"dimension": 384, "precision": "half"}, [0.125] * 384, "... 384 numbers]'"),
        ({"dimension": 384, "precision": "binary"}, [True] * 384, "'1111111111111111... 384 bits'"),
        ({"dimension": 900, "sparse": True}, vecs.SparseVector(900, range(64), [0.5] * 64), "... 64 numbers}/900'"),
    ],
)
async def test_vectors_are_shown_by_their_first_numbers(
    client: vecs.AsyncClient, made: dict[str, Any], query: Any, shown: str
) -> None:
    docs = await client.create_collection("docs", text=True, **made)
    await docs.upsert([vecs.Record("a", query, "an oil filter")])
    given: list[Any] = [{}, {"mode": "hybrid", "text": "oil"}]
    for options in given:
        told = await docs.explain(query, **options)
        assert shown in told
        assert max(map(len, told.splitlines())) < 2000


async def test_what_finds_nothing_is_told(client: vecs.AsyncClient) -> None:
    docs = await client.create_collection("docs", 1, text=True)
    await docs.upsert([vecs.Record("a", [1.0], metadata={"kind": "x"})])
    nothing = "No record has a text; write records with one"
    assert nothing in await docs.explain("oil", mode="keyword")
    assert nothing in await docs.explain([1.0], text="oil", mode="hybrid")
    await docs.upsert([vecs.Record("a", [1.0], "the oil", {"kind": "x"})])
    for query in ("the", "!!!", ""):
        told = await docs.explain(query, mode="keyword")
        assert told.startswith("The search by words finds nothing: the query has no words that are looked for.")
        assert nothing not in told
        assert "nearness alone decides" in await docs.explain([1.0], text=query, mode="hybrid")
    told = await docs.explain("oil", mode="keyword", filters={"kind": "y"})
    assert "in how many records they are, whether or not they match the filter: 'oil' (in about 1" in told
    assert nothing not in await docs.explain("gas", mode="keyword")


async def test_an_index_that_is_not_worth_it_is_named(client: vecs.AsyncClient) -> None:
    docs = await client.create_collection("docs", 1, text=True)
    await docs.upsert([vecs.Record("a", [1.0], "oil")])
    assert "compares every record, without an index." in await docs.explain([1.0])
    name = await docs.index()
    first = (await docs.explain([1.0])).splitlines()[0]
    assert f"Postgres takes that to be cheaper than to use {name}, as it is for few records." in first
    assert "compares every record, without an index." in await docs.explain([1.0], exact=True)


async def test_a_text_alone_is_enough_for_a_search_by_words(client: vecs.AsyncClient) -> None:
    docs = await client.create_collection("docs", 1, text=True)
    await docs.upsert([vecs.Record("a", [1.0], "the oil")])
    (found,) = await docs.search(text="oil", mode="keyword", highlight=True)
    assert (found.id, found.highlights) == ("a", ((4, 7),))
    modes: list[Any] = ["vector", "hybrid"]
    for mode in modes:
        with pytest.raises(CallError, match=r"Write the text first, search\('oil', \.\.\.\), or .* mode='keyword'"):
            await docs.search(text="oil", mode=mode)
    wrong: Any = 5
    with pytest.raises(ArgError, match="text must be a string, not 5"):
        await docs.search(text=wrong, mode="keyword")
    with pytest.raises(CallError, match="needs the argument 'query', and it is None"):
        await docs.search(mode="keyword")
    for mode in ("keyword", "hybrid"):
        with pytest.raises(ArgError, match="a list of texts, .* search_many"):
            await docs.search(["a", "b"], mode=mode)
    plain = await client.create_collection("plain", 1)
    with pytest.raises(ArgError, match=r"no such column; call its enable_text\(\), or create"):
        await plain.upsert([vecs.Record("a", [1.0], "the oil")])
