"""Records on their way to the map: ids, metadata as columns, and vectors as few numbers; nothing else is kept."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import cast

import numpy as np

from vecs._atlas.dense import Matrix, dense_rows
from vecs._atlas.fields import Column, Fields
from vecs._atlas.projection import BASIS_ROWS, COMPONENTS, Basis, basis_of
from vecs.records import Record, StoredVector


@dataclass(frozen=True)
class Gathered:
    """
    What the map knows of the records that it shows.

    `reduced` has a row of main components for each id. `total` is how many records there are; beside those that are
    shown, these are records `without_vector` and records outside the sample. `digest` tells the same content again.
    """

    ids: list[str]
    columns: list[Column]
    reduced: Matrix
    total: int
    without_vector: int
    digest: str

    @property
    def sampled(self) -> bool:
        """Whether there are records that are not shown though they have a vector."""
        return len(self.ids) + self.without_vector < self.total


class Gathering:
    """
    Takes records, batch by batch, and forgets their vectors as soon as the main directions are known.

    Those are found from the first `BASIS_ROWS` vectors, or from a sample that is given before.
    """

    def __init__(self) -> None:
        self._ids: list[str] = []
        self._fields = Fields()
        self._basis: Basis | None = None
        self._waiting: list[Matrix] = []
        self._reduced: list[Matrix] = []
        self._digest = blake2b(digest_size=20)

    @property
    def count(self) -> int:
        """How many records with a vector came in."""
        return len(self._ids)

    def use_sample(self, vectors: Sequence[StoredVector]) -> None:
        """Find the main directions from these vectors."""
        self._basis = basis_of(dense_rows(vectors))

    def add(self, records: Iterable[Record]) -> None:
        """Add records, with their vectors and metadata."""
        vectors: list[StoredVector] = []
        for record in records:
            if record.vec is None:
                continue
            # A record that was read has one of these.
            vectors.append(cast("StoredVector", record.vec))
            self._ids.append(str(record.id))
            self._fields.add(record.metadata or {})
            self._digest.update(f"{record.id}\0".encode("utf-8", "surrogatepass"))
        rows = dense_rows(vectors)
        if not len(rows):
            return
        self._digest.update(rows.tobytes())
        self._waiting.append(rows)
        if self._basis is None and sum(map(len, self._waiting)) >= BASIS_ROWS:
            self._basis = basis_of(np.concatenate(self._waiting))
        if self._basis is not None:
            self._reduce(self._basis)

    def _reduce(self, basis: Basis) -> None:
        self._reduced += [basis.reduced(rows) for rows in self._waiting]
        self._waiting.clear()

    def finish(self, total: int, with_vector: int) -> Gathered:
        """Return what came in, of so many records, of which so many have a vector; no more are to come."""
        if self._waiting:
            self._reduce(self._basis or basis_of(np.concatenate(self._waiting)))
        reduced = np.concatenate(self._reduced) if self._reduced else np.zeros((0, 1), dtype=np.float32)
        columns = self._fields.columns()
        # The layout depends on how many components there are, too.
        digest = f"{self._digest.hexdigest()}-{COMPONENTS}"
        without_vector = max(0, total - with_vector)
        # More may have been written since they were counted.
        total = max(total, len(self._ids) + without_vector)
        return Gathered(self._ids, columns, reduced, total, without_vector, digest)
