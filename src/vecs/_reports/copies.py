"""What a copy of a collection did."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class CopyReport:
    """
    A collection that was copied, and found to be equal to its source.

    `records` is how many it has. `checksum` is of all that they hold, in no order: it is equal on every server where
    the same records are. `resumed` is how many records an earlier run that was interrupted had copied. `repaired` is
    how many records were copied again, because the source changed between two runs. `indexes` are the names of the
    indexes that were built. `left_out` says what the source has and no copy gets, such as policies and triggers.
    """

    name: str
    records: int
    checksum: str
    resumed: int
    repaired: int
    indexes: tuple[str, ...]
    left_out: tuple[str, ...]
