"""An empty collection stands in nobody's way, and nothing is lost by that."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from typing import Any

import pytest

import vecs
from vecs._async.tables import remake
from vecs._writing.buffer import RowBuffer
from vecs.exc import ArgError, CollectionNotFound, MismatchedDimension, MissingDependency


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
        other.dimension,
        other.has_text,
        other.precision,
        other.sparse,
        other.transform,
    )
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


# Others of the same parts of the catalog.
MORE = [
    "alter table {schema}.docs replica identity full",
    "alter table {schema}.docs cluster on docs_pkey",
    "alter table {schema}.docs alter metadata set compression pglz",
    "alter table {schema}.docs alter metadata type json using metadata::json",
    "alter table {schema}.docs alter metadata set statistics 500",
    "alter table {schema}.docs alter metadata set (n_distinct = 5)",
    "alter table {schema}.docs alter metadata drop default",
    "create sequence {schema}.numbers owned by {schema}.docs.id",
    "comment on constraint docs_pkey on {schema}.docs is 'ours'",
    "create policy p on {schema}.docs",
    "create table {schema}.child () inherits ({schema}.docs)",
]


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
        "alter table {schema}.docs set unlogged",
        "alter table {schema}.docs set (fillfactor = 50)",
        "alter table {schema}.docs set (toast.autovacuum_enabled = false)",
        "alter index {schema}.docs_pkey set (fillfactor = 50)",
        "alter table {schema}.docs alter vec set storage plain",
        "alter table {schema}.docs alter vec drop not null",
        "alter table {schema}.docs alter id type varchar(36)",
        "alter table {schema}.docs alter id set default 'x'",
        "grant select (id) on {schema}.docs to public",
        "comment on column {schema}.docs.id is 'ours'",
        "create statistics {schema}.st on id, metadata from {schema}.docs",
        "create table {schema}.parent (id text not null); alter table {schema}.docs inherit {schema}.parent",
        "create index ix_meta_0123abc on {schema}.docs ((metadata ->> 'a')) with (fillfactor = 50)",
        'comment on table {schema}.docs is \'{{"vecs": {{"language": "english"}}, "owner": "ours"}}\'',
        "comment on type {schema}.docs is 'ours'",
        "create function {schema}.of({schema}.docs) returns int language sql as 'select 1'",
        *(pytest.param(statement, marks=pytest.mark.full) for statement in MORE),
    ],
)
async def test_an_empty_collection_that_more_depends_on_is_left_alone(client: vecs.AsyncClient, statement: str) -> None:
    await client.create_collection("docs", 2)
    async with client.connection() as connection:
        await connection.execute(statement.format(schema=client.schema).encode())
    with pytest.raises(MismatchedDimension, match="is empty, but vecs cannot .* delete_collection"):
        await client.get_or_create_collection("docs", dimension=3)
    assert (await client.get_collection("docs")).dimension == 2


@pytest.mark.parametrize(
    "statement",
    [
        "create index on {schema}.docs (document_id)",
        "create unique index docs_unique on {schema}.docs (document_id)",
        "create index on {schema}.docs using hash (document_id)",
        "alter index {schema}.docs_document_id_idx set (fillfactor = 50)",
        "comment on index {schema}.docs_document_id_idx is 'ours'",
        "alter table {schema}.docs cluster on docs_document_id_idx",
    ],
)
async def test_indexes_of_others_on_columns_of_texts_are_not_dropped(client: vecs.AsyncClient, statement: str) -> None:
    await client.create_collection("docs", 2, text=True)
    async with client.connection() as connection:
        await connection.execute(statement.format(schema=client.schema).encode())
    with pytest.raises(MismatchedDimension, match="is empty, but vecs cannot .* delete_collection"):
        await client.get_or_create_collection("docs", dimension=3)


async def test_what_is_not_named_stays_as_it_was(client: vecs.AsyncClient) -> None:
    await client.create_collection("docs", 2, text=True, language="german", precision="half")
    docs = await client.get_or_create_collection("docs", dimension=3)
    assert ((await docs.info()).has_text, (await docs.info()).precision) == (True, "half")
    assert (await docs._table()).language == "german"
    # The greatest dimension is that of the type that is wanted.
    assert (await client.get_or_create_collection("docs", dimension=100_000, sparse=True)).dimension == 100_000


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


@pytest.mark.parametrize(
    "statement",
    [
        "select from {schema}.docs",
        # The lock of builds.
        'select pg_advisory_xact_lock(hashtextextended(\'"{schema}"."docs"\', 1))',
    ],
)
async def test_an_empty_collection_that_others_use_is_left_alone_at_once(
    client: vecs.AsyncClient, monkeypatch: pytest.MonkeyPatch, statement: str
) -> None:
    await client.create_collection("docs", 2)
    with monkeypatch.context() as patched:
        patched.setattr(remake, "_TRIES", 2)
        async with client.connection() as connection, connection.transaction():
            await connection.execute(statement.format(schema=client.schema).encode())
            with pytest.raises(MismatchedDimension, match="while another session uses it"):
                await client.get_or_create_collection("docs", dimension=3)
    assert (await client.get_or_create_collection("docs", dimension=3)).dimension == 3


async def test_what_vecs_did_with_an_empty_collection_before_does_not_keep_it(client: vecs.AsyncClient) -> None:
    docs = await client.create_collection("docs", 2)
    await docs.upsert([("a", [1, 2], {})])
    await docs.enable_text()
    await docs.enable_text(language="german")
    await docs.delete(["a"])
    async with client.connection() as connection:
        await connection.execute(f"vacuum analyze {client.schema}.docs".encode())
    assert (await client.get_or_create_collection("docs", dimension=3)).dimension == 3
    assert await client.collection_names() == ["docs"]


async def test_an_empty_collection_of_vecs_04_is_made_anew(client: vecs.AsyncClient) -> None:
    await client.create_collection("other", 2)
    async with client.connection() as connection:
        await connection.execute(
            f"""create table {client.schema}.docs (id varchar not null, vec vector(2) not null,
            metadata jsonb default '{{}}'::jsonb not null, primary key (id))""".encode()
        )
    assert (await client.get_or_create_collection("docs", dimension=3)).dimension == 3


async def test_that_a_collection_was_made_anew_is_logged(
    client: vecs.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "vecs")
    await client.create_collection("docs", transform=ones(2, "former"))
    await client.get_or_create_collection("docs", dimension=3)
    assert "'docs' had no records and was made anew: dimension 2 became 3" in caplog.text
    caplog.clear()
    await client.get_or_create_collection("docs", dimension=3)
    assert caplog.text == ""


@pytest.mark.parametrize("again", [False, True])
async def test_a_collection_that_is_deleted_meanwhile_is_created(
    client: vecs.AsyncClient, monkeypatch: pytest.MonkeyPatch, again: bool
) -> None:
    await client.create_collection("docs", 2)
    look, deleted = client._find_table, list[str]()

    async def then_delete(name: str) -> object:
        found = await look(name)
        if not deleted:
            deleted.append(name)
            async with client.connection() as connection:
                table = f"{client.schema}.docs"
                await connection.execute(f"drop table {table}".encode())
                if again:
                    columns = "id text primary key, vec vector(3), metadata jsonb"
                    await connection.execute(f"create table {table} ({columns})".encode())
        return found

    monkeypatch.setattr(client, "_find_table", then_delete)
    docs = await client.get_or_create_collection("docs", dimension=3)
    assert (docs.dimension, await docs.count()) == (3, 0)


@pytest.mark.parametrize("texts", [1, 9], ids=["a statement", "a file"])
async def test_what_another_model_embedded_is_not_written_where_the_collection_was_made_anew(
    client: vecs.AsyncClient, target: str, monkeypatch: pytest.MonkeyPatch, texts: int
) -> None:
    monkeypatch.setattr(RowBuffer.__init__, "__defaults__", (1000,))
    former = await client.create_collection("docs", transform=ones(2, "model"))
    async with vecs.create_async_client(target, schema=client.schema) as other:
        docs = await other.get_or_create_collection("docs", transform=ones(2, "other"))
    with pytest.raises(MismatchedDimension, match="was made with .*other.* vectors of .*model"):
        await former.upsert([(f"{ix}", "text" * 100, {}) for ix in range(texts)])
    assert await docs.count() == 0


async def test_what_another_model_embedded_is_not_searched_for_where_the_collection_was_made_anew(
    client: vecs.AsyncClient, target: str
) -> None:
    former = await client.create_collection("docs", transform=ones(2, "model"))
    await former.search("text")
    async with vecs.create_async_client(target, schema=client.schema) as other:
        docs = await other.get_or_create_collection("docs", transform=ones(2, "other"))
        await docs.upsert([("a", "text", {"n": 1})])
    searches: list[Any] = [
        lambda: former.search("text"),
        lambda: former.search("text", filters={"n": 1}),
        lambda: former.search("text", mode="hybrid"),
        lambda: former.search_many(["text"] * 3),
        lambda: former.query("text"),
    ]
    for search in searches:
        with pytest.raises(MismatchedDimension, match="was made with .*other.* vectors of .*model"):
            await search()


async def test_a_collection_made_anew_with_the_same_model_is_written_to(client: vecs.AsyncClient, target: str) -> None:
    former = await client.create_collection("docs", transform=ones(2, "model"))
    async with vecs.create_async_client(target, schema=client.schema) as other:
        await other.delete_collection("docs")
        await other.create_collection("docs", transform=ones(2, "model"))
    assert await former.search("text") == []
    assert await former.upsert([("a", "text", {})]) == 1


async def test_a_name_that_is_not_there_is_told_with_the_nearest_one(client: vecs.AsyncClient) -> None:
    await client.create_collection("calls", 2)
    with pytest.raises(CollectionNotFound, match="no collection 'calsl' .*; did you mean 'calls'"):
        await client.get_collection("calsl")
    with pytest.raises(CollectionNotFound, match="[^?]$"):
        await client.get_collection("zzzzzz")


@pytest.mark.parametrize(
    ("module", "transform"),
    [
        ("sentence_transformers", vecs.TextEmbedding()),
        ("semantic_text_splitter", vecs.TextPreprocessor()),
        ("semantic_text_splitter", vecs.TextPreprocessor(chunker="paragraph")),
        ("PIL", vecs.ImageEmbedding()),
    ],
)
async def test_no_collection_is_made_for_a_transform_whose_package_is_not_installed(
    client: vecs.AsyncClient, monkeypatch: pytest.MonkeyPatch, module: str, transform: Any
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingDependency, match=f"{module} .*pip install 'vecs"):
        await client.get_or_create_collection("docs", transform=transform)
    assert await client.collection_names() == []
