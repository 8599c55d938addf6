"""A client on a schema of the test's own."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import pytest

import vecs


@pytest.fixture
async def client(target: str, schema: str) -> AsyncGenerator[vecs.AsyncClient]:
    """A client whose collections no other test sees."""
    async with vecs.create_async_client(target, schema=schema) as client:
        yield client
