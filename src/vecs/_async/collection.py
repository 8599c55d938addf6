"""A collection: a named set of records, searched by nearness."""

from __future__ import annotations

import warnings
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Mapping, Sequence
from numbers import Real
from typing import TYPE_CHECKING, Any, Literal, cast

from vecs._async import indexing, writing
from vecs._async.executor import AsyncExecutor
from vecs._async.transforming import transform_query
from vecs._frames import to_arrow, to_pandas
from vecs._info import CollectionInfo
from vecs._pairs import AsyncDunders
from vecs._progress import Progress
from vecs._sql import search as sql
from vecs._sql import table as tables
from vecs._sql import write
from vecs._sql.binary import vector_param
from vecs._sql.indexes import IndexInfo
from vecs._sql.rows import checked_vector, encode_metadata
from vecs._sql.search import Columns, RecordRow, Selection
from vecs._sql.settings import Settings
from vecs._sql.table import Table
from vecs.exc import ArgError, IndexNotFound
from vecs.filters import Filter, parse_filters
from vecs.indexes import METHODS, IndexArgs, IndexMethod, checked_int, resolve_method
from vecs.measures import IndexMeasure, MeasureName, MeasureSpec, measure_spec
from vecs.records import Match, Metadata, Record, RecordId, is_vector, record_id
from vecs.transforms import Transform

if TYPE_CHECKING:
    from vecs._async.client import AsyncClient

Filters = Mapping[str, Any]
Measure = IndexMeasure | MeasureName


