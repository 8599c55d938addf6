"""Which errors may come of a database that was altered since a client looked at it."""

from __future__ import annotations

from vecs.exc import ArgError, CollectionNotFound, DatabaseError, Unavailable, VecsException

# Classes of SQLSTATEs: data that does not fit, undefined or ambiguous names and missing privileges, unknown schemas,
# features that a changed type lacks, and errors that Postgres did not expect, such as types that are gone.
_CLASSES = ("22", "42", "3F", "0A", "XX")


def may_be_altered(error: VecsException) -> bool:
    """
    Whether an error may come of a table or an extension that is no longer what the client knows.

    An argument is checked against what is known of the table, so that it may be right for the table that is there.
    """
    if isinstance(error, ArgError | CollectionNotFound):
        return True
    if not isinstance(error, DatabaseError) or isinstance(error, Unavailable):
        return False
    return error.sqlstate is not None and error.sqlstate.startswith(_CLASSES)
