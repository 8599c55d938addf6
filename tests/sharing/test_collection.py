"""A collection that many objects share: found, made, asked, gone; in both worlds, and each async call in a new loop."""

from __future__ import annotations

import asyncio
import copy
import pickle
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

import vecs
from vecs.exc import ArgError, CollectionNotFound, MismatchedDimension
from vecs.sharing import CollectionSettings, Lease, SharedCollection, resolve_target

Call = Callable[..., Any]


@dataclass(frozen=True, kw_only=True)
class Settings(CollectionSettings):
    """Settings of a framework that calls records leaves."""

    color: str = "green"
    records: str = "leaves"


@pytest.fixture(params=["sync", "async"])
def call(request: pytest.FixtureRequest) -> Call:
    """Call a method, or its async form in an event loop of its own, and what it is given in the same world."""

    def called(shared: Any, name: str, *args: Any, **options: Any) -> Any:
        if request.param == "sync":
            return getattr(shared, name)(*args, **options)
        return asyncio.run(getattr(shared, f"a{name}")(*args, **options))

    return called


@pytest.fixture
def make(target: str, schema: str) -> Iterator[Callable[..., SharedCollection[Settings]]]:
    made: list[SharedCollection[Settings]] = []

    def make(**settings: Any) -> SharedCollection[Settings]:
        place = resolve_target(url=target, schema=schema)
        made.append(SharedCollection(place, Settings(**{"name": "docs", **settings})))
        return made[-1]

    yield make
    for shared in made:
        shared.close()


def test_there_is_none_before_it_is_made(make: Any, call: Call) -> None:
    shared = make()
    assert call(shared, "collection") is None
    assert call(shared, "collection", refresh=True) is None
    with pytest.raises(CollectionNotFound, match="there is no collection 'docs' yet: add leaves first"):
        call(shared, "required")
    with pytest.raises(CollectionNotFound, match="add leaves first"):
        shared.plain_collection()


def test_it_is_made_for_a_dimension_and_keeps_text(make: Any, call: Call) -> None:
    shared = make(language="german")
    assert call(shared, "create", 2).dimension == 2
    info = shared.required().info()
    assert (info.dimension, info.has_text) == (2, True)
    # Once more opens it.
    assert call(shared, "create", 2).name == "docs"


def test_the_dimension_of_the_settings_goes_before(make: Any, call: Call) -> None:
    assert call(make(dimension=3), "create", 2).dimension == 3


def test_the_precision_of_the_settings_comes_after(make: Any, call: Call) -> None:
    call(make(precision="half"), "create", 2)
    call(make(name="other", precision="half"), "create", 2, precision="full")
    assert make().required().info().precision == "half"
    assert make(name="other").required().info().precision == "full"


def test_the_indexes_of_the_settings_are_made_with_it(make: Any, call: Call) -> None:
    index = {"measure": "l2_distance", "method": vecs.IndexArgsHNSW(m=8)}
    shared = make(index=index, metadata_indexes=(("year", "number"),))
    made = call(shared, "create", 2)
    assert made is not None
    plain = shared.plain_collection()
    assert plain.is_indexed_for_measure("l2_distance")
    assert len([found for found in plain.indexes() if "year" in (found.definition or "")]) == 1


def test_a_dimension_that_is_not_the_collections_is_refused(make: Any, call: Call) -> None:
    call(make(), "create", 2)
    with pytest.raises(MismatchedDimension, match="dimension is 3, but collection 'docs' has dimension 2"):
        call(make(dimension=3), "collection")


def test_none_is_made_where_none_is_to_be_made(make: Any, call: Call) -> None:
    with pytest.raises(CollectionNotFound, match="no collection 'docs', and with setup=False the store creates none"):
        call(make(existing_only="setup=False"), "create", 2)


def test_where_nothing_says_the_dimension_none_is_made(make: Any, call: Call) -> None:
    with pytest.raises(ArgError, match="must provide a dimension"):
        call(make(), "create")


def lengths(texts: list[str]) -> list[list[float]]:
    return [[float(len(text)), 1.0] for text in texts]


def test_a_collection_that_embeds_has_its_transforms_dimension(make: Any, call: Call) -> None:
    transform = vecs.Embedding(lengths, dimension=2)
    shared = make(transform=transform, embeds=True)
    assert call(shared, "create", 7).dimension == 2
    assert shared.required().transform is transform


def without_transform(collection: Any) -> None:
    collection.transform = None


def test_what_is_opened_is_prepared_and_what_is_handed_out_is_not(make: Any, call: Call) -> None:
    shared = make(transform=vecs.Embedding(lengths, dimension=2), prepare=without_transform)
    made = call(shared, "create", 2)
    assert (made.transform, made._index_call) == (None, "store.create_index()")
    plain = shared.plain_collection()
    assert plain.transform is not None
    assert plain._index_call is None
    assert shared.plain_collection() is not plain


