"""Several clients that want the same empty collection to be another one."""

from __future__ import annotations

import asyncio

import vecs


def test_one_of_several_calls_makes_it_anew_and_all_open_that(target: str, schema: str) -> None:
    async def run() -> set[int | None]:
        async with vecs.create_async_client(target, schema=schema) as client:
            await client.create_collection("docs", 2)
            calls = [client.get_or_create_collection("docs", dimension=3) for _ in range(4)]
            return {docs.dimension for docs in await asyncio.gather(*calls)}

    assert asyncio.run(run()) == {3}
