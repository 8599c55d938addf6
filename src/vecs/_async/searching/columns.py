"""Reads other columns of the table for records that were found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

from vecs._async.sending.executor import AsyncExecutor
from vecs._sql.records import select_columns
from vecs._sql.tables import Table
from vecs.columns import TableColumn
from vecs.records import Match, Record

Found = TypeVar("Found", Match, Record)


async def with_columns(
    executor: AsyncExecutor, table: Table, found: Sequence[Found], columns: Sequence[TableColumn]
) -> list[Found]:
    """Return what was found with the columns, read by a statement of its own; an empty dict for what is gone."""
    ids = list({str(each.id) for each in found})
    read = dict(await executor.read(select_columns(table, ids, columns))) if ids and columns else {}
    return [replace(each, columns=read.get(str(each.id), {})) for each in found]
