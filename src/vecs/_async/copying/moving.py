"""How a client copies its collections to another one."""

from __future__ import annotations

from collections.abc import Iterable

from vecs._async.collection.attached import AsyncAttaching
from vecs._async.copying.run import AsyncPlace, CopyOptions, check_copy, copy_table
from vecs._checks.numbers import checked_flag, checked_int
from vecs._checks.shown import brief
from vecs._reports.bars import Progress
from vecs._reports.copies import CopyReport
from vecs._sql import tables
from vecs._sql.scalars import first_column
from vecs._sql.tables import check_name
from vecs.exc import ArgError


class AsyncMoving(AsyncAttaching):
    """The part of a client that copies collections."""

    async def copy_collection(
        self,
        name: str,
        to: AsyncMoving | None = None,
        *,
        new_name: str | None = None,
        replace: bool = False,
        batch_size: int = 10_000,
        progress: Progress = False,
    ) -> CopyReport:
        """
        Copy a collection to another target, or to another name, and compare the copy with it.

        `to` is a client of the other target; without it the copy is made here, under `new_name`. Records, columns,
        the transform and other comments, and indexes with their parameters are copied; columns that Postgres computes,
        such as words, are computed anew. The copy has the records of one moment: what others write meanwhile is not in
        it. Policies, triggers, constraints, views and granted privileges are not copied; `.left_out` of the result
        names them.

        The copy becomes a collection at the end, when its count and checksum are those of its source. A run that was
        interrupted leaves a table `vecs_copy_…`; the same call goes on with it. `batch_size` records are written per
        transaction. `replace=True` replaces a collection of that name at the end. `progress` is as for `upsert()`.

        Nothing is made if the collection could not be made there: a type or a text search configuration is missing,
        the name is taken (CollectionAlreadyExists), or a privilege is missing. Raises DatabaseError if policies hide
        records from this role. Copy only from databases that you trust: expressions of columns and indexes are
        copied, too.
        """
        return await copy_table(*self._sides(name, to, new_name), _options(replace, batch_size, progress))

    async def copy_collections(
        self,
        to: AsyncMoving,
        *,
        names: Iterable[str] | None = None,
        replace: bool = False,
        batch_size: int = 10_000,
        progress: Progress = False,
    ) -> list[CopyReport]:
        """
        Copy several collections to another target, by default all of the schema; see `copy_collection`.

        All of them are checked before the first is copied. Each is complete as soon as it is there.
        """
        options = _options(replace, batch_size, progress)
        if isinstance(names, str):
            raise ArgError(f"names is a list of names, such as [{names!r}], not a string")
        found = first_column(await self._executor.read(tables.find_tables(self.schema))) if names is None else names
        sides = [self._sides(name, to, None) for name in dict.fromkeys(found)]
        for source, destination in sides:
            await check_copy(source, destination, options)
        return [await copy_table(source, destination, options) for source, destination in sides]

    def _sides(self, name: str, to: AsyncMoving | None, new_name: str | None) -> tuple[AsyncPlace, AsyncPlace]:
        if to is not None and not isinstance(to, AsyncMoving):
            raise ArgError(
                f"to= is a client of the same kind, as in to=vecs.create_client(...), or async where this one is "
                f"async; not {brief(to)}"
            )
        name = check_name(name)
        if to is None and new_name in (None, name):
            raise ArgError(f"a copy of {brief(name)} needs another client (to=) or another name (new_name=)")
        there = self if to is None else to
        named = name if new_name is None else check_name(new_name)
        return AsyncPlace(self._executor, self.schema, name), AsyncPlace(there._executor, there.schema, named)


def _options(replace: bool, batch_size: int, progress: Progress) -> CopyOptions:
    return CopyOptions(checked_flag(replace, "replace"), checked_int(batch_size, "batch_size", 1, 1_000_000), progress)
