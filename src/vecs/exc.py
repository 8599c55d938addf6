"""
The errors vecs raises.

VecsException
├── ArgError(ValueError)             an argument is wrong
│   ├── CallError(TypeError)         a call has an unknown argument, or needs one more; the message helps
│   ├── MismatchedDimension          a vector or model does not fit the collection
│   └── FilterError                  a filter is malformed
├── CollectionNotFound
├── CollectionAlreadyExists
├── IndexNotFound
├── NoSuchName(AttributeError)       an object of vecs has no such method; the message suggests one
├── TransformError                   a model or chunker failed; __cause__ is its error
├── PartlyStored                     a call that commits in batches ended early; .ids are stored, __cause__ is why
├── MissingDependency(ImportError)   an optional package is missing; the message names the extra
├── ServerError                      the embedded server could not be started
└── DatabaseError                    anything else from Postgres: .sqlstate, __cause__
    └── Unavailable                  the server cannot be reached now; try again later
"""

from __future__ import annotations

from collections.abc import Sequence

__all__ = [
    "ArgError",
    "CallError",
    "CollectionAlreadyExists",
    "CollectionNotFound",
    "DatabaseError",
    "FilterError",
    "IndexNotFound",
    "MismatchedDimension",
    "MissingDependency",
    "NoSuchName",
    "PartlyStored",
    "ServerError",
    "TransformError",
    "Unavailable",
    "Unreachable",
    "VecsException",
]


# A log of the embedded server is longer than any sentence of ours.
_MOST_CHARACTERS = 10_000


class VecsException(Exception):
    """
    Base class of all errors that vecs raises on purpose.

    Its message is safe to print in a terminal or a log: it has no control characters, and long values are cut.
    If `upsert(batch_size=)` failed after it had committed batches, `stored` is how many of the records given are
    stored, from the first one on; otherwise it is 0.
    """

    stored: int = 0

    def __str__(self) -> str:
        message = super().__str__()
        if len(message) > _MOST_CHARACTERS:
            message = f"{message[:_MOST_CHARACTERS]}... ({len(message):,} characters)"
        if self.stored:
            message += f"; {said_of_stored(self.stored)}"
        if message.isprintable():
            return message
        return "".join(each if each in "\n\t" or each.isprintable() else repr(each)[1:-1] for each in message)


def said_of_stored(count: int) -> str:
    """Return the words for records that were committed before an error."""
    return f"before that, batch_size= committed the first {count:,} of the records given"


class ArgError(VecsException, ValueError):
    """
    An argument is wrong, by itself or for what the database has.

    The call changed nothing there, except for batches that were committed before: `upsert(batch_size=)`.
    """


class CallError(ArgError, TypeError):
    """A call has an unknown argument, or one too many, or needs one more; the message says what is right."""


class MismatchedDimension(ArgError):
    """A vector, a model or a declared dimension does not fit the collection."""


class FilterError(ArgError):
    """A filter is malformed."""


class CollectionNotFound(VecsException):
    """No collection has this name."""


class CollectionAlreadyExists(VecsException):
    """A collection, or another relation, already has this name."""


class IndexNotFound(VecsException):
    """The collection has no index of this name."""


class NoSuchName(VecsException, AttributeError):
    """An object of vecs has no method or attribute of this name; the message suggests the right one."""


class TransformError(VecsException):
    """A transform failed on some records; `__cause__` is its own error."""


class PartlyStored(VecsException):
    """
    A call that commits each batch failed after the first batch; `__cause__` is the error.

    `ids` are the ids of the records that are stored, in the order in which you gave them.
    """

    def __init__(self, ids: Sequence[str], records: str, error: BaseException) -> None:
        self.ids = list(ids)
        self._records, self._error = records, error
        count = len(self.ids)
        first = f"{records.removesuffix('s')} is" if count == 1 else f"{count} {records} are"
        super().__init__(
            f"the first {first} stored, up to {self.ids[-1]!r}, and the others are not: {type(error).__name__}: {error}"
        )

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.ids, self._records, self._error)

    def with_ids(self, ids: Sequence[str]) -> PartlyStored:
        """Return the same error with the ids that callers of an integration know."""
        return PartlyStored(ids, self._records, self._error)


class MissingDependency(VecsException, ImportError):
    """An optional package is not installed; the message names the extra that brings it."""


class ServerError(VecsException):
    """The embedded server could not be started; the message has the last lines of its log."""


class DatabaseError(VecsException):
    """
    Postgres refused or failed a statement.

    `sqlstate` is its five-character code, None when the error came from the client side.
    """

    def __init__(self, message: str, sqlstate: str | None = None) -> None:
        super().__init__(message)
        self.sqlstate = sqlstate


class Unavailable(DatabaseError):
    """The server cannot be reached, or has no connection free; the same call may succeed later."""


# vecs 0.4 exported this name.
Unreachable = Unavailable
