"""Methods that Python's syntax calls: in the wrong world (sync or async) they raise TypeError and say what to write."""

from __future__ import annotations

from typing import Any, NoReturn, cast

from vecs.exc import CallError


class AsyncDunders:
    """
    Operations that an async collection cannot have: `len()`, `in` and `for`.

    Without these, Python would iterate by `__getitem__`, whose coroutines never end.
    """

    def __len__(self) -> int:
        raise _other("len() cannot be awaited", "await collection.count()")

    def __contains__(self, id: object) -> bool:
        raise _other("`in` cannot be awaited", "bool(await collection.get([id]))")

    def __iter__(self) -> NoReturn:
        raise _other(
            "an async collection needs `async for`",
            "`async for record in collection.scan()`, or [record async for record in collection.scan()] for a list",
        )


class Dunders:
    """`len(collection)` and `id in collection`."""

    def __len__(self) -> int:
        return cast("Any", self).count()

    def __contains__(self, id: object) -> bool:
        return bool(cast("Any", self).get([id]))

    def __aiter__(self) -> NoReturn:
        raise _other("this collection belongs to a sync client", "`for record in collection.scan()`", sync=True)


class AsyncClientDunders:
    """`with` on an async client: raises an error."""

    def __enter__(self) -> NoReturn:
        raise _other("an async client needs `async with`", "`async with vecs.create_async_client(...) as client`")

    def __exit__(self, *_: object) -> None:
        """Nothing: it is not entered."""


class ClientDunders:
    """`async with` on a sync client: raises an error."""

    async def __aenter__(self) -> NoReturn:
        raise _other("this client is sync", "`with vecs.create_client(...) as client`", sync=True)

    async def __aexit__(self, *_: object) -> None:
        """Nothing: it is not entered."""


def _other(why: str, instead: str, *, sync: bool = False) -> CallError:
    # A TypeError, which Python itself raises for operations that an object does not support.
    other = "; for async code make the client with vecs.create_async_client()" if sync else ""
    return CallError(f"{why}: write {instead}{other}")
