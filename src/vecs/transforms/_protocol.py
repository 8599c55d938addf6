"""What a transform is: the steps from what a caller gives to what a collection stores."""

from __future__ import annotations

from collections.abc import Awaitable, Iterable, Mapping, Sequence
from typing import Any, Protocol

from vecs.records import Record


# Not runtime_checkable: on Python 3.10 and 3.11 isinstance() would read `dimension`, which may load a model.
class Transform(Protocol):
    """
    A step from the data that a caller gives (text, an image, anything) to the vectors that are stored.

    A chunker turns one record into several. An embedder fills in `vec`. Both methods may be async functions: the
    sync client and the async client accept them.
    """

    @property
    def dimension(self) -> int | None:
        """Dimension of the vectors this step makes; None if it makes none. May load a model."""
        ...

    def transform_records(self, records: Sequence[Record], /) -> Iterable[Record] | Awaitable[Iterable[Record]]:
        """
        Turn records on their way into the collection.

        A record whose `vec` is given passes unchanged. The input is never modified. A step that splits a record gives
        each part an id of its own, and the id of the record as its `document_id`. Two parts with one id are refused.
        If parts have new ids and no `document_id`, vecs does not know their document: when you write it again, old
        parts stay, and deleting the document by its id does not delete them.
        """
        ...

    def transform_query(self, query: Any, /) -> Any | Awaitable[Any]:
        """Turn a query: a chunker returns a text as it is, an embedder returns its vector."""
        ...


class Describable(Protocol):
    """A transform that a collection can remember and rebuild in another process."""

    def config(self) -> Mapping[str, Any]:
        """Describe the step as JSON: `{"class": ..., **arguments}`, no secrets."""
        ...
