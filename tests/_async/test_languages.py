"""The language of keyword search: what a collection is made with, what it tells, and what a wrong one is told."""

from __future__ import annotations

from typing import Any

import pytest

import vecs
from vecs.exc import ArgError


@pytest.mark.parametrize("call", ["create_collection", "get_or_create_collection"])
async def test_a_language_asks_for_texts(client: vecs.AsyncClient, call: str) -> None:
    docs = await getattr(client, call)("docs", dimension=1, language="german")
    info = await docs.info()
    assert (info.has_text, info.language) == (True, "german")
    assert "language='german'" in repr(info)
    with pytest.raises(ArgError, match="language='german' is that of keyword search, and text=False"):
        await getattr(client, call)("others", dimension=1, text=False, language="german")
    assert await client.collection_names() == ["docs"]
    plain = await (await getattr(client, call)("plain", dimension=1)).info()
    assert (plain.has_text, plain.language) == (False, None)
    assert (await (await getattr(client, call)("texts", dimension=1, text=True)).info()).language == "english"


async def test_a_collection_without_texts_that_is_asked_for_a_language(client: vecs.AsyncClient) -> None:
    docs = await client.create_collection("docs", 1)
    await docs.upsert([("a", [1], {})])
    with pytest.raises(
        ArgError, match=r"exists without keywords, .* add them: client.get_collection\('docs'\).enable_text\('german'\)"
    ):
        await client.get_or_create_collection("docs", dimension=1, language="german")
    await docs.truncate()
    # An empty one is made anew, as with text=True.
    docs = await client.get_or_create_collection("docs", dimension=1, language="german")
    assert (await docs.info()).language == "german"


@pytest.mark.parametrize(
    ("language", "told"),
    [
        ("English", r"'English'; did you mean 'english'\? The server has"),
        ("englsh", r"did you mean 'english'\?"),
        ("de", r"did you mean 'german'\?"),
        ("japanese", "for Japanese use 'simple'"),
    ],
)
async def test_wrong_names_of_languages_are_told_with_the_right_ones(
    client: vecs.AsyncClient, language: str, told: str
) -> None:
    with pytest.raises(ArgError, match=told):
        await client.create_collection("docs", 1, language=language)
    assert await client.collection_names() == []
    docs = await client.create_collection("docs", 1)
    with pytest.raises(ArgError, match=told):
        await docs.enable_text(language)


async def test_enable_text_tells_how_many_texts_it_filled_in(client: vecs.AsyncClient) -> None:
    docs = await client.create_collection("docs", 1)
    await docs.upsert([("a", [1], {"body": "apples"}), ("b", [1], {"body": 5}), ("c", [1], {"body": "pears", "n": 1})])
    with pytest.raises(ArgError, match=r"unknown language 'txt'; .* is text_key='txt'\. The server has"):
        await docs.enable_text("txt")
    assert await docs.enable_text(text_key="body") == 2
    # Nothing is left to be filled in, and the key is right.
    assert await docs.enable_text(text_key="body") == 0
    assert await docs.enable_text("german") == 0


@pytest.mark.parametrize(
    ("metadata", "key", "told"),
    [
        ({"body": "apples"}, "bodyy", r"under text_key='bodyy', .*; did you mean 'body'\?$"),
        ({"body": "apples", "by": "Ann"}, "content", "; keys with strings are 'body', 'by'$"),
        ({"n": 5}, "n", "no text was filled in$"),
        ({}, "a\".'b", "no text was filled in$"),
    ],
)
async def test_enable_text_warns_of_a_key_that_no_record_has(
    client: vecs.AsyncClient, metadata: dict[str, Any], key: str, told: str
) -> None:
    docs = await client.create_collection("docs", 1)
    await docs.upsert([("a", [1], metadata)])
    with pytest.warns(UserWarning, match=told) as warned:
        assert await docs.enable_text(text_key=key) == 0
    assert warned[0].filename == __file__
    assert (await docs.info()).has_text


async def test_enable_text_reads_keys_of_metadata_that_is_no_object(client: vecs.AsyncClient) -> None:
    docs = await client.create_collection("docs", 1)
    await docs.upsert([("a", [1], {})])
    async with client.connection() as connection:
        await connection.execute(f"update \"{client.schema}\".docs set metadata = '[1]'")
    with pytest.warns(UserWarning, match="no text was filled in"):
        await docs.enable_text(text_key="body")
