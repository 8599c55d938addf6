"""Sets of many ids, in little memory."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

# Ids that are sorted into the others at once.
_PORTION = 100_000


class IdSet:
    """
    A set of ids as 64-bit hashes: 8 bytes an id.

    Of a billion ids, one that is not in the set is taken for one that is with a chance of one in 18 billion.
    """

    def __init__(self) -> None:
        self._sorted: npt.NDArray[np.uint64] = np.empty(0, np.uint64)
        self._new = array("Q")

    def add(self, ids: Iterable[str]) -> None:
        """Add ids."""
        self._new.extend(map(_hashed, ids))
        if len(self._new) >= _PORTION:
            self._merge()

    def holds(self, ids: Sequence[str]) -> list[bool]:
        """Say of each id whether it is in the set."""
        self._merge()
        wanted = np.fromiter(map(_hashed, ids), np.uint64, len(ids))
        places = np.searchsorted(self._sorted, wanted)
        found = np.zeros(len(ids), np.bool_)
        inside = places < len(self._sorted)
        found[inside] = self._sorted[places[inside]] == wanted[inside]
        return found.tolist()

    def _merge(self) -> None:
        if len(self._new):
            self._sorted = np.union1d(self._sorted, np.frombuffer(self._new, np.uint64))
            self._new = array("Q")


def _hashed(id: str) -> int:
    return int.from_bytes(blake2b(id.encode(), digest_size=8).digest(), "big")
