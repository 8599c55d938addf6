"""A client: one target, one pool, its collections."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from psycopg import AsyncConnection

from vecs._async.collection.collection import AsyncCollection
from vecs._async.copying.moving import AsyncMoving
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
    wanted_type,
    wants_text,
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
from vecs._reports.html import facts
from vecs._reports.info import ClientInfo
from vecs._searching.catalog import Catalog
from vecs._sql import tables
from vecs._sql.scalars import first_column
from vecs._sql.server import read_server_facts, server_facts
from vecs._sql.tables import Table, check_dimension, check_name
from vecs._writing.stored_transform import transform_to_open_with
from vecs.exc import ArgError, CollectionAlreadyExists
from vecs.storage import Precision, vec_type_of
from vecs.transforms import Transform
from vecs.transforms._retrying import waited_for

if TYPE_CHECKING:
    from typing_extensions import Self


class AsyncClient(AsyncMoving, AsyncClientDunders):
    """
    A connection pool to one Postgres, and the collections in one of its schemas.

    `create_async_client()` makes one. It connects at the first call, and belongs to the event loop of that
    call. `async with` closes it at the end. A closed client connects again when it is used.
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

    def _repr_html_(self) -> str:
        return facts(type(self).__name__, {"target": str(self._executor.target), "schema": self.schema})

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
        Return a view of this client whose statements all have these settings, mainly for row-level security.

        An example is `{"app.tenant": "a", "role": "tenant"}`. Names with a dot are your own. `role`,
        `statement_timeout`, `work_mem` and some others are settings of the server. Values are strings, numbers, bools
        and UUIDs; your own names also take dicts and lists, which become JSON. The settings are added to those of this
        client. They apply to everything done through the view: collections, `connection()`, writes, index builds. A
        view costs almost nothing: it uses this client's pool, and closing it does nothing. A pickled view has its own.

        Postgres' policies do not protect tables. So through a view with a role or settings of your own, creating,
        renaming or deleting a collection and `enable_text()` raise DatabaseError, and `truncate()` deletes only the
        records that the tenant sees.

        Arguments of a search or a build take precedence, such as `ef_search=` over "hnsw.ef_search". Raises
        ArgError for other names. An unknown role raises an error only at the first statement.
        """
        view = type(self).__new__(type(self))
        vars(view).update(vars(self))
        view._executor = self._executor.with_settings(merged_settings(self._executor.settings, settings))
        return view

    async def connect(self) -> None:
        """
        Connect now; without it, the first call connects.

        Raises Unavailable if no server answers, DatabaseError if the server refuses, ServerError if the
        embedded server does not start.
        """
        await self._executor.open()

    async def close(self) -> None:
        """Close all connections and let go of the embedded server; a second call does nothing."""
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
        """The version of pgvector on the server; None before the first call, or if it is not installed."""
        extension = self._executor.extension
        return None if extension is None else ".".join(map(str, extension.version))

    @asynccontextmanager
    async def connection(self) -> AsyncGenerator[AsyncConnection[Any]]:
        """
        Lend a psycopg connection for plain SQL, in autocommit mode.

        Use `connection.transaction()` for several statements in one transaction. Parameters may be numpy arrays and
        objects of pgvector-python's classes. Vectors come back as the installed pgvector-python returns them: as numpy
        arrays up to version 0.4, and as its `Vector` from 0.5 on. If pgvector is in a schema that is not on the
        search_path, write its operators with the schema: `vec operator(extensions.<=>) %s`. The connection belongs to
        the client's pool. When it goes back, the settings and prepared statements of your session are undone.

        Behind a transaction pooler, the whole block is one transaction. It is committed when the connection goes back,
        and rolled back on an error. Otherwise your settings, locks and prepared statements would stay on a connection
        of the pooler that others use. So `commit()` raises an error there, and so do statements that cannot be in a
        transaction, such as VACUUM.
        """
        async with self._executor.connection() as connection:
            yield connection

    async def info(self) -> ClientInfo:
        """Return facts about the connection: the server or folder, the database and role, versions, a pooler."""
        facts = read_server_facts(await self._executor.read(server_facts()))
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
        Open a collection, or create it if there is none.

        `dimension` is how many numbers each vector has. A `transform` (`adapter` in vecs 0.4) makes the vectors
        and has a dimension of its own. A collection with a text transform, or with `text=True`, stores a text, a
        document id and extra data with each vector. `language` is the language of its keyword search, by default
        "english"; a collection with a language stores texts.
        `precision="half"` stores 16 bits per number instead of 32; numbers can be up to 65,504.
        `precision="binary"` stores vectors of bits. `sparse=True` stores sparse vectors: see `SparseVector`. Raises
        MismatchedDimension if the collection exists with another dimension, or was made with another model.

        But if that collection has no records, it is replaced by one with these arguments, and a warning is logged. It
        is replaced only if it belongs to this role, if its table is as vecs makes it, without columns, indexes, views,
        privileges, settings or comments of others, and if no other session uses it. Indexes that
        vecs made are dropped with it.
        """
        transform = one_transform(transform, adapter)
        text = wants_text(text, language)
        found = await self._find_table(name)
        vec_type = wanted_type(found, transform, precision, sparse)
        if dimension is not None:
            dimension = check_dimension(dimension, vec_type)
        new = NewCollection(self.schema, name, dimension, transform, text, language, vec_type)
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
            new = new.like(found, text, language)
            if not await remade(self._executor, found, new, error):
                raise
        # Other objects of this client may know an older state of it and of its indexes.
        self._catalog.altered += 1
        self._catalog.forget()
        found = await self._find_table(name)
        if found is None:
            found = await create_collection(self._executor, new)
        return await opened(found)

    async def create_collection(
        self,
        name: str,
        dimension: int | None = None,
        *,
        transform: Transform | None = None,
        adapter: Transform | None = None,
        text: bool | None = None,
        language: str | None = None,
        precision: Precision | None = None,
        sparse: bool | None = None,
    ) -> AsyncCollection:
        """
        Create a collection; raises CollectionAlreadyExists if there is one of that name.

        The arguments are those of `get_or_create_collection`.
        """
        transform = one_transform(transform, adapter)
        text = wants_text(text, language)
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

        The collection has the transform that it was made with. Functions and folders of models are not stored: if
        the transform uses one, pass it again as `transform=`.
        """
        transform = one_transform(transform, None)
        return await self._open(await require_table(self._executor, self.schema, name), transform)

    async def list_collections(self) -> list[AsyncCollection]:
        """Open all collections of the schema, ordered by name."""
        tables_found = [await self._find_table(name) for name in await self.collection_names()]
        # One that was deleted meanwhile is left out.
        return [await self._open(table, None) for table in tables_found if table is not None]

    async def collection_names(self) -> list[str]:
        """List the names of all collections of the schema."""
        return first_column(await self._executor.read(tables.find_tables(self.schema)))

    async def delete_collection(self, name: str) -> None:
        """Delete a collection with its records, if it exists; raises DatabaseError if a database view depends on it."""
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
        # A model may have to be loaded, or a server asked, to know its dimension.
        with waited_for(transform):
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

    `target` is a connection string (postgresql://...), a folder for an embedded server, or None. None means
    $VECS_URL if it is set, and otherwise the embedded server in the user's data folder. Any number of processes
    can open a folder. (`connection_string` is the name of this argument in vecs 0.4.)

    `schema` is the Postgres schema of the collections. `pool_size` is the largest number of connections.
    `pool_timeout` is how long a call waits for a connection, `connect_timeout` how long an attempt to connect may
    take, and `statement_timeout` how long a statement may run, all in seconds. Through a transaction pooler
    (PgBouncer, Supavisor), vecs uses no prepared statements, and its settings last for one transaction. It detects
    a pooler; `pooler=True` or `pooler=False` tells it instead. For the embedded server, `server_settings` are
    Postgres settings for its start, `keep_running` leaves it running after its last client has closed, and `report`
    is called with a sentence when its start takes long.
    """
    target, connection_string = unseen(target), unseen(connection_string)
    # The constructor's arguments are the same; a test compares the two.
    return async_started(AsyncClient(**locals()))
