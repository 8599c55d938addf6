"""What is searched for, made into vectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from vecs._async.transforming import transform_queries
from vecs._searching.queries import check_query
from vecs._sql.tables import Table
from vecs._sql.vectors import checked_vector
from vecs.transforms import Transform


async def query_vectors(
    queries: Sequence[Any], table: Table, transform: Transform | None, without_transform: str | None
) -> list[Any]:
    """
    Return the vectors of texts or other media; what is a vector already is only checked.

    `without_transform` is why the collection has no transform, where it was made with one.
    """
    for query in queries:
        check_query(query, table, transform is not None, without_transform)
    if transform is not None:
        queries = await transform_queries(transform, queries)
    return [checked_vector(query, table, "the query") for query in queries]
