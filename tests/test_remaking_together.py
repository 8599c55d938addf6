"""Several clients that want the same empty collection to be another one."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import psycopg
import pytest
from psycopg import sql

import vecs
from vecs.exc import MismatchedDimension


def test_one_of_several_calls_makes_it_anew_and_all_open_that(target: str, schema: str) -> None:
    async def run() -> set[int | None]:
        async with vecs.create_async_client(target, schema=schema) as client:
            await client.create_collection("docs", 2)
            calls = [client.get_or_create_collection("docs", dimension=3) for _ in range(4)]
            return {docs.dimension for docs in await asyncio.gather(*calls)}

    assert asyncio.run(run()) == {3}


def test_an_empty_collection_of_another_role_is_left_alone(superuser_target: str, schema: str) -> None:
    role, table = sql.Identifier(f"{schema}_role"), sql.Identifier(schema, "docs")
    with vecs.create_client(superuser_target, schema=schema) as client:
        client.create_collection("docs", 2)
        with psycopg.connect(superuser_target, autocommit=True) as server:
            server.execute(sql.SQL("create role {}").format(role))
            server.execute(sql.SQL("alter table {} owner to {}").format(table, role))
            try:
                with pytest.raises(MismatchedDimension, match="another role owns it"):
                    client.get_or_create_collection("docs", dimension=3)
                assert client.get_collection("docs").dimension == 2
            finally:
                server.execute(sql.SQL("drop schema {} cascade").format(sql.Identifier(schema)))
                server.execute(sql.SQL("drop role {}").format(role))


def test_calls_that_make_it_anew_and_delete_it_know_no_other_error(target: str, schema: str) -> None:
    async def run() -> None:
        async with vecs.create_async_client(target, schema=schema) as client:

            async def change(number: int) -> None:
                for round_ in range(5):
                    # Another call may have made it again, with another dimension.
                    with suppress(MismatchedDimension):
                        await client.get_or_create_collection("docs", dimension=2 + (number + round_) % 3)
                    await client.delete_collection("docs")

            await asyncio.gather(*(change(number) for number in range(4)))

    asyncio.run(run())