class AsyncCollection(AsyncDunders):
    """
    A named set of records in Postgres.

    Made by a client's `get_or_create_collection`, `create_collection` or `get_collection`.
    """

    def __init__(
        self,
        name: str,
        dimension: int | None,
        client: AsyncClient,
        adapter: Transform | None = None,
        *,
        table: Table | None = None,
        without_transform: str | None = None,
    ) -> None:
        self.client = client
        self.transform = adapter
        self._given = (name, dimension)
        self._known = table
        # Why there is no transform, where the collection was made with one that cannot be rebuilt.
        self._without_transform = without_transform

    @property
    def name(self) -> str:
        """The collection's name, the table's."""
        return self._given[0]

    @property
    def dimension(self) -> int | None:
        """The dimension of its vectors; None for a table made elsewhere without one."""
        return self._given[1]

    @property
    def adapter(self) -> Transform | None:
        """vecs 0.4's name for `transform`."""
        return self.transform

    def __repr__(self) -> str:
        return f'vecs.{type(self).__name__}(name="{self.name}", dimension={self.dimension})'

    def __bool__(self) -> bool:
        """Whether it is there, not whether it has records: see `count()`."""
        return True

    @property
    def _executor(self) -> AsyncExecutor:
        # The client's, which users have no business with: the two classes are one engine.
        return self.client._executor  # pyright: ignore[reportPrivateUsage]

    async def _table(self) -> Table:
        if self._known is None:
            # Made by hand, as vecs 0.4 allowed.
            self._known = await self.client._require_table(self.name)  # pyright: ignore[reportPrivateUsage]
        return self._known

    # --- writing -------------------------------------------------------------------------------------

    async def upsert(
        self,
        records: Iterable[Any] | AsyncIterable[Any] | None = None,
        skip_adapter: bool = False,
        *,
        vectors: Iterable[Any] | None = None,
        batch_size: int | None = None,
        progress: Progress = False,
        skip_transform: bool = False,
    ) -> int:
        """
        Write records, replacing those with the same id, and return how many were written.

        A record is a tuple `(id, vector or media, metadata)`, a Record, or a dict of a Record's fields; the
        input may be any iterable and is read lazily. With a transform, text or other media becomes a vector;
        a vector that is given is stored as it is. A document that a chunker splits replaces all its former
        chunks. Of several records with one id the last wins.

        All records are written or none, in one transaction that opens when the input has ended;
        `batch_size=` commits every so many instead. `progress` is True for a bar, or a callable
        `(done, total)`. An invalid record raises ArgError, which names it.
        """
        given = _one_of("records", records, "vectors", vectors)
        iterable = isinstance(given, Iterable | AsyncIterable)
        if not iterable or isinstance(given, str | bytes | Mapping | Record):
            raise ArgError(f"upsert takes an iterable of records, not one {type(cast('Any', given)).__name__}")
        if batch_size is not None:
            batch_size = checked_int(batch_size, "batch_size", 1)
        skip = skip_adapter or skip_transform
        return await writing.upsert(
            self._executor,
            await self._table(),
            None if skip else self.transform,
            cast("Iterable[Any]", given),
            batch_size=batch_size,
            progress=progress,
        )

    async def delete(
        self,
        ids: Iterable[RecordId] | None = None,
        filters: Filters | None = None,
        *,
        document_ids: Iterable[RecordId] | None = None,
    ) -> list[str]:
        """
        Delete records by id, by filter or by the document they came from; return the ids that existed.

        Exactly one of the three is given; an empty one deletes nothing. `truncate()` deletes everything.
        """
        given = sum(part is not None for part in (ids, filters, document_ids))
        if given == 0:
            raise ArgError("Either ids or filters must be provided. (or document_ids; truncate() deletes all)")
        if given > 1:
            raise ArgError("Either ids or filters must be provided, not both. (nor document_ids besides)")
        selection = await self._selection(ids, filters, document_ids)
        if _selects_nothing(selection) or selection == Selection():
            return []
        return _first_column(await self._executor.write(write.delete(await self._table(), selection)))

    async def update_metadata(
        self,
        metadata: Metadata,
        *,
        ids: Iterable[RecordId] | None = None,
        filters: Filters | None = None,
        document_ids: Iterable[RecordId] | None = None,
        replace: bool = False,
    ) -> list[str]:
        """
        Merge keys into the metadata of the selected records and return their ids; nothing is embedded.

        Top-level keys are replaced whole; `replace=True` replaces all metadata. What is given must all hold;
        at least one of ids, filters and document_ids is needed.
        """
        selection = await self._selection(ids, filters, document_ids)
        if selection == Selection():
            raise ArgError("update_metadata needs ids, filters or document_ids to say which records")
        encoded = encode_metadata(metadata, "metadata")
        if _selects_nothing(selection):
            return []
        statement = write.update_metadata(await self._table(), selection, encoded, replace=replace)
        return _first_column(await self._executor.write(statement))

    async def truncate(self) -> None:
        """Remove every record; the indexes stay."""
        table = await self._table()
        async with self._executor.transaction() as session:
            await session.execute(tables.truncate_table(table))

    # --- searching -----------------------------------------------------------------------------------

    async def search(
        self,
        query: Any,
        *,
        limit: int = 10,
        offset: int = 0,
        filters: Filters | None = None,
        measure: Measure = "cosine_distance",
        mode: Literal["vector"] = "vector",
        threshold: float | None = None,
        exact: bool = False,
        ef_search: int | None = None,
        probes: int | None = None,
        include_vector: bool = False,
        include_extra: bool = False,
    ) -> list[Match]:
        """
        Find the records nearest to a text or a vector, nearest first.

        `threshold` keeps matches whose score, in [0, 1], is at least that. `exact` compares every record
        instead of asking the index. `ef_search` (HNSW) and `probes` (IVFFlat) trade speed for recall. Fewer
        than `limit` matches mean that no more records match. Pages by `offset` are sure to fit together with
        `exact=True` only: an index finds most of the nearest, not always the same ones.
        """
        _check_mode(mode)
        spec = measure_spec(measure)
        least = None if threshold is None else _checked_threshold(threshold)
        rows = await self._nearest(
            await self._query_vector(query),
            spec,
            Columns(vec=include_vector, extra=include_extra),
            await self._selection(filters=filters),
            (ef_search, probes),
            limit=limit,
            offset=offset,
            exact=exact,
        )
        return sql.read_matches(rows, spec, least)

    async def search_many(
        self,
        queries: Iterable[Any],
        *,
        limit: int = 10,
        filters: Filters | None = None,
        measure: Measure = "cosine_distance",
        mode: Literal["vector"] = "vector",
        threshold: float | None = None,
        exact: bool = False,
        ef_search: int | None = None,
        probes: int | None = None,
        include_vector: bool = False,
        include_extra: bool = False,
    ) -> list[list[Match]]:
        """Search for several texts or vectors; one list of matches each, in the order of the queries."""
        if isinstance(queries, str) or not isinstance(queries, Iterable):
            raise ArgError(f"search_many takes an iterable of queries, not {queries!r}; see search() for one")
        return [
            await self.search(
                query,
                limit=limit,
                filters=filters,
                measure=measure,
                mode=mode,
                threshold=threshold,
                exact=exact,
                ef_search=ef_search,
                probes=probes,
                include_vector=include_vector,
                include_extra=include_extra,
            )
            for query in queries
        ]

    async def query(
        self,
        data: Any = None,
        limit: int = 10,
        filters: Filters | None = None,
        measure: Measure = "cosine_distance",
        include_value: bool = False,
        include_metadata: bool = False,
        include_vector: bool = False,
        *,
        query_vector: Any = None,
        probes: int | None = None,
        ef_search: int | None = None,
        skip_adapter: bool = False,
    ) -> list[Any]:
        """
        Find the nearest records, in the shapes of vecs 0.4; `search()` is the better verb.

        Returns ids, or tuples of what was asked for, always in the order id, distance, vec, metadata, with
        attributes of those names. Without data it selects by filter alone, by id, with None for a distance.
        """
        spec = measure_spec(measure)
        columns = Columns(text=False, metadata=include_metadata, document_id=False, vec=include_vector)
        selection = await self._selection(filters=filters)
        settings = (ef_search, probes)
        given = data if query_vector is None else _one_of("data", data, "query_vector", query_vector)
        if given is None:
            limit = checked_int(limit, "limit", 0)
            statement = sql.unordered(await self._table(), columns, selection, limit)
            rows = await self._executor.read(statement)
        else:
            vec = await self._query_vector(given, skip_transform=skip_adapter)
            rows = await self._nearest(vec, spec, columns, selection, settings, limit=limit)
        return sql.read_query_rows(rows, include_value, include_vector, include_metadata)

    async def explain(
        self,
        query: Any,
        *,
        limit: int = 10,
        filters: Filters | None = None,
        measure: Measure = "cosine_distance",
        exact: bool = False,
        ef_search: int | None = None,
        probes: int | None = None,
        analyze: bool = False,
    ) -> str:
        """
        Describe how Postgres would run a search: which index answers it, then the plan.

        `analyze=True` runs it, and adds the times and row counts that were met.
        """
        spec = measure_spec(measure)
        table = await self._table()
        vec = vector_param(checked_vector(await self._query_vector(query), table, "the query"))
        statement = sql.nearest(
            table,
            vec,
            spec,
            Columns(),
            limit=checked_int(limit, "limit", 0),
            selection=await self._selection(filters=filters),
            exact=exact,
        )
        settings = self._settings(table, ef_search, probes, limit)
        plan = _first_column(await self._executor.read(sql.explain(statement, analyze), settings))
        indexes = [index.name for index in await self.indexes() if any(index.name in line for line in plan)]
        used = f"uses {', '.join(indexes)}" if indexes else "compares every record, without an index"
        return "\n".join([f"The search {used}.", *plan])

    async def _query_vector(self, query: Any, *, skip_transform: bool = False) -> Any:
        if query is None:
            raise ArgError("the query is None; give a text or a vector")
        if skip_transform:
            return query
        if self.transform is not None:
            vector_steps = is_vector(query)
            return await transform_query(self.transform, query, vector_steps=vector_steps)
        if is_vector(query):
            return query
        raise ArgError(
            f"the query is {type(query).__name__}, and collection {self.name!r} has no transform to turn it "
            f"into a vector; {self._without_transform or 'open the collection with transform=, or give a vector'}"
        )

    async def _nearest(
        self,
        query: Any,
        measure: MeasureSpec,
        columns: Columns,
        selection: Selection,
        settings: tuple[int | None, int | None],
        *,
        limit: int,
        offset: int = 0,
        exact: bool = False,
    ) -> list[tuple[Any, ...]]:
        table = await self._table()
        limit, offset = checked_int(limit, "limit", 0), checked_int(offset, "offset", 0)
        vec = vector_param(checked_vector(query, table, "the query"))
        statement = sql.nearest(
            table, vec, measure, columns, limit=limit, offset=offset, selection=selection, exact=exact
        )
        wanted = self._settings(table, *settings, limit + offset)
        rows = await self._executor.read(statement, wanted)
        if exact:
            return rows
        known = self._executor.indexed
        indexed = known.get((self.client.schema, table.name, measure.measure))
        if indexed is None:
            indexed = await self._look_for_index(measure)
        if len(rows) < limit and (indexed or await self._look_for_index(measure)):
            # An index scan may end early, under a filter above all: fewer rows must mean that there are no more.
            statement = sql.nearest(
                table, vec, measure, columns, limit=limit, offset=offset, selection=selection, exact=True
            )
            return await self._executor.read(statement)
        return sql.in_order(rows)

    async def _look_for_index(self, measure: MeasureSpec) -> bool:
        """Return whether an index may have answered, be it the user's own; warn once where none covers the measure."""
        known, key = self._executor.indexed, (self.client.schema, self.name, measure.measure)
        indexes = [index for index in await self.indexes() if index.valid]
        if key not in known and not any(index.measure is measure.measure for index in indexes):
            warnings.warn(
                f"Query does not have a covering index for IndexMeasure.{measure.measure.value}. "
                "See Collection.create_index",
                UserWarning,
                stacklevel=4,
            )
        known[key] = any(index.approximate for index in indexes)
        return known[key]

    def _settings(self, table: Table, ef_search: int | None, probes: int | None, rows: int) -> Settings:
        settings: dict[str, str] = {}
        for method, value, name in (
            (IndexMethod.hnsw, ef_search, "ef_search"),
            (IndexMethod.ivfflat, probes, "probes"),
        ):
            spec = METHODS[method]
            if value is not None:
                settings[spec.search_setting] = str(checked_int(value, name, *spec.search_range))
            elif method is IndexMethod.hnsw and rows > 40 and not table.extension.iterative_scan:
                # Before pgvector 0.8 a scan ends after ef_search rows.
                settings[spec.search_setting] = str(min(rows, spec.search_range[1]))
        return settings

    # --- reading -------------------------------------------------------------------------------------

    async def get(
        self,
        ids: Iterable[RecordId] | None = None,
        *,
        filters: Filters | None = None,
        document_ids: Iterable[RecordId] | None = None,
        limit: int | None = None,
        offset: int = 0,
        include_vector: bool = False,
    ) -> list[Record]:
        """
        Read records: by id, in the order of the ids; else by id order.

        Every condition given must hold; ids that do not exist are left out.
        """
        selection = await self._selection(ids, filters, document_ids)
        if limit is not None:
            limit = checked_int(limit, "limit", 0)
        offset = checked_int(offset, "offset", 0)
        if _selects_nothing(selection):
            return []
        columns = Columns(vec=include_vector, extra=True)
        table = await self._table()
        if selection.ids is None:
            statement = sql.records(table, columns, selection, limit=limit, offset=offset)
            return sql.read_records(await self._executor.read(statement))
        found = sql.read_records(await self._executor.read(sql.records(table, columns, selection)))
        by_id = {record.id: record for record in found}
        ordered = [by_id[id] for id in dict.fromkeys(selection.ids) if id in by_id]
        return ordered[offset : None if limit is None else offset + limit]

    async def fetch(self, ids: Iterable[RecordId]) -> list[RecordRow]:
        """Read records by id as vecs 0.4 did: tuples `(id, vec, metadata)`, in no particular order."""
        table = await self._table()
        selection = Selection(ids=_ids(ids, tuples=True))
        if not selection.ids:
            return []
        columns = Columns(text=False, document_id=False, vec=True)
        return sql.read_record_rows(await self._executor.read(sql.records(table, columns, selection)))

    async def __getitem__(self, id: str) -> RecordRow:
        """Read one record; raises KeyError if it does not exist."""
        if not isinstance(id, str):
            raise ArgError(f"items must be a string id, not {id!r}")
        rows = await self.fetch([id])
        if not rows:
            raise KeyError(f"no item found with requested id {id!r}")
        return rows[0]

    async def count(self, filters: Filters | None = None) -> int:
        """Count the records, or those that match a filter; exactly."""
        selection = await self._selection(filters=filters)
        return (await self._executor.read(sql.count(await self._table(), selection)))[0][0]

    async def scan(
        self,
        *,
        filters: Filters | None = None,
        include_vector: bool = False,
        page_size: int = 1000,
    ) -> AsyncIterator[Record]:
        """
        Yield every record, or every one that matches a filter, in id order and page by page.

        No transaction is open between pages: records written meanwhile may or may not be seen.
        """
        page_size = checked_int(page_size, "page_size", 1)
        selection = await self._selection(filters=filters)
        table = await self._table()
        columns = Columns(vec=include_vector, extra=True)
        after: str | None = None
        while True:
            statement = sql.records(table, columns, selection, limit=page_size, after=after)
            rows = await self._executor.read(statement)
            for record in sql.read_records(rows):
                yield record
            if len(rows) < page_size:
                return
            after = rows[-1][0]

    def __aiter__(self) -> AsyncIterator[Record]:
        """Yield every record, without its vector; see `scan()`."""
        return self.scan()

    async def to_pandas(self, *, filters: Filters | None = None, include_vector: bool = True) -> Any:
        """Read the records into a pandas DataFrame, one row each."""
        return to_pandas([r async for r in self.scan(filters=filters, include_vector=include_vector)])

    async def to_arrow(self, *, filters: Filters | None = None, include_vector: bool = True) -> Any:
        """Read the records into a pyarrow Table; vectors as fixed-size lists of float32, metadata as JSON."""
        found = [r async for r in self.scan(filters=filters, include_vector=include_vector)]
        return to_arrow(found, self.dimension)

    # --- indexes and facts ---------------------------------------------------------------------------

    async def index(
        self,
        measure: Measure = IndexMeasure.cosine_distance,
        method: IndexMethod | Literal["auto", "hnsw", "ivfflat"] | IndexArgs = IndexMethod.auto,
        index_arguments: IndexArgs | None = None,
        replace: bool = True,
        *,
        concurrently: bool = False,
        memory: str | None = None,
        workers: int | None = None,
    ) -> str:
        """
        Build an index for a measure, and one for filters on metadata; return the former's name.

        `method` may be the build parameters themselves: `IndexArgsHNSW(m=32)`. An index that is there with
        the same parameters is kept; another one for the same measure is replaced, and serves searches until
        the new one is ready, or raises ArgError with `replace=False`. To drop the old one it waits for the
        transactions that are open on the collection. Writers wait during a build unless
        `concurrently=True`. `memory` (such as "1GB") and `workers` are Postgres' maintenance_work_mem and
        max_parallel_maintenance_workers for the build; through a pooler they do not hold for a concurrent one.
        """
        chosen, args = resolve_method(method, index_arguments)
        spec = measure_spec(measure)
        settings: dict[str, str] = {}
        if memory is not None:
            settings["maintenance_work_mem"] = str(memory)
        if workers is not None:
            settings["max_parallel_maintenance_workers"] = str(checked_int(workers, "workers", 0, 1024))
        name = await indexing.create_index(
            self._executor,
            await self._table(),
            spec,
            chosen,
            args,
            replace=replace,
            concurrently=concurrently,
            settings=settings,
        )
        self._executor.indexed[self.client.schema, self.name, spec.measure] = True
        return name

    create_index = index

    async def indexes(self) -> list[IndexInfo]:
        """List the collection's indexes, by name."""
        return await indexing.list_indexes(self._executor, await self._table())

    async def is_indexed_for_measure(self, measure: Measure | str) -> bool:
        """Whether a valid index answers searches by this measure; False for an unknown measure, too."""
        return any(index.valid and index.measure == measure for index in await self.indexes() if index.measure)

    async def drop_index(self, name: str) -> None:
        """Drop an index by name; raises IndexNotFound if the collection has none of that name."""
        existing = await self.indexes()
        if name not in [index.name for index in existing if not index.primary]:
            names = ", ".join(repr(index.name) for index in existing if not index.primary) or "none"
            raise IndexNotFound(f"collection {self.name!r} has no index {name!r}; it has {names}")
        await indexing.drop_index(self._executor, await self._table(), name)
        self._executor.indexed.clear()

    async def info(self) -> CollectionInfo:
        """Read what the collection is and how large; counting takes time on large ones."""
        table = await self._table()
        records, size = (await self._executor.read(tables.table_facts(table)))[0]
        return CollectionInfo(
            name=table.name,
            schema=table.schema,
            dimension=table.dimension,
            has_text=table.has_text,
            transform=None if self.transform is None else repr(self.transform),
            records=records,
            size_bytes=size,
            indexes=await self.indexes(),
        )

    async def rename(self, name: str) -> None:
        """Give the collection another name; this object follows."""
        renamed = await self.client.rename_collection(self.name, name)
        self._given, self._known = renamed._given, renamed._known

    # -------------------------------------------------------------------------------------------------

    async def _selection(
        self,
        ids: Iterable[RecordId] | None = None,
        filters: Filters | None = None,
        document_ids: Iterable[RecordId] | None = None,
    ) -> Selection:
        if document_ids is not None and not (await self._table()).has_text:
            raise ArgError(
                f"collection {self.name!r} has no document ids; create a collection with text=True to have them"
            )
        return Selection(
            ids=None if ids is None else _ids(ids, tuples=True),
            document_ids=None if document_ids is None else _ids(document_ids, what="document_ids"),
            filters=_parsed(filters),
        )


