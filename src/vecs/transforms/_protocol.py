"""What a transform is: the steps from what a caller gives to what a collection stores."""

from __future__ import annotations

from collections.abc import Awaitable, Iterable, Mapping, Sequence
from typing import Any, Protocol

from vecs.records import Record


# Not runtime_checkable: on Python 3.10 and 3.11 isinstance() would read `dimension`, which may load a model.
class Transform(Protocol):
    """
    A step from what a caller gives (text, an image, anything) to what is stored (vectors).

    A chunker turns one record into several; an embedder fills in `vec`. Either method may be a coroutine
    function: the sync and the async client both accept both kinds.
    """

    @property
    def dimension(self) -> int | None:
        """Dimension of the vectors this step makes; None if it makes none. May load a model."""
        ...

    def transform_records(self, records: Sequence[Record], /) -> Iterable[Record] | Awaitable[Iterable[Record]]:
        """
        Turn records on their way into the collection.

        A record whose `vec` is given passes unchanged. The input is never modified.
        """
        ...

    def transform_query(self, query: Any, /) -> Any | Awaitable[Any]:
        """Turn what is searched for: text passes a chunker unchanged and leaves an embedder as a vector."""
        ...


class Describable(Protocol):
    """A transform that a collection can remember and rebuild in another process."""

    def config(self) -> Mapping[str, Any]:
        """Describe the step as JSON: `{"class": ..., **arguments}`, no secrets."""
        ...
