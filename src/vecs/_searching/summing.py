"""Which of the sums of a key's values are the answer."""

from __future__ import annotations

from vecs._checks.shown import brief
from vecs._sql.filters import KeyType
from vecs._sql.summaries import BothStats, Stats
from vecs.exc import ArgError


def chosen_stats(sums: BothStats, key: str, type: KeyType | None, *, of_column: bool) -> Stats:
    """Return the sums of the wanted type, or of the one that there is; raises ArgError if there are both."""
    if of_column and type is not None:
        raise ArgError(f"type={type!r} is for keys of metadata, and {brief(key)} is a column, which has its own type")
    if type is None and sums.numbers.count and sums.strings.count:
        raise ArgError(
            f"{brief(key)} has {sums.numbers.count} numbers and {sums.strings.count} strings; say which: "
            "type='number' or type='string'"
        )
    if type is None:
        type = "string" if sums.strings.count else "number"
    return sums.strings if type == "string" else sums.numbers
