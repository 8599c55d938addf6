"""A client beside the stores."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import pytest

import vecs


@pytest.fixture
async def client(target: str, schema: str) -> AsyncGenerator[vecs.AsyncClient]:
    """A client that sees the test's stores' collections."""
    async with vecs.create_async_client(target, schema=schema) as client:
        yield client
