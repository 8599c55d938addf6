"""A client on a schema of the test's own."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from typing import Any

import psycopg
import pytest
from psycopg import sql

import vecs


@pytest.fixture
async def client(target: str, schema: str) -> AsyncGenerator[vecs.AsyncClient]:
    """A client whose collections no other test sees."""
    async with vecs.create_async_client(target, schema=schema) as client:
        yield client


@pytest.fixture
def run(target: str, schema: str) -> Callable[[str], None]:
    """Run SQL as another program would; `{s}` is the test's schema."""

    def execute(statements: str) -> None:
        with psycopg.connect(target, autocommit=True) as connection:
            connection.execute("set client_min_messages = warning")
            text: Any = statements.replace("{s}", sql.Identifier(schema).as_string(None))
            connection.execute(text)

    execute("create schema if not exists {s}; create extension if not exists vector")
    return execute