def test_a_client_opens_it_once_until_it_is_to_be_fresh(make: Any) -> None:
    shared = make()
    made = shared.create(2)
    assert shared.collection() is made
    assert shared.collection(refresh=True) is not made

    async def twice() -> None:
        found = await shared.acollection()
        assert isinstance(found, vecs.AsyncCollection)
        assert await shared.acollection() is found
        await shared.aclose()
        assert await shared.acollection() is not found

    asyncio.run(twice())


def test_what_is_asked_of_none_is_answered_as_of_an_empty_one(make: Any, call: Call) -> None:
    assert call(make(), "on", lambda collection: collection.count(), 0) == 0


def test_one_that_was_made_anew_elsewhere_is_asked_again(make: Any, call: Call, target: str, schema: str) -> None:
    shared = make()
    shared.create(2)
    search = {"query": [1.0, 2.0], "exact": True}
    if call(shared, "on", lambda collection: collection.search(**search), None) != []:
        raise AssertionError("it is empty")
    with vecs.create_client(target, schema=schema) as client:
        client.delete_collection("docs")
        assert call(shared, "on", lambda collection: collection.count(), -1) == -1
        client.create_collection("docs", 3, text=True).upsert([("a", [1, 2, 3], {})])
        assert call(shared, "on", lambda collection: collection.count(), -1) == 1
        shared.collection()
        client.delete_collection("docs")
        client.create_collection("docs", 2, text=True).upsert([("b", [1, 2], {})])
        found = call(shared, "on", lambda collection: collection.search(**search), [])
        assert [match.id for match in found] == ["b"]


def test_a_write_opens_it_anew(make: Any, call: Call) -> None:
    shared = make()
    made = shared.create(2)
    asked: list[Any] = []

    def ask(collection: Any) -> Any:
        asked.append(collection)
        return collection.truncate()

    call(shared, "on", ask, None, writes=True)
    assert asked[0] is not made


def test_dropping_it_twice_is_dropping_it_once(make: Any, call: Call) -> None:
    shared = make()
    call(shared, "create", 2)
    call(shared, "drop")
    call(shared, "drop")
    assert call(shared, "collection") is None


def test_settings_of_a_framework_come_with_copies_and_pickles(make: Any) -> None:
    shared = make(color="red")
    shared.create(2)
    for twin in (copy.copy(shared), copy.deepcopy(shared), pickle.loads(pickle.dumps(shared))):
        assert twin.settings == shared.settings
        assert twin.settings.color == "red"
        assert twin.required().name == "docs"
        assert len({shared, twin}) == 2
        assert repr(twin) == repr(shared)
        with shared.client().connection() as connection:
            twin.close()
            assert connection.execute("select 1").fetchone() == (1,)


def test_a_lease_needs_no_collection(target: str, schema: str) -> None:
    lease = Lease(resolve_target(url=target, schema=schema))
    assert lease.client().collection_names() == []
    assert repr(lease) == f"vecs.sharing.Lease({lease.client()!r})"

    async def used() -> None:
        assert await (await lease.aclient()).collection_names() == []
        await lease.aclose()

    asyncio.run(used())
    # Closed again, by nobody who holds it.
    lease.close()


def test_a_target_pickled_has_no_client_and_copied_it_is_itself() -> None:
    client = vecs.Client("postgresql://me:secret@localhost/db", schema="mine")
    target = resolve_target(client=client)
    assert copy.copy(target) is copy.deepcopy(target) is target
    twin = pickle.loads(pickle.dumps(target))
    assert twin.client is None
    assert (twin.schema, twin.place, twin.options) == (target.schema, target.place, target.options)
    assert "secret" not in repr(target) + repr(twin)


def test_both_clients_may_be_handed_in_and_belong_together() -> None:
    client, other = vecs.Client("postgresql://h/db", schema="mine"), vecs.Client("postgresql://h/db")
    async_client = vecs.create_async_client("postgresql://h/db", schema="mine")
    both = resolve_target(client=client, async_client=async_client)
    assert (both.client, both.async_client, both.schema) == (client, async_client, "mine")
    alone = resolve_target(async_client=async_client)
    assert (alone.client, alone.async_client) == (async_client, None)
    with pytest.raises(ArgError, match="client is on schema 'vecs' and async_client on 'mine'; they must be one"):
        resolve_target(client=other, async_client=async_client)
    with pytest.raises(ArgError, match="both async clients"):
        resolve_target(client=async_client, async_client=async_client)
    wrong: Any = client
    with pytest.raises(ArgError, match="async_client must be a vecs.AsyncClient, not Client"):
        resolve_target(async_client=wrong)
    with pytest.raises(ArgError, match="url and async_client each say where"):
        resolve_target(url="postgresql://h/db", async_client=async_client)
    with pytest.raises(ArgError, match="async_client= has its own schema$"):
        resolve_target(async_client=async_client, schema="other")
