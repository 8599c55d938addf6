"""A client: one target, one pool, its collections."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from psycopg import AsyncConnection

from vecs._async.collection.collection import AsyncCollection
from vecs._async.collection.connected import AsyncConnected
from vecs._async.indexing.guard import NO_TIMEOUT, altering
from vecs._async.sending.executor import AsyncExecutor
from vecs._async.tables.create import (
    NewCollection,
    check_same_dimension,
    check_same_text,
    check_same_type,
    check_takes_transform,
    create_collection,
    one_transform,
)
from vecs._async.tables.find import find_relation, find_table, require_table
from vecs._async.tables.refused import saying_what_to_grant
from vecs._async.tables.remake import remade
from vecs._checks.arguments import made_of, one_of
from vecs._checks.meant import OF_CLIENTS
from vecs._checks.settings import NONE_GIVEN, check_may_alter, merged_settings
from vecs._checks.shown import brief
from vecs._checks.wrong_calls import methods_explain_wrong_calls
from vecs._concurrency.calls import async_offload
from vecs._concurrency.dunders import AsyncClientDunders
from vecs._concurrency.loops import async_started
from vecs._connecting.options import Options
from vecs._connecting.secrets import explains_calls_to_connect, hides_targets, unseen
from vecs._connecting.target import resolve_target
from vecs._reports.info import ClientInfo
from vecs._searching.catalog import Catalog
from vecs._sql import tables
from vecs._sql.scalars import first_column
from vecs._sql.tables import Table, check_dimension, check_name
from vecs._writing.stored_transform import transform_to_open_with
from vecs.exc import (
    ArgError,
    CollectionAlreadyExists,
)
from vecs.storage import Precision, vec_type_of
from vecs.transforms import Transform

if TYPE_CHECKING:
    from typing_extensions import Self


class AsyncClient(AsyncConnected, AsyncClientDunders):
    """
    A connection pool to one Postgres, and the collections in one of its schemas.

    Made by `create_async_client()`. It connects with the first call and belongs to the event loop of that
    call. As a context manager it closes at the end; a closed client connects again when it is used.
    """

    _instead = OF_CLIENTS

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
        pooler: bool | None = None,
        server_settings: Mapping[str, str] | None = None,
        keep_running: bool = False,
        report: Callable[[str], None] | None = None,
    ) -> None:
        target, connection_string = unseen(target), unseen(connection_string)
        options = made_of(Options, locals())
        self.schema = check_name(schema, "schema name")
        given = one_of("target", target, "connection_string", connection_string)
        super().__init__(AsyncExecutor(resolve_target(given), options), Catalog())

    def __repr__(self) -> str:
        if not hasattr(self, "_executor"):
            # Its making failed, and a traceback shows variables.
            return f"<vecs.{type(self).__name__} that was not made>"
        # Names alone: a value may be a token.
        settings = f", settings={sorted(self._executor.settings)}" if self._executor.settings else ""
        return f"vecs.{type(self).__name__}({str(self._executor.target)!r}, schema={self.schema!r}{settings})"

    def __eq__(self, other: object) -> bool:
        """Whether the other is this client, or a view of the same client with the same settings."""
        return type(other) is type(self) and self._identity() == other._identity()

    def __hash__(self) -> int:
        return hash((self.schema, self._executor.connections_id))

    def _identity(self) -> tuple[object, ...]:
        return self.schema, self._executor.connections_id, dict(self._executor.settings)

    def __getstate__(self) -> dict[str, Any]:
        executor = self._executor
        state = {"schema": self.schema, "target": executor.target, "options": executor.options}
        return {**state, "settings": dict(executor.settings)} if executor.settings else state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.schema = state["schema"]
        settings = state.get("settings", NONE_GIVEN)
        super().__init__(AsyncExecutor(state["target"], state["options"], settings), Catalog())

    def with_settings(self, settings: Mapping[str, Any] | None) -> Self:
        """
        Return a view of this client whose every statement has these settings, for row-level security above all.

        `{"app.tenant": "a", "role": "tenant"}`: names with a dot are your own, and `role`, `statement_timeout`,
        `work_mem` and some others are the server's. Values are strings, numbers, bools, UUIDs, and for your own names
        mappings and lists, which become JSON. They are added to this client's settings, and hold for what is opened
        through the view: collections, `connection()`, writes, index builds. Making a view costs nothing; it uses the
        pool of this client, and closing it does nothing. A pickled view has a pool of its own.

        A view with a role or settings of your own is for records: policies guard no tables, so to create, rename or
        delete a collection, or `enable_text()`, raises DatabaseError, and `truncate()` deletes what the tenant sees.

        What a search or a build sets by itself takes precedence, such as `ef_search=` over "hnsw.ef_search". Raises
        ArgError for other names; an unknown role is found by the first statement.
        """
        view = type(self).__new__(type(self))
        vars(view).update(vars(self))
        view._executor = self._executor.with_settings(merged_settings(self._executor.settings, settings))
        return view

    async def connect(self) -> None:
        """
        Connect now rather than with the first call.

        Raises Unavailable where no server answers, DatabaseError where it refuses, ServerError where the
        embedded server does not start.
        """
        await self._executor.open()

    async def close(self) -> None:
        """Return every connection and release the embedded server; a second call does nothing."""
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

        Use `connection.transaction()` for several statements at once. Numpy arrays and the values of pgvector-python's
        classes are parameters, and vectors come back as its version gives them: numpy arrays up to 0.4, from 0.5 on
        its `Vector`. Operators of pgvector in a schema that is not on the search_path are written with it:
        `vec operator(extensions.<=>) %s`. It comes out of the client's pool, and
        what was set or prepared in it for the session is undone when it goes back.

        Behind a transaction pooler all of it is one transaction, which is committed when the connection goes back, and
        rolled back on an error: what you set, lock or prepare would otherwise stay on a connection of the pooler that
        others use. So `commit()` is refused there, and so is what cannot be in a transaction, such as VACUUM.
        """
        async with self._executor.connection() as connection:
            yield connection

    async def info(self) -> ClientInfo:
        """Read where the client is connected, and to what."""
        facts = tables.read_server_facts(await self._executor.read(tables.server_facts()))
        server = self._executor.server
        return ClientInfo(
            target=str(self._executor.target) if server is None else str(server.folder),
            folder=None if server is None else server.folder,
            log=None if server is None else server.log_path,
            dsn=None if server is None else server.dsn,
            programs=None if server is None else await async_offload(server.find_programs),
            database=facts.database,
            user=facts.user,
            schema=self.schema,
            postgres=facts.version,
            pgvector=self.vector_version,
            read_only=facts.in_recovery,
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
        per number instead of 32, up to 65,504, and `precision="binary"` stores vectors of bits; `sparse=True`
        stores vectors most of whose values are zero: see `SparseVector`. Raises MismatchedDimension where the
        collection exists with another dimension, or was made with another model; but one without records, of which
        nothing else would be lost, is made anew as it is asked for here.
        """
        transform = one_transform(transform, adapter)
        vec_type = vec_type_of(precision, sparse)
        found = await self._find_table(name)
        if dimension is not None:
            dimension = check_dimension(dimension, vec_type if found is None else found.vec_type)
        keywords = "english" if language is None else language
        new = NewCollection(self.schema, name, dimension, transform, text, keywords, vec_type)
        if found is None:
            return await self._open(await create_collection(self._executor, new), transform)
        if dimension is None and transform is None:
            check_same_type(found, precision, sparse)
            raise ArgError(
                "One of dimension or adapter must provide a dimension: give dimension= or transform=, "
                "or open a collection that exists with get_collection()"
            )

        async def opened(found: Table) -> AsyncCollection:
            check_same_type(found, precision, sparse)
            check_same_text(found, text, language)
            check_same_dimension(found, dimension)
            return await self._open(found, transform)

        try:
            return await opened(found)
        except ArgError as error:
            if not await remade(self._executor, found, new, error):
                raise
        # What other objects of this client know of it, and of its indexes, is past.
        self._catalog.altered += 1
        self._catalog.forget()
        return await opened(await require_table(self._executor, self.schema, name))

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
        transform = one_transform(transform, adapter)
        vec_type = vec_type_of(precision, sparse)
        if dimension is not None:
            dimension = check_dimension(dimension, vec_type)
        if await self._find_table(name) is not None:
            raise CollectionAlreadyExists(f"collection {brief(name)} already exists in schema {self.schema!r}")
        new = NewCollection(self.schema, name, dimension, transform, text, language, vec_type)
        return await self._open(await create_collection(self._executor, new, must_create=True), transform)

    async def get_collection(self, name: str, *, transform: Transform | None = None) -> AsyncCollection:
        """
        Open a collection; raises CollectionNotFound if there is none of that name.

        It has the transform it was made with. A function of the caller's own is not stored, so that it is given
        again as `transform=`.
        """
        transform = one_transform(transform, None)
        return await self._open(await require_table(self._executor, self.schema, name), transform)

    async def list_collections(self) -> list[AsyncCollection]:
        """Open all collections of the schema, by name."""
        tables_found = [await self._find_table(name) for name in await self.collection_names()]
        # One that was deleted meanwhile is left out.
        return [await self._open(table, None) for table in tables_found if table is not None]

    async def collection_names(self) -> list[str]:
        """List the names of all collections of the schema."""
        return first_column(await self._executor.read(tables.find_tables(self.schema)))

    async def delete_collection(self, name: str) -> None:
        """Delete a collection with its records, if there is one; raises DatabaseError where a view depends on it."""
        check_may_alter(self._executor.settings, "to delete a collection")
        # Raises where the table of this name is not a collection.
        table = await self._find_table(name)
        if table is None:
            return
        async with (
            saying_what_to_grant(self._executor, self.schema, name, "own"),
            altering(self._executor, table) as session,
        ):
            await session.execute(tables.drop_table(self.schema, name))
        self._catalog.forget()

    async def rename_collection(self, name: str, new_name: str) -> AsyncCollection:
        """Rename a collection and open it under its new name."""
        check_may_alter(self._executor.settings, "to rename a collection")
        table = await require_table(self._executor, self.schema, name)
        if await find_relation(self._executor, self.schema, new_name):
            raise CollectionAlreadyExists(f"the name {brief(new_name)} is taken in schema {self.schema!r}")
        async with (
            saying_what_to_grant(self._executor, self.schema, name, "own", "create"),
            altering(self._executor, table, NO_TIMEOUT) as session,
        ):
            await session.execute(tables.rename_table(self.schema, name, new_name))
        self._catalog.forget()
        return await self.get_collection(new_name)

    async def _find_table(self, name: str) -> Table | None:
        return await find_table(self._executor, self.schema, name)

    async def _open(self, table: Table, transform: Transform | None) -> AsyncCollection:
        if transform is not None:
            check_takes_transform(table.vec_type)
        # A model may have to be loaded to know its dimension.
        transform, missing = await async_offload(transform_to_open_with, table, transform)
        return AsyncCollection(table.name, table.dimension, self, transform, table=table, without_transform=missing)


methods_explain_wrong_calls(AsyncClient, hiding=hides_targets)


@explains_calls_to_connect
def create_async_client(
    target: str | os.PathLike[str] | None = None,
    *,
    connection_string: str | None = None,
    schema: str = "vecs",
    pool_size: int = 10,
    pool_timeout: float = 30.0,
    connect_timeout: int = 10,
    statement_timeout: float | None = None,
    pooler: bool | None = None,
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
    Through a transaction pooler (PgBouncer, Supavisor) nothing is prepared and nothing set for longer than a
    transaction; whether one is in between is found out, unless `pooler=` says it. For the embedded server,
    `server_settings` are Postgres settings at its start, `keep_running` leaves it running when its last client
    is gone, and `report` is called with a sentence about what it does when that takes long.
    """
    target, connection_string = unseen(target), unseen(connection_string)
    # The constructor's arguments are the same; a test compares the two.
    return async_started(AsyncClient(**locals()))
