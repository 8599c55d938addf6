"""An empty collection stands in nobody's way, and nothing is lost by that."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

import vecs
from vecs.exc import ArgError, MismatchedDimension


def ones(dimension: int, name: str) -> vecs.Embedding:
    def embed(texts: Sequence[str]) -> list[list[float]]:
        return [[1.0] * dimension for _ in texts]

    return vecs.Embedding(embed, dimension, name=name)


@pytest.mark.parametrize(
    "wanted",
    [
        {"dimension": 3},
        {"dimension": 2, "text": True},
        {"dimension": 2, "precision": "half"},
        {"dimension": 2, "sparse": True},
        {"transform": ones(2, "other")},
        {"transform": ones(5, "model")},
        {"transform": ones(2, "model"), "language": "german"},
    ],
    ids=str,
)
async def test_an_empty_collection_is_made_anew_as_it_is_wanted(client: vecs.AsyncClient, wanted: Any) -> None:
    made = {"transform": ones(2, "model")} if "transform" in wanted else {"dimension": 2}
    former = await client.get_or_create_collection("docs", **made)
    docs = await client.get_or_create_collection("docs", **wanted)
    expected = await client.create_collection("expected", **wanted)
    info, other = await docs.info(), await expected.info()
    assert (info.dimension, info.has_text, info.precision, info.sparse, info.transform) == (
        other.dimension, other.has_text, other.precision, other.sparse, other.transform
    )  # fmt: skip
    # What was opened before is told, or writes what fits.
    if docs.dimension != 2:
        with pytest.raises((MismatchedDimension, ArgError)):
            await former.upsert([("a", [1, 2], {})])


async def test_a_collection_with_records_is_left_alone(client: vecs.AsyncClient) -> None:
    docs = await client.create_collection("docs", 2)
    await docs.upsert([("a", [1, 2], {})])
    with pytest.raises(MismatchedDimension, match="dimension is 3, but collection 'docs' has dimension 2$"):
        await client.get_or_create_collection("docs", dimension=3)
    assert await docs.count() == 1


@pytest.mark.parametrize(
    "statement",
    [
        "create view {schema}.seen as select id from {schema}.docs",
        "alter table {schema}.docs add column price integer",
        "create index on {schema}.docs (metadata)",
        "create unique index ix_meta_0123abc on {schema}.docs (vec)",
        "create index ix_vector on {schema}.docs (vec)",
        "grant select on {schema}.docs to public",
        "comment on table {schema}.docs is 'ours'",
        "alter table {schema}.docs add check (id <> '')",
        "alter table {schema}.docs add unique (vec)",
        "create table {schema}.other (id text references {schema}.docs)",
        "create rule r as on delete to {schema}.docs do nothing",
        "alter table {schema}.docs enable row level security",
    ],
)
async def test_an_empty_collection_that_more_depends_on_is_left_alone(client: vecs.AsyncClient, statement: str) -> None:
    await client.create_collection("docs", 2)
    async with client.connection() as connection:
        await connection.execute(statement.format(schema=client.schema).encode())
    with pytest.raises(MismatchedDimension, match="is empty, but vecs cannot .* delete_collection"):
        await client.get_or_create_collection("docs", dimension=3)
    assert (await client.get_collection("docs")).dimension == 2


async def test_indexes_that_vecs_made_go_with_an_empty_collection(client: vecs.AsyncClient) -> None:
    docs = await client.create_collection("docs", 2)
    await docs.index(filters={"kind": "a"})
    await docs.index(method="ivfflat", precision="half")
    await docs.create_metadata_index("Price in €", "number")
    assert len(await docs.indexes()) == 5
    docs = await client.get_or_create_collection("docs", dimension=3)
    assert (docs.dimension, len(await docs.indexes())) == (3, 1)


async def test_what_cannot_be_made_leaves_the_empty_collection(client: vecs.AsyncClient) -> None:
    await client.create_collection("docs", 2, text=True)
    with pytest.raises(ArgError, match="language"):
        await client.get_or_create_collection("docs", dimension=3, text=True, language="klingon")
    assert (await client.get_collection("docs")).dimension == 2
