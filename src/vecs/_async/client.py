"""A client: one target, one pool, its collections."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from psycopg import AsyncConnection

from vecs._async.collection.collection import AsyncCollection
from vecs._async.collection.connected import AsyncConnected
from vecs._async.sending.executor import AsyncExecutor
from vecs._async.sending.sessions import AsyncSession
from vecs._async.tables.enable_text import find_language
from vecs._async.tables.find import find_relation, find_table, require_table
from vecs._concurrency.calls import async_offload
from vecs._concurrency.loops import async_started
from vecs._connecting.options import Options
from vecs._connecting.target import resolve_target
from vecs._reports.info import ClientInfo
from vecs._searching.catalog import Catalog
from vecs._sql import table as tables
from vecs._sql.table import Table, check_dimension, check_name
from vecs._writing.stored_transform import description, keeps_text, remembered
from vecs.exc import (
    ArgError,
    CollectionAlreadyExists,
    DatabaseError,
    MismatchedDimension,
)
from vecs.storage import VEC_TYPES, Precision, VecTypeName, check_version, vec_type_of
from vecs.transforms import Transform


class AsyncClient(AsyncConnected):
    """
    A connection pool to one Postgres, and the collections in one of its schemas.

    Made by `create_async_client()`. It connects with the first call and belongs to the event loop of that
    call. As a context manager it closes at the end; a closed client connects again when it is used.
    """

    def __init__(
        self,
        target: str | os.PathLike[str] | None = None,
        *,
        connection_string: str | None = None,
        schema: str = "vecs",
        pool_size: int = 10,
        pool_timeout: float = 30.0,
        connect_timeout: int = 10,
        statement_timeout: float | None = None,
        pooler: bool = False,
        server_settings: Mapping[str, str] | None = None,
        keep_running: bool = False,
        report: Callable[[str], None] | None = None,
    ) -> None:
        self.schema = check_name(schema, "schema name")
        options = Options(
            pool_size=pool_size,
            pool_timeout=pool_timeout,
            connect_timeout=connect_timeout,
            statement_timeout=statement_timeout,
            pooler=pooler,
            server_settings=server_settings,
            keep_running=keep_running,
            report=report,
        )
        if connection_string is not None and target is not None:
            raise ArgError("target and connection_string are two names of one argument; give one of them")
        super().__init__(AsyncExecutor(resolve_target(connection_string or target), options), Catalog())

    def __repr__(self) -> str:
        return f"vecs.{type(self).__name__}({str(self._executor.target)!r}, schema={self.schema!r})"

    def __getstate__(self) -> dict[str, Any]:
        return {"schema": self.schema, "target": self._executor.target, "options": self._executor.options}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.schema = state["schema"]
        super().__init__(AsyncExecutor(state["target"], state["options"]), Catalog())

    async def connect(self) -> None:
        """
        Connect now rather than with the first call.

        Raises Unavailable where no server answers, DatabaseError where it refuses, ServerError where the
        embedded server does not start.
        """
        await self._executor.open()

    async def close(self) -> None:
        """Return every connection and let go of the embedded server; a closed client may be closed again."""
        await self._executor.close()

    async def disconnect(self) -> None:
        """Close; vecs 0.4's name for it."""
        await self.close()

    async def __aenter__(self) -> AsyncClient:
        await self.connect()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @property
    def vector_version(self) -> str | None:
        """The server's pgvector version; None before the first call, and where it is not installed."""
        extension = self._executor.extension
        return None if extension is None else ".".join(map(str, extension.version))

    @asynccontextmanager
    async def connection(self) -> AsyncGenerator[AsyncConnection[Any]]:
        """
        Lend a psycopg connection for plain SQL, in autocommit mode.

        Use `connection.transaction()` for several statements at once. It comes out of the client's pool, and
        what was set or prepared in it for the session is undone when it goes back.
        """
        async with self._executor.connection() as connection:
            yield connection

    async def info(self) -> ClientInfo:
        """Read where the client is connected, and to what."""
        version, in_recovery, database, user = (await self._executor.read(tables.server_facts()))[0]
        server = self._executor.server
        return ClientInfo(
            target=str(self._executor.target) if server is None else str(server.folder),
            folder=None if server is None else server.folder,
            log=None if server is None else server.log_path,
            database=database,
            user=user,
            schema=self.schema,
            postgres=version,
            pgvector=self.vector_version,
            read_only=in_recovery,
            pooler=self._executor.pooler,
            pool_size=self._executor.options.pool_size,
        )

    # --- collections ---------------------------------------------------------------------------------

    async def get_or_create_collection(
        self,
        name: str,
        *,
        dimension: int | None = None,
        transform: Transform | None = None,
        adapter: Transform | None = None,
        text: bool | None = None,
        language: str | None = None,
        precision: Precision | None = None,
        sparse: bool | None = None,
    ) -> AsyncCollection:
        """
        Open a collection, or create it where there is none.

        `dimension` is that of its vectors; a `transform` (0.4's `adapter`) that makes vectors brings its own.
        A collection with a text transform, or with `text=True`, keeps text, documents and extra data beside
        each vector, and `language` is how its keywords are read. `precision="half"` stores vectors with 16 bits
        a number instead of 32, up to 65,504, and `precision="binary"` one bit each, of vectors that are bits;
        `sparse=True` stores vectors most of whose values are zero: see `SparseVector`. Raises
        MismatchedDimension where the collection that is there, or the model it was made with, is another.
        """
        transform = _one_transform(transform, adapter)
        vec_type = vec_type_of(precision, sparse)
        found = await self._find_table(name)
        if dimension is not None:
            dimension = check_dimension(dimension, vec_type if found is None else found.vec_type)
        if found is None:
            return await self._create(name, dimension, transform, text, language or "english", vec_type)
        _check_same_type(found, precision, sparse)
        if dimension is None and transform is None:
            raise ArgError(
                "One of dimension or adapter must provide a dimension: give dimension= or transform=, "
                "or open a collection that exists with get_collection()"
            )
        if text is not None and text != found.has_text:
            raise ArgError(
                f"collection {name!r} exists {'with' if found.has_text else 'without'} text columns, which are "
                f"decided when it is created; leave text={text} out, "
                + ("call enable_text() on it, " if text else "")
                + "or use another collection"
            )
        if language is not None and found.language and _unqualified(language) != _unqualified(found.language):
            raise ArgError(
                f"collection {name!r} exists with keywords in {found.language}, not {language!r}; leave language= out, "
                "or call enable_text() with the new one"
            )
        return await self._open(found, dimension, transform)

    async def create_collection(
        self,
        name: str,
        dimension: int | None = None,
        *,
        transform: Transform | None = None,
        adapter: Transform | None = None,
        text: bool | None = None,
        language: str = "english",
        precision: Precision | None = None,
        sparse: bool | None = None,
    ) -> AsyncCollection:
        """
        Create a collection; raises CollectionAlreadyExists if there is one of that name.

        The arguments are those of `get_or_create_collection`.
        """
        transform = _one_transform(transform, adapter)
        vec_type = vec_type_of(precision, sparse)
        if dimension is not None:
            dimension = check_dimension(dimension, vec_type)
        if await self._find_table(name) is not None:
            raise CollectionAlreadyExists(f"collection {name!r} already exists in schema {self.schema!r}")
        return await self._create(name, dimension, transform, text, language, vec_type, must_create=True)

    async def get_collection(self, name: str, *, transform: Transform | None = None) -> AsyncCollection:
        """
        Open a collection; raises CollectionNotFound if there is none of that name.

        The transform it was made with comes back with it, unless it was a function of the caller's own, which
        is given again as `transform=`.
        """
        return await self._open(await require_table(self._executor, self.schema, name), None, transform)

    async def list_collections(self) -> list[AsyncCollection]:
        """Open all collections of the schema, by name."""
        tables_found = [await self._find_table(name) for name in await self.collection_names()]
        # One that was deleted meanwhile is left out.
        return [await self._open(table, None, None) for table in tables_found if table is not None]

    async def collection_names(self) -> list[str]:
        """List the names of all collections of the schema."""
        return [row[0] for row in await self._executor.read(tables.find_tables(self.schema))]

    async def delete_collection(self, name: str) -> None:
        """Delete a collection with its records; absent is no error. A view on it is: DatabaseError."""
        # A table of somebody's that is not a collection is refused.
        if await self._find_table(name) is None:
            return
        self._catalog.forget()
        await self._executor.outside_transaction(tables.drop_table(self.schema, check_name(name)))

    async def rename_collection(self, name: str, new_name: str) -> AsyncCollection:
        """Rename a collection and open it under its new name."""
        await require_table(self._executor, self.schema, name)
        if await find_relation(self._executor, self.schema, new_name):
            raise CollectionAlreadyExists(f"the name {new_name!r} is taken in schema {self.schema!r}")
        await self._executor.outside_transaction(tables.rename_table(self.schema, name, new_name))
        self._catalog.forget()
        return await self.get_collection(new_name)

    async def _find_table(self, name: str) -> Table | None:
        return await find_table(self._executor, self.schema, name)

    async def _open(self, table: Table, dimension: int | None, transform: Transform | None) -> AsyncCollection:
        if dimension is not None and table.dimension is not None and dimension != table.dimension:
            raise MismatchedDimension(
                f"dimension is {dimension}, but collection {table.name!r} has dimension {table.dimension}"
            )
        if transform is not None:
            _check_takes_transform(table.vec_type)
        # A model may have to be loaded to know its dimension.
        transform, missing = await async_offload(remembered, table, transform)
        return AsyncCollection(table.name, table.dimension, self, transform, table=table, without_transform=missing)

    async def _create(
        self,
        name: str,
        dimension: int | None,
        transform: Transform | None,
        text: bool | None,
        language: str,
        vec_type: VecTypeName,
        *,
        must_create: bool = False,
    ) -> AsyncCollection:
        if transform is not None:
            _check_takes_transform(vec_type)
        made = None if transform is None else await async_offload(getattr, transform, "dimension")
        if dimension is not None and made is not None and dimension != made:
            raise MismatchedDimension(f"dimension is {dimension}, but the transform makes vectors of dimension {made}")
        dimension = dimension or made
        if dimension is None:
            raise ArgError("One of dimension or adapter must provide a dimension: give dimension= or transform=")
        check_dimension(dimension, vec_type)
        has_text = keeps_text(transform) if text is None else text
        async with self._executor.transaction() as session:
            await session.execute(tables.lock_creation())
            # Looked for again under the lock: another client may have been faster.
            rows = await session.execute(tables.find_table(self.schema, name))
            if not rows:
                await self._prepare_schema(session)
                extension = await self._prepare_extension(session)
                configuration = await find_language(session, language)
                storage = VEC_TYPES[vec_type]
                check_version(
                    extension.version, storage.since, f"a collection of {storage.described}", "leave precision= out"
                )
                language_read = configuration if has_text else None
                table = Table(self.schema, name, dimension, extension, has_text, language_read, vec_type)
                for statement in tables.create_table(table):
                    await session.execute(statement)
                described = description(transform, language, has_text)
                if described:
                    await session.execute(tables.write_comment(table, described))
        if self._executor.extension is None:
            await self._executor.refresh_extension()
        if rows and must_create:
            raise CollectionAlreadyExists(f"collection {name!r} already exists in schema {self.schema!r}")
        return await self._open(await require_table(self._executor, self.schema, name), dimension, transform)

    async def _prepare_schema(self, session: AsyncSession) -> None:
        if not await session.execute(tables.find_schema(self.schema)):
            await session.execute(tables.create_schema(self.schema))

    async def _prepare_extension(self, session: AsyncSession) -> tables.Extension:
        found = tables.read_extension(await session.execute(tables.find_extension()))
        if found is not None:
            return found
        if not await session.execute(tables.find_available_extension()):
            raise DatabaseError(
                f"{self._executor.target} has no pgvector: install it on the server "
                "(package postgresql-<version>-pgvector, or choose it at your provider) and try again"
            )
        await session.execute(tables.create_extension())
        created = tables.read_extension(await session.execute(tables.find_extension()))
        if created is None:
            raise DatabaseError("pgvector was created but its type vector is not to be found")
        return created


