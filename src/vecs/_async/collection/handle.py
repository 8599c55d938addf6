"""What every part of a collection knows: its name, its table, its transform, and how records are selected."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from vecs._async.collection.anew import async_anew
from vecs._async.collection.connected import AsyncConnected
from vecs._async.sending.executor import AsyncExecutor
from vecs._async.tables.find import require_table
from vecs._async.tables.refused import explained
from vecs._checks.arguments import callers_level
from vecs._checks.shown import brief, in_double_quotes
from vecs._concurrency.calls import async_offload
from vecs._concurrency.dunders import AsyncDunders
from vecs._connecting.refused import Need
from vecs._reports.html import facts
from vecs._searching.catalog import LONGEST_KNOWN
from vecs._searching.known_indexes import KnownIndexes
from vecs._sql import indexes
from vecs._sql.indexes import IndexInfo
from vecs._sql.records import may_have_key
from vecs._sql.scalars import only_value
from vecs._sql.selection import EVERYTHING, Selection, check_columns, mapped_selection
from vecs._sql.tables import Table
from vecs._writing.documents import described_may_split, may_split
from vecs._writing.stored_transform import transform_to_open_with
from vecs.exc import ArgError, DatabaseError, FilterError, VecsException
from vecs.filters import And, Column, Exists, Filter, In, Not, NotEquals, Or, parsed_filters
from vecs.measures import IndexMeasure, MeasureName
from vecs.records import RecordId, id_list
from vecs.transforms import Transform
from vecs.typed import Typed

if TYPE_CHECKING:
    from typing_extensions import Self

    from vecs._async.client import AsyncClient

# Keys of metadata that users confuse with a record's own columns.
_COLUMN_KEYS = {"id", "document_id", "text"}

Filters = Mapping[str, Any]
Measure = IndexMeasure | MeasureName


class AsyncHandle(AsyncConnected, AsyncDunders):
    """What a collection object knows: its name, its table, its transform, and its client's executor and catalog."""

    # Whether a search that no index covers warns, once per measure; an integration may tell its users otherwise.
    warns_without_index: bool = True
    # Whether an id may mean a document of several records: if the transform, or the one that the collection was
    # made with, may split. False for an integration whose ids are only ids of records.
    splits: bool = True
    # The call that the warning advises; stores of integrations have their own method for it.
    _index_call: str | None = None

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
        super().__init__(client._executor, client._catalog)
        self.client = client
        self.transform: Transform | None = adapter
        self._given: tuple[str, int | None] = (name, dimension)
        self._known: Table | None = table
        self._read_at = time.monotonic()
        # How often this client had altered tables by then.
        self._altered = self._catalog.altered
        # Why there is no transform, where the collection was made with one that cannot be rebuilt.
        self._without_transform = without_transform

    @property
    def name(self) -> str:
        """The collection's name, which is also the name of its table."""
        return self._given[0]

    @property
    def schema(self) -> str:
        """The Postgres schema of its table."""
        return self.client.schema

    @property
    def _place(self) -> tuple[str, str]:
        """What the catalog knows it by."""
        return self.schema, self.name

    @property
    def dimension(self) -> int | None:
        """How many numbers its vectors have; None for a table of another program that declares no dimension."""
        return self._given[1]

    @property
    def adapter(self) -> Transform | None:
        """vecs 0.4's name for `transform`."""
        return self.transform

    def __repr__(self) -> str:
        return f"vecs.{type(self).__name__}(name={in_double_quotes(self.name)}, dimension={self.dimension})"

    def _repr_html_(self) -> str:
        # What is known already: a notebook shows a value without asking the database.
        known = self._known
        parts = {
            "schema": self.schema,
            "dimension": self.dimension,
            "vectors": None if known is None else known.vec_type,
            "text": None if known is None else known.has_text,
            "language": None if known is None else known.language,
            "transform": None if self.transform is None else repr(self.transform),
        }
        return facts(f"{type(self).__name__} {self.name}", parts)

    def __bool__(self) -> bool:
        """Whether it is there, not whether it has records: see `count()`."""
        return True

    def with_settings(self, settings: Mapping[str, Any] | None) -> Self:
        """Return a view of this collection whose statements all have these settings: see `Client.with_settings`."""
        view = type(self).__new__(type(self))
        vars(view).update(vars(self))
        view.client = self.client.with_settings(settings)
        view._executor = view.client._executor
        if view._executor.settings.get("role") != self._executor.settings.get("role"):
            # What was read of the table depends on the role's privileges.
            view._known = None
        return view

    def __getstate__(self) -> dict[str, Any]:
        # Executor and catalog come back with the client.
        return {name: value for name, value in vars(self).items() if name not in ("_executor", "_catalog")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        # The clock of another machine, or of this one before it was started anew.
        self._read_at = -math.inf
        super().__init__(self.client._executor, self.client._catalog)

    async def _table(self, oldest: float = LONGEST_KNOWN) -> Table:
        """Return what is known of the table, read at most so many seconds ago."""
        known = self._known
        # Made by hand, as vecs 0.4 allowed; or altered by another object, or perhaps elsewhere.
        if known is None or self._altered != self._catalog.altered or time.monotonic() - self._read_at >= oldest:
            return await self._read_table()
        return known

    async def _read_table(self) -> Table:
        """Read what the table is now; raises CollectionNotFound, and MismatchedDimension where it has another model."""
        known, altered = self._known, self._catalog.altered
        table = await self._find_now()
        if known is not None and known != table:
            self._catalog.forget()
            self._given = self.name, table.dimension
        if known is not None and self.transform is not None and known.comment != table.comment:
            self.transform, _ = await async_offload(transform_to_open_with, table, self.transform)
        self._known, self._altered, self._read_at = table, altered, time.monotonic()
        return table

    async def _find_now(self) -> Table:
        return await require_table(self._executor, self.schema, self.name)

    async def _is_altered(self, before: Table | None, error: VecsException) -> bool:
        """
        Whether table or extension are, after an error, not what they were `before` the call that failed.

        Raises CollectionNotFound where there is no such collection any more.
        """
        known = before or self._known
        if known is None:
            return False
        try:
            await self._executor.refresh_extension()
            return await self._read_table() != known
        except DatabaseError:
            # The server cannot be asked; what failed before is what the caller has to know.
            return False

    async def _say_what_to_grant(self, error: VecsException, needs: tuple[Need, ...]) -> None:
        """Raise an error again that a lack of privileges may have caused, with what to ask for; else do nothing."""
        if isinstance(error, DatabaseError):
            told = await explained(error, self._executor, self.schema, self.name, needs)
            if told is not error:
                raise told from error.__cause__

    async def _may_split(self) -> bool:
        """Whether one document may be several records; then its id means all of them."""
        return self.splits and await self._is_split()

    async def _is_split(self) -> bool:
        """Whether a transform may have split documents, also where ids are only ids of records."""
        table = await self._table()
        if table.mapped is not None or not table.has_text:
            return False
        # What is stored may have been split by the transform that the collection was made with.
        return may_split(self.transform) or described_may_split(table.comment.get("transform"))

    async def _selection(
        self,
        ids: Iterable[RecordId] | None = None,
        filters: Filters | None = None,
        document_ids: Iterable[RecordId] | None = None,
        *,
        writes: bool = False,
    ) -> Selection:
        if ids is None and filters is None and document_ids is None:
            return EVERYTHING
        table = await self._table()
        if document_ids is not None and not table.has_documents:
            raise ArgError(f"collection {self.name!r} has no document ids; {_how_to_have_documents(table)}")
        parsed = parsed_filters(filters, table.known_columns)
        if parsed is not None:
            check_columns(parsed, table)
        elif writes and filters is not None:
            raise FilterError(
                f"the filter {brief(filters)} has no condition: say which records to change or delete; truncate() "
                "deletes all"
            )
        given = None if ids is None else id_list(ids, tuples=True)
        documents = None if document_ids is None else id_list(document_ids, what="document_ids")
        if table.mapped is not None:
            return mapped_selection(table.mapped, given, documents, parsed, writes=writes)
        return Selection(given, documents, parsed, whole=ids is not None and await self._may_split())

    async def _warn_of_columns(self, selection: Selection) -> None:
        """
        Warn once if a filter needs a key that no metadata has, but that is the name of a column: `id` for `$id`.

        For filters that no record matched: others are not meant for a column.
        """
        if selection.filters is not None:
            await self._warn_of_keys(_keys_needed(selection.filters), "the filter")

    async def _warn_of_keys(self, keys: set[str], what: str) -> None:
        for key in sorted(keys & _COLUMN_KEYS):
            about = *self._place, key
            if not self._catalog.warns(*about):
                continue
            self._catalog.warned(*about)
            try:
                found = only_value(await self._executor.read(may_have_key(await self._table(), key)))
            except DatabaseError:
                # That nothing was found is the answer; this is a courtesy.
                return
            if not found:
                warnings.warn(
                    f"{what} uses the metadata key {key!r}, but no record has it; for the "
                    f"record's own {key} write {'$' + key!r}",
                    UserWarning,
                    stacklevel=callers_level(),
                )

    @async_anew("select")
    async def indexes(self) -> list[IndexInfo]:
        """List the collection's indexes, by name."""
        return await list_indexes(self._executor, await self._table())

    async def _known_indexes(self) -> KnownIndexes:
        """Return the valid indexes as they were a minute ago at most."""
        known = self._catalog.known(*self._place)
        return await self._read_indexes() if known is None else known

    async def _indexes(self, *, now: bool) -> KnownIndexes:
        return await (self._read_indexes() if now else self._known_indexes())

    async def _read_indexes(self) -> KnownIndexes:
        known = KnownIndexes(await self.indexes())
        self._catalog.remember(*self._place, known)
        return known


async def async_filter_of_ids(collection: Any, ids: Iterable[RecordId]) -> dict[str, Any]:
    """Return the filter for the records of a collection that these ids mean: those that its `get(ids)` returns."""
    given = id_list(ids)
    of_records = {"$id": {"$in": given}}
    if not await collection._may_split():
        return of_records
    return {"$or": [of_records, {"$document_id": {"$in": given}}]}


async def list_indexes(executor: AsyncExecutor, table: Table) -> list[IndexInfo]:
    """Read the indexes of a collection."""
    return indexes.read_indexes(await executor.read(indexes.list_indexes(table)), table)


def _how_to_have_documents(table: Table) -> str:
    if table.attached:
        return "name their column: attach(..., document_id=...)"
    return "create a collection with text=True to have them"


def _keys_needed(node: Filter) -> set[str]:
    """Return the metadata keys of conditions that only a record with that key meets because of its value."""
    if isinstance(node, And | Or):
        return set[str]().union(*map(_keys_needed, node.parts))
    if isinstance(node, Column | Typed | Not | NotEquals):
        return set()
    negated = (isinstance(node, In) and node.negated) or (isinstance(node, Exists) and not node.wanted)
    return set() if negated else {node.key}
