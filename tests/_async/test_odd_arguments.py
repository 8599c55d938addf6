"""Every argument of every method, given what it is not for: only vecs' own errors come out, short ones."""

from __future__ import annotations

import inspect
import random
from collections.abc import AsyncIterator, Awaitable
from decimal import Decimal
from fractions import Fraction
from typing import Any, cast

import numpy as np
import pytest

import vecs
from vecs.exc import VecsException


class Unshowable:
    def __repr__(self) -> str:
        raise RuntimeError("no")


ODD: list[Any] = [
    [], {}, set(), [[]], {"a": set()}, ("a", 1), [None], range(3), np.zeros(3), np.zeros((2, 2)), object(),
    Unshowable(), type, len, "x" * 10**6, "", "\x1b[2J", "\ud800", "\0", b"x", True, -1, 1.5, 10**400, -(10**400),
    10**5000,
    Decimal("1e400"), Decimal("NaN"), Fraction(10**400), float("inf"), float("-inf"), float("nan"), np.float32("inf"),
    np.int8(3), np.str_("x"), 2**63, 2**31, [1e400], {"$gt": 10**5000},
]  # fmt: skip

V = [1.0, 2.0]
CALLS: list[tuple[str, dict[str, Any]]] = [
    ("search", {"query": V}),
    ("search", {"query": V, "diversity": 0.5}),
    ("search", {"query": V, "text": "hello", "mode": "hybrid"}),
    ("search", {"query": "hello", "mode": "keyword"}),
    ("search_many", {"queries": [V]}),
    ("query", {"data": V}),
    ("explain", {"query": V}),
    ("get", {}),
    ("fetch", {"ids": ["a"]}),
    ("count", {}),
    ("scan", {}),
    ("to_pandas", {}),
    ("to_arrow", {}),
    ("recall", {}),
    ("tune", {}),
    ("update_metadata", {"metadata": {"n": 1}, "ids": ["a"]}),
    ("delete", {"ids": ["absent"]}),
    ("upsert", {"records": [("a", V, {"n": 1})]}),
    ("index", {}),
    ("create_metadata_index", {"key": "n", "type": "number"}),
    ("drop_index", {"name": "absent"}),
    ("enable_text", {}),
    ("is_indexed_for_measure", {"measure": "cosine_distance"}),
]
CLIENT_CALLS: list[tuple[str, dict[str, Any]]] = [
    ("get_collection", {"name": "docs"}),
    ("get_or_create_collection", {"name": "docs", "dimension": 2}),
    ("create_collection", {"name": "docs", "dimension": 2}),
    ("delete_collection", {"name": "absent"}),
    ("rename_collection", {"name": "absent", "new_name": "other"}),
]
# What a caller's own function or iterable raises is the caller's.
OWN = {("upsert", "progress"), ("index", "progress"), ("recall", "progress"), ("tune", "progress")}


def names(method: Any) -> list[str]:
    parameters = inspect.signature(method).parameters.values()
    return [each.name for each in parameters if each.kind in (each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY)]


async def tried(method: Any, arguments: dict[str, Any]) -> None:
    made = method(**arguments)
    if isinstance(made, AsyncIterator):
        async for _ in cast("AsyncIterator[Any]", made):
            pass
    elif isinstance(made, Awaitable):
        await made


async def check(owner: Any, calls: list[tuple[str, dict[str, Any]]], share: int) -> list[str]:
    """Try each argument with some of the odd values; return what came out that is no error of vecs."""
    chosen = random.Random(share)
    wrong: list[str] = []
    for name, base in calls:
        method = getattr(owner, name)
        for parameter in names(method):
            for place in range(len(ODD)) if share == 1 else chosen.sample(range(len(ODD)), len(ODD) // share):
                if callable(ODD[place]) and (name, parameter) in OWN:
                    continue
                try:
                    await tried(method, {**base, parameter: ODD[place]})
                except VecsException as error:
                    if len(str(error)) > 6_000:
                        wrong.append(f"{name}({parameter}=odd {place}): {len(str(error))} characters")
                except Exception as error:
                    wrong.append(f"{name}({parameter}=odd {place}): {type(error).__name__}: {error}")
    return wrong


@pytest.fixture
async def docs(client: vecs.AsyncClient) -> vecs.AsyncCollection:
    docs = await client.create_collection("docs", 2, text=True)
    docs.warns_without_index = False
    await docs.upsert([vecs.Record("a", V, text="hello", metadata={"n": 1})])
    return docs


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", sorted({name for name, _ in CALLS}))
async def test_odd_arguments_of_a_collection_raise_errors_of_vecs(docs: vecs.AsyncCollection, name: str) -> None:
    assert await check(docs, [call for call in CALLS if call[0] == name], 8) == []


@pytest.mark.filterwarnings("ignore")
async def test_odd_arguments_of_a_client_raise_errors_of_vecs(
    client: vecs.AsyncClient, docs: vecs.AsyncCollection
) -> None:
    assert await check(client, CLIENT_CALLS, 4) == []


@pytest.mark.fuzz
@pytest.mark.filterwarnings("ignore")
async def test_all_odd_arguments_raise_errors_of_vecs(client: vecs.AsyncClient, docs: vecs.AsyncCollection) -> None:
    assert await check(docs, CALLS, 1) + await check(client, CLIENT_CALLS, 1) == []