def _unqualified(language: str) -> str:
    return language.rsplit(".", 1)[-1]


def _check_same_type(table: Table, precision: Precision | None, sparse: bool | None) -> None:
    storage = table.storage
    if precision not in (None, storage.precision) or sparse not in (None, storage.sparse):
        given = f"precision={precision!r}" if precision not in (None, storage.precision) else f"sparse={sparse}"
        raise ArgError(
            f"collection {table.name!r} exists and holds {storage.described}, which is decided when it is created; "
            f"leave {given} out, or use another collection"
        )


def _check_takes_transform(vec_type: VecTypeName) -> None:
    if vec_type in ("bit", "sparsevec"):
        raise ArgError(
            f"a collection of {VEC_TYPES[vec_type].described} takes no transform: transforms make vectors of floating "
            "point numbers. Store those in full or half precision and use index(precision='binary')"
        )


def _one_transform(transform: Transform | None, adapter: Transform | None) -> Transform | None:
    if transform is not None and adapter is not None:
        raise ArgError("transform and adapter are two names of one argument; give one of them")
    given = adapter if transform is None else transform
    if given is not None and not callable(getattr(given, "transform_records", None)):
        raise ArgError(f"{given!r} is not a transform: it has no transform_records() and transform_query()")
    return given


def create_async_client(
    target: str | os.PathLike[str] | None = None,
    *,
    connection_string: str | None = None,
    schema: str = "vecs",
    pool_size: int = 10,
    pool_timeout: float = 30.0,
    connect_timeout: int = 10,
    statement_timeout: float | None = None,
    pooler: bool = False,
    server_settings: Mapping[str, str] | None = None,
    keep_running: bool = False,
    report: Callable[[str], None] | None = None,
) -> AsyncClient:
    """
    Make a client of a Postgres with pgvector, or of an embedded one.

    `target` is a connection string (postgresql://...), a folder for an embedded server, or None: $VECS_URL if
    it is set, else the embedded server in the user's data folder. Any number of processes may open a folder.
    (`connection_string` is vecs 0.4's name for it.)

    `schema` is where its collections live. `pool_size` is the most connections it opens, `pool_timeout` how
    long a call waits for one, `statement_timeout` the longest a statement may run; all in seconds.
    `pooler=True` is for a transaction pooler in between (PgBouncer, Supavisor): nothing is prepared and
    nothing set for longer than a transaction. For the embedded server, `server_settings` are Postgres
    settings at its start, `keep_running` leaves it running when its last client is gone, and `report` is
    called with what it does when that takes long.
    """
    client = AsyncClient(
        target,
        connection_string=connection_string,
        schema=schema,
        pool_size=pool_size,
        pool_timeout=pool_timeout,
        connect_timeout=connect_timeout,
        statement_timeout=statement_timeout,
        pooler=pooler,
        server_settings=server_settings,
        keep_running=keep_running,
        report=report,
    )
    return async_started(client)
