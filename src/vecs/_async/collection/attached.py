"""A table of somebody else as a collection."""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterable, Mapping
from dataclasses import replace
from typing import Any, NoReturn, cast

from vecs._async.collection.anew import async_anew
from vecs._async.collection.collection import AsyncCollection
from vecs._async.collection.connected import AsyncConnected
from vecs._async.tables.attach import find_attached, located
from vecs._async.tables.create import check_takes_transform
from vecs._async.tables.enable_text import find_language
from vecs._checks.shown import in_double_quotes
from vecs._checks.wrong_calls import explain_wrong_call
from vecs._concurrency.calls import async_offload
from vecs._reports.bars import Progress
from vecs._sql import advice
from vecs._sql.attaching import Attachment, attachment
from vecs._sql.tables import Table
from vecs._writing.attached import needed_columns
from vecs._writing.documents import check_one_row_each
from vecs._writing.frames import ArrowStream
from vecs._writing.made_ids import MadeIds
from vecs._writing.stored_transform import transform_to_open_with
from vecs.exc import ArgError, DatabaseError
from vecs.indexes import IndexMethod
from vecs.measures import measure_for
from vecs.records import UpsertResult
from vecs.transforms import Transform
from vecs.transforms._given import checked_transform


class AsyncAttachedCollection(AsyncCollection):
    """
    A table of your own as a collection; a client's `attach()` returns one.

    It has the methods of a collection but for those that alter the table: they raise ArgError, which shows the SQL.
    """

    _attachment: Attachment

    @property
    def schema(self) -> str:
        """The Postgres schema of the table."""
        return self._attachment.schema or self.client.schema

    @property
    def _place(self) -> tuple[str, str]:
        # Searches by another column of vectors have other indexes.
        return self.schema, f"{self.name}\0{dict(self._attachment.parts).get('vec')}"

    def __repr__(self) -> str:
        name = in_double_quotes(f"{self.schema}.{self.name}")
        return f"vecs.{type(self).__name__}(name={name}, dimension={self.dimension})"

    async def _find_now(self) -> Table:
        return await find_attached(self._executor, self._attachment)

    async def upsert(
        self,
        records: Iterable[Any] | AsyncIterable[Any] | ArrowStream | None = None,
        skip_adapter: bool = False,
        *,
        vectors: Iterable[Any] | None = None,
        batch_size: int | None = None,
        progress: Progress = False,
        skip_transform: bool = False,
        columns: Mapping[str, str | None] | None = None,
        ids: MadeIds = "uuid",
    ) -> UpsertResult:
        """
        Write records, as a collection does; what a record does not name stays as it is in the table.

        So a record may be without a vector, a text or metadata, and a column that is no key of its metadata keeps its
        value. None as the value of such a key is NULL. Of several records with one id, each changes what it names, in
        their order. In a new row, a column that no record names gets its default.
        """
        try:
            return await super().upsert(
                records,
                skip_adapter,
                vectors=vectors,
                batch_size=batch_size,
                progress=progress,
                skip_transform=skip_transform,
                columns=columns,
                ids=ids,
            )
        except DatabaseError as error:
            said = needed_columns(await self._table(0), error)
            if said is None:
                raise
            told = DatabaseError(f"{error.args[0]}; {said}", error.sqlstate)
            told.stored = error.stored
            raise told from error.__cause__

    @async_anew("select")
    async def index(self, *args: Any, **kwargs: Any) -> str:
        """Raise ArgError, which shows the SQL that makes the index: nothing is altered in a table of your own."""
        explain_wrong_call(AsyncCollection.index, (self, *args), kwargs)
        table = await self._table(0)
        names = ("measure", "method", "index_arguments", "replace")
        given = {**dict(zip(names, args, strict=False)), **kwargs}
        if not table.has_vectors:
            self._refuse("index()", advice.add_vectors(table))
        measure = measure_for(given.get("measure"), table.vec_type, table.dimension)
        method = "ivfflat" if "ivfflat" in str(given.get("method")).lower() else IndexMethod.hnsw.value
        precision = given.get("precision") if given.get("precision") in ("half", "binary") else "full"
        statements = [advice.vector_index(table, measure, method, cast("Any", precision))]
        if (more := advice.metadata_index(table)) is not None:
            statements.append(more)
        self._refuse("index()", "; ".join(statements))

    create_index = index

    @async_anew("select")
    async def create_metadata_index(self, key: str, *args: Any, **kwargs: Any) -> str:
        """Raise ArgError, which shows the SQL that makes the index."""
        explain_wrong_call(AsyncCollection.create_metadata_index, (self, key, *args), kwargs)
        table = await self._table(0)
        column = table.known_columns.get(key) if isinstance(cast("Any", key), str) else None
        self._refuse("create_metadata_index()", advice.key_index(table, column, key))

    async def drop_index(self, name: str) -> None:
        """Raise ArgError, which shows the SQL that drops the index."""
        table = await self._table()
        self._refuse("drop_index()", advice.drop_index(table, str(name)))

    async def enable_text(self, *args: Any, **kwargs: Any) -> None:
        """Raise ArgError, which shows the SQL that gives the table keywords."""
        explain_wrong_call(AsyncCollection.enable_text, (self, *args), kwargs)
        self._refuse("enable_text()", advice.add_keywords(await self._table(0)))

    async def truncate(self) -> None:
        """Raise ArgError, which shows the SQL that deletes all rows."""
        self._refuse("truncate()", f"truncate {advice.shown(await self._table())}")

    async def rename(self, name: str) -> None:
        """Raise ArgError, which shows the SQL that renames the table."""
        self._refuse("rename()", advice.rename(await self._table(), str(name)))

    def _refuse(self, call: str, statement: str) -> NoReturn:
        raise ArgError(
            f"{call} would alter {in_double_quotes(f'{self.schema}.{self.name}')}, a table of your own that is "
            f"attached; run it yourself, in client.connection() or elsewhere: {statement}"
        )


