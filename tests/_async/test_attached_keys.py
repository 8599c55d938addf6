"""Keys that a table of one's own does not have, in filters and groups."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import vecs
from vecs.exc import ArgError, FilterError

TABLE = """
    create table {s}.t (
        k bigint primary key, v vector(2), body text, price numeric, stock int, details jsonb, doc text
    );
    insert into {s}.t values (1, '[1,0]', 'cats', 5, 3, '{"size": 3}', 'd'), (2, '[0,1]', 'dogs', 7, 4, '{}', 'd');
"""
ASKED: list[tuple[str, str]] = [
    ("stock", "declare it with columns=['stock'], or write '$stock'"),
    ("prize", "did you mean 'price'"),
    ("stok", "did you mean '$stock'"),
    ("details.size", "declare it with columns=['details'] for 'details.size'"),
    ("price.x", "none of them"),
    ("unlike all", "they are 'price'"),
    ("body", "write '$body'"),
    ("id", "write '$id'"),
    ("text", "write '$text'"),
    ("document_id", "write '$document_id'"),
    ("", "none of them"),
]


@pytest.mark.parametrize(("key", "said"), ASKED)
async def test_a_key_that_is_no_declared_column_is_told(
    client: vecs.AsyncClient, run: Callable[[str], None], key: str, said: str
) -> None:
    run(TABLE)
    docs = await client.attach("t", vec="v", text="body", columns=["price"], document_id="doc")
    filters: list[Any] = [{key: 1}, {"$not": {key: 1}}, {key: {"$exists": False}}, {"$or": [{"price": 5}, {key: 1}]}]
    calls: list[Any] = [docs.count, docs.delete, docs.get]
    for call in calls:
        for given in filters:
            with pytest.raises(FilterError) as caught:
                await call(filters=given)
            assert said in str(caught.value)
    with pytest.raises(FilterError):
        await docs.search([1, 1], filters={key: 1})
    with pytest.raises(ArgError) as refused:
        await docs.search([1, 1], group_by=key)
    assert (said if key else "group_by must be") in str(refused.value)
    assert await docs.count() == 2

    rest = await client.attach("t", vec="v", text="body", columns=["price"], metadata="details")
    assert await rest.count(filters={"size": 3, "stock": {"$exists": False}}) == 1


async def test_a_path_below_a_column_is_written_without_a_dollar(
    client: vecs.AsyncClient, run: Callable[[str], None]
) -> None:
    run(TABLE)
    docs = await client.attach("t", vec="v", columns=["details"])
    bare = await client.attach("t", vec="v")
    for found, key, said in (
        (docs, "$details.size", "without $: write 'details.size'"),
        (bare, "$details.size", "columns=['details']), and write 'details.size'"),
        (bare, "$stock.size", "column 'stock' is integer, which has no paths"),
    ):
        with pytest.raises(FilterError) as caught:
            await found.count(filters={key: 3})
        with pytest.raises(ArgError) as refused:
            await found.search([1, 1], group_by=key)
        assert said in str(caught.value)
        assert said in str(refused.value)
    assert await docs.count(filters={"details.size": 3}) == 1
    with pytest.raises(ArgError, match="unknown"):
        await docs.search([1, 1], group_by="$nope.size")


async def test_a_group_by_a_key_that_names_a_column_warns(client: vecs.AsyncClient) -> None:
    docs = await client.create_collection("docs", dimension=2, text=True)
    await docs.upsert([vecs.Record("1", [1, 1], document_id="d"), vecs.Record("2", [1, 1], metadata={"id": 5})])
    with pytest.warns(UserWarning, match=r"group_by= uses the metadata key 'document_id'.*'\$document_id'"):
        assert len(await docs.search([1, 1], group_by="document_id")) == 1
    assert [match.group for match in await docs.search([1, 1], group_by="id")] == [None, 5]
    with pytest.raises(ArgError, match="group_by must be a metadata key"):
        await docs.search([1, 1], group_by="")
