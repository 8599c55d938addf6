"""Reads the vectors of stored records that a search takes as examples."""

from __future__ import annotations

from typing import Any

from vecs._async.sending.executor import AsyncExecutor
from vecs._searching.examples import Examples, example_vectors
from vecs._sql.answers import Columns, read_records
from vecs._sql.records import select_records
from vecs._sql.selection import Selection, mapped_selection
from vecs._sql.tables import Table


async def read_examples(
    executor: AsyncExecutor, table: Table, examples: Examples, *, whole: bool
) -> dict[str, list[Any]]:
    """Return the vectors of each example; with `whole`, an id may be that of a document, and means all its records."""
    columns = Columns(text=False, metadata=False, vec=True)
    selection = Selection(ids=examples.ids, whole=whole)
    if table.mapped is not None:
        selection = mapped_selection(table.mapped, examples.ids, None, None, writes=False)
    rows = await executor.read(select_records(table, columns, selection))
    return example_vectors(examples, read_records(table, rows), whole=whole)
