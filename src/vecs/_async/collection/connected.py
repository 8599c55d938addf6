"""What a client shares with its collections."""

from __future__ import annotations

from vecs._async.sending.executor import AsyncExecutor
from vecs._checks.wrong_calls import Telling
from vecs._searching.catalog import Catalog


class AsyncConnected(Telling):
    """A client or a collection: both send through the client's executor, and know what its catalog knows."""

    def __init__(self, executor: AsyncExecutor, catalog: Catalog) -> None:
        self._executor = executor
        self._catalog = catalog
