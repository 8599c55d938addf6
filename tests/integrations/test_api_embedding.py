"""Stores over a collection whose vectors a server with OpenAI's API makes."""

from __future__ import annotations

from typing import Any

import pytest
from llama_index.core.schema import TextNode
from llama_index.core.vector_stores.types import VectorStoreQuery
from tests.standin import DIMENSION, standing_in

import langchain_vecs
import vecs
from llama_index.vector_stores import vecs as llama_index_vecs


@pytest.mark.parametrize("async_", [False, True], ids=["sync", "async"])
async def test_stores_embed_by_the_collections_server(target: str, schema: str, async_: bool) -> None:
    with standing_in() as api, vecs.create_client(target, schema=schema) as vx:
        step = vecs.APIEmbedding("tiny", base_url=api.url, dimension=DIMENSION)
        vx.create_collection("pages", transform=step)
        store: Any = langchain_vecs.VecsVectorStore(None, "pages", url=target, schema=schema)
        if async_:
            await store.aadd_texts(["aaa", "eee"], ids=["a", "e"])
            (found,) = await store.asimilarity_search("ee", k=1)
        else:
            store.add_texts(["aaa", "eee"], ids=["a", "e"])
            (found,) = store.similarity_search("ee", k=1)
        assert found.id == "e"

        other: Any = llama_index_vecs.VecsVectorStore("nodes", url=target, schema_name=schema, transform=step)
        nodes = [TextNode(id_="a", text="aaa"), TextNode(id_="e", text="eee")]
        query = VectorStoreQuery(query_str="ee", similarity_top_k=1)
        if async_:
            await other.async_add(nodes)
            answer = await other.aquery(query)
        else:
            other.add(nodes)
            answer = other.query(query)
        assert answer.ids == ["e"]
        assert vx.get_collection("nodes").transform is not None
        store.close()
        other.close()