class AsyncAttaching(AsyncConnected):
    """How a client opens tables that are no collections."""

    schema: str

    async def attach(
        self,
        name: str | tuple[str, str],
        *,
        id: str | None = None,
        vec: str | None = None,
        text: str | None = None,
        metadata: str | None = None,
        columns: Iterable[str] = (),
        read_only: bool = False,
        document_id: str | None = None,
        text_search: str | None = None,
        language: str | None = None,
        transform: Transform | None = None,
    ) -> AsyncAttachedCollection:
        """
        Open a table of your own as a collection; nothing is altered or stored in the database.

        `name` is "schema.table", "table" or a pair (schema, table). Names that have dots are put in double quotes.
        Without a schema, it is the client's schema if that has such a table, and else `public`. It may be a view, a
        materialized view, a partitioned or a foreign table; those that are no tables are for reading.

        The other arguments are names of columns. `id` has the ids, of type uuid, bigint, integer, smallint, text or
        varchar; the default is the primary key. `vec` has the vectors, `text` the texts: give at least one of them.
        `metadata` is of type jsonb or json. `columns` are columns that are keys of metadata: filters and results have
        them, and what you write under these keys goes there. `document_id` has the ids of documents. `text_search`, of
        type tsvector, has the keywords for keyword and hybrid search; a column that Postgres generates from the texts
        is found without it. `language` is how its words are read if your program fills it, such as a trigger: a text
        search configuration of the server, by default "simple".

        With `read_only=True`, whatever writes raises ArgError. A `transform` makes vectors of texts, one per row: it
        must not split them.

        Raises CollectionNotFound if there is no such table, and ArgError for a column that is not there or of another
        type than needed, with the SQL that would help.
        """
        parts = {
            "vec": vec,
            "text": text,
            "metadata": metadata,
            "document_id": document_id,
            "text_search": text_search,
        }
        given = attachment(name, id, parts, columns, read_only)
        if language is not None:
            async with self._executor.transaction() as session:
                given = replace(given, language=await find_language(session, language))
        return await self._attached(await located(self._executor, given, self.schema), transform)

    async def _attached(self, given: Attachment, transform: Transform | None) -> AsyncAttachedCollection:
        if transform is not None:
            transform = checked_transform(transform)
            check_one_row_each(transform, "a table of your own", "attach()")
        table = await find_attached(self._executor, given)
        if transform is not None and not table.has_vectors:
            raise ArgError("transform= makes vectors, and vec=, which names the column for them, is missing")
        if transform is not None:
            check_takes_transform(table.vec_type)
        transform, _ = await async_offload(transform_to_open_with, table, transform)
        dimension = table.dimension
        if dimension is None and transform is not None:
            dimension = await async_offload(getattr, transform, "dimension")
        client: Any = self
        made = AsyncAttachedCollection(table.name, dimension, client, transform, table=table)
        vars(made)["_attachment"] = given
        return made


async def async_attached_collection(
    client: Any, given: Attachment, transform: Transform | None
) -> AsyncAttachedCollection:
    """Open a table by what was said of it before."""
    return await client._attached(given, transform)


async def async_keeps(collection: Any) -> frozenset[str]:
    """Return which of the parts of a record that others may do without a collection keeps: document_id and extra."""
    table: Table = await collection._table()
    kept = {"document_id": table.has_documents, "extra": table.has_extra}
    return frozenset(name for name, there in kept.items() if there or not table.attached)