def _parsed(filters: Any) -> Filter | None:
    # By length: a mapping of somebody's may call itself false and hold a condition.
    if filters is None or (isinstance(filters, Mapping) and len(cast("Mapping[Any, Any]", filters)) == 0):
        return None
    return parse_filters(cast("Any", filters))


def _ids(ids: Iterable[Any], *, tuples: bool = False, what: str = "ids") -> list[str]:
    if isinstance(ids, str | bytes) or not isinstance(ids, Iterable):
        raise ArgError(f"{what} must be a list of strings, not {ids!r}")
    return [record_id(_only(id) if tuples else id) for id in ids]


def _only(id: Any) -> Any:
    # One-tuples, as rows of a query have them: vecs 0.4 took those.
    if not isinstance(id, tuple):
        return id
    row = cast("tuple[Any, ...]", id)
    return row[0] if len(row) == 1 else row


def _selects_nothing(selection: Selection) -> bool:
    return selection.ids == [] or selection.document_ids == []


def _first_column(rows: Sequence[tuple[Any, ...]]) -> list[Any]:
    return [row[0] for row in rows]


def _one_of(name: str, value: Any, other_name: str, other: Any) -> Any:
    if value is not None and other is not None:
        raise ArgError(f"{name} and {other_name} are two names of one argument; give one of them")
    if value is None and other is None:
        raise ArgError(f"{name} is missing")
    return other if value is None else value


def _check_mode(mode: Any) -> None:
    if mode != "vector":
        raise ArgError(f"unknown mode {mode!r}; expected 'vector'")


def _checked_threshold(threshold: Any) -> float:
    if isinstance(threshold, bool) or not isinstance(threshold, Real) or not 0 <= float(threshold) <= 1:
        raise ArgError(f"threshold must be a score from 0 to 1, not {threshold!r}")
    return float(threshold)
