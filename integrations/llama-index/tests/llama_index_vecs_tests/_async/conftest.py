"""A client on the schema of the test's stores."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import pytest

import vecs


@pytest.fixture
async def client(target: str, schema: str) -> AsyncGenerator[vecs.AsyncClient]:
    """A client that is not a store's."""
    async with vecs.create_async_client(target, schema=schema) as client:
        yield client
