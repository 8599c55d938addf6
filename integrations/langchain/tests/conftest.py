"""Stores on a schema of the test's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from langchain_vecs import VecsVectorStore

from .models import Table

MakeStore = Callable[..., VecsVectorStore]


@pytest.fixture
def make_store(target: str, schema: str) -> Iterator[MakeStore]:
    """Make stores in the test's schema; closed afterwards."""
    made: list[VecsVectorStore] = []

    def make(embedding: Any = None, collection: Any = "docs", **options: Any) -> VecsVectorStore:
        if isinstance(collection, str) and "client" not in options:
            options = {"url": target, "schema": schema, **options}
        made.append(VecsVectorStore(embedding, collection, **options))
        return made[-1]

    yield make
    for store in made:
        store.close()


@pytest.fixture
def store(make_store: MakeStore) -> VecsVectorStore:
    """An empty store, with the constructor's defaults."""
    return make_store(Table())
