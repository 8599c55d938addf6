"""Another model for the records of a collection."""

from __future__ import annotations

import logging

from vecs._async.collection.replacing import AsyncReplacingAll
from vecs._async.tables.create import check_takes_transform
from vecs._async.tables.refused import saying_what_to_grant
from vecs._async.writing.reembed import AsyncReembedding, cancel
from vecs._checks.numbers import checked_int
from vecs._checks.settings import check_may_alter
from vecs._concurrency.calls import async_offload
from vecs._reports.bars import Progress, progress_updates
from vecs._sql.advice import shown
from vecs._sql.tables import Table, check_dimension
from vecs._writing.reembedding import embedder_for, is_under_way
from vecs.exc import ArgError
from vecs.transforms import Transform, identity
from vecs.transforms._given import checked_transform

log = logging.getLogger("vecs")

# So many times new vectors are caught up before it is told, and before indexes are looked for again.
_TRIES = 10


class AsyncReembeddingAll(AsyncReplacingAll):
    """The methods that give a collection another model."""

    async def reembed(self, transform: Transform, *, batch_size: int = 128, progress: Progress = False) -> int:
        """
        Embed all records by another transform, whose vectors take the place of the old ones; return how many.

        The texts that are stored are embedded `batch_size` at a time, each in a small transaction, and they are not
        split again. Meanwhile searches go on with the old vectors, and others may write: what they write is embedded
        before the switch. Indexes on the vectors are built for the new ones before the switch, under the same names.
        The switch needs a lock for a moment. Then the collection has the new dimension and transform. Other objects of
        the collection notice at their next search or write: with the old transform they raise MismatchedDimension.

        If it fails, or its process ends, searches go on with the old vectors. Call it again with the same transform
        to continue, or `cancel_reembed()`. If all is embedded by this transform already, it does nothing.

        Raises ArgError for records without a text, and for views and other things that depend on the vectors.
        """
        check_may_alter(self._executor.settings, "reembed()")
        batch_size = checked_int(batch_size, "batch_size", 1)
        transform = checked_transform(transform)
        embedder_for(transform)
        table = await self._reembeddable()
        check_takes_transform(table.vec_type)
        given = await async_offload(identity, transform)
        if given == table.comment.get("identity") and not is_under_way(table):
            log.info("collection %r is embedded by this transform already; nothing to do", self.name)
            return 0
        dimension = check_dimension(await async_offload(getattr, transform, "dimension"), table.vec_type)
        call = AsyncReembedding(self._executor, table, transform, dimension, batch_size)
        async with saying_what_to_grant(self._executor, self.schema, self.name, "own", "create"):
            try:
                await self._embedded_anew(call, progress)
            finally:
                self._catalog.altered += 1
                self._catalog.forget()
        self.transform = transform
        await self._table(0)
        return call.embedded

    async def _embedded_anew(self, call: AsyncReembedding, progress: Progress) -> None:
        total, done = await call.begin()
        with progress_updates(progress, total, self.name) as update:

            def more(count: int) -> None:
                nonlocal done
                # Records that others change meanwhile are embedded once more.
                done = min(done + count, total)
                update(done)

            update(done)
            tries = 0
            while not call.is_over:
                tries += 1
                if tries % _TRIES == 0:
                    log.info(
                        "others write into collection %r all the time; its new vectors take the place of the old as "
                        "soon as nobody writes for a moment",
                        self.name,
                    )
                if await call.catch_up(more) or call.is_over:
                    continue
                # Not each time: while vecs looks for indexes, others write again.
                if tries % _TRIES < 2 and await call.build_indexes():
                    continue
                if await call.switch():
                    break
        await call.finish()

    async def cancel_reembed(self) -> bool:
        """
        Drop what a `reembed()` that was not finished has made; return whether there was any.

        A `reembed()` that still runs elsewhere fails then.
        """
        check_may_alter(self._executor.settings, "cancel_reembed()")
        table = await self._reembeddable()
        try:
            async with saying_what_to_grant(self._executor, self.schema, self.name, "own"):
                return await cancel(self._executor, table)
        finally:
            self._catalog.altered += 1

    async def _reembeddable(self) -> Table:
        table = await self._table(0)
        if table.mapped is not None:
            raise ArgError(f"reembed() is for collections that vecs made, not for {shown(table)}")
        if not table.has_text:
            raise ArgError(f"collection {self.name!r} stores no texts, so that there is nothing to embed anew")
        if table.row_security:
            raise ArgError(
                f"policies hide records of collection {self.name!r} from this role, and reembed() needs all of them: "
                "call it as a role that has BYPASSRLS, or that owns the table"
            )
        return table
