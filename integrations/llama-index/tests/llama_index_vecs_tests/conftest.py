"""Stores on a schema of the test's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from llama_index.vector_stores.vecs import VecsVectorStore

MakeStore = Callable[..., VecsVectorStore]


@pytest.fixture
def make_store(target: str, schema: str) -> Iterator[MakeStore]:
    """Make stores in the test's schema; closed afterwards."""
    made: list[VecsVectorStore] = []

    def make(name: str = "nodes", **options: Any) -> VecsVectorStore:
        if not {"client", "async_client"} & options.keys():
            options = {"url": target, "schema_name": schema, **options}
        made.append(VecsVectorStore(name, **options))
        return made[-1]

    yield make
    for store in made:
        store.close()


@pytest.fixture
def store(make_store: MakeStore) -> VecsVectorStore:
    """An empty store, with the constructor's defaults."""
    return make_store()
