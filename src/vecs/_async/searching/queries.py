"""What is searched for, made into vectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from vecs._async.transforming import transform_queries
from vecs._sql.tables import Table
from vecs._sql.vectors import checked_vector
from vecs.exc import ArgError
from vecs.records import is_vector
from vecs.transforms import Transform


async def query_vectors(
    queries: Sequence[Any], table: Table, transform: Transform | None, without_transform: str | None
) -> list[Any]:
    """
    Return the vectors of texts or other media; what is a vector already is only checked.

    `without_transform` is why the collection has no transform, where it was made with one.
    """
    for query in queries:
        if query is None:
            raise ArgError("the query is None; give a text or a vector")
        # Of a matrix the check of vectors says what to do.
        if transform is None and not is_vector(query) and getattr(query, "ndim", None) != 2:
            instead = without_transform or "open the collection with transform=, or give a vector"
            raise ArgError(
                f"the query is {type(query).__name__}, and collection {table.name!r} has no transform to turn it into "
                f"a vector; {instead}"
            )
    if transform is not None:
        queries = await transform_queries(transform, queries)
    return [checked_vector(query, table, "the query") for query in queries]
