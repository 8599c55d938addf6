"""How much one request may ask for."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import TypeVar

from vecs.exc import ArgError

T = TypeVar("T")

MOST_CONDITIONS = 1000
# Of all the lists of one filter together. Each becomes JSON on the server, anew for each statement.
MOST_VALUES = 100_000
# Postgres' matching recurses at each %, and looks for no cancellation before it has done with a string.
LONGEST_PATTERN = 10_000
MOST_IDS = 1_000_000
MOST_QUERIES = 10_000


def check_most(count: int, most: int, what: str, error: type[ArgError] = ArgError) -> None:
    """Raise an error that names the limit where there are more."""
    if count > most:
        raise error(f"{what}: {count:,}, but at most {most:,} are allowed; split the request")


def at_most(items: Iterable[T], most: int, what: str) -> list[T]:
    """Return items as a list, or raise ArgError as soon as there are too many, for an endless iterable too."""
    found = list(islice(items, most + 1))
    if len(found) > most:
        raise ArgError(f"more than {most:,} {what}; split the request")
    return found
