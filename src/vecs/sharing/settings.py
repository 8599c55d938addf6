"""Which collection a store is on, and how it is made where there is none."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from vecs._sql.attaching import Attachment
from vecs._sql.tables import checked_language
from vecs.storage import Precision
from vecs.transforms import Transform
from vecs.transforms._given import checked_transform

# All records of a call are written or none, or each batch as soon as it is embedded.
Commit: TypeAlias = Literal["all", "batch"]
COMMITS = ("all", "batch")


@dataclass(frozen=True, kw_only=True)
class CollectionSettings:
    """
    What is the same in every framework; one derives its own settings from it.

    `transform`, `dimension`, `language` and `precision` are those of `get_or_create_collection()`. With `embeds`
    vectors are the collection's to make, by its transform, and the dimension is the transform's.

    `index` are the arguments of `Collection.index()` for a collection that is made, `metadata_indexes` those of
    `create_metadata_index()` for each key. These are values: a function would
    have to be written twice, sync and async.
    `existing_only` is the argument that was given to make no collection, such as "perform_setup=False".

    `attached` says which columns hold what, in a table that is no collection: `attachment_of()` returns it.

    `prepare` is called with a collection as it is opened, sync or async, and may change the object. `records` is
    what the framework calls them.
    """

    name: str
    transform: Transform | None = None
    dimension: int | None = None
    language: str | None = None
    precision: Precision | None = None
    embeds: bool = False
    index: Mapping[str, Any] | None = None
    metadata_indexes: tuple[tuple[str, Any], ...] = ()
    existing_only: str | None = None
    attached: Attachment | None = None
    prepare: Callable[[Any], None] | None = None
    records: str = "records"
    index_call: str = "store.create_index()"

    def __post_init__(self) -> None:
        if self.transform is not None:
            checked_transform(self.transform)
        checked_language(self.language)

    @property
    def record(self) -> str:
        """The framework's word for one of the records."""
        return self.records.removesuffix("s")

    def not_found(self) -> str:
        """Return what to tell somebody who needs the collection to be there."""
        if self.attached is not None:
            return f"there is no table {self.name!r} in schema {self.attached.schema!r} any more"
        return f"there is no collection {self.name!r} yet: add {self.records} first"
