"""Record and Match: what goes into a collection and what comes out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, TypeAlias
from uuid import UUID

import numpy as np
import numpy.typing as npt

Metadata: TypeAlias = Mapping[str, Any]
Vector: TypeAlias = "Sequence[float] | npt.NDArray[Any]"
RecordId: TypeAlias = "str | int | UUID"


def _same(left: object, right: object) -> bool:
    if isinstance(left, np.ndarray) or isinstance(right, np.ndarray):
        if left is None or right is None:
            return False
        return np.array_equal(np.asarray(left), np.asarray(right))
    return left == right


@dataclass(frozen=True, eq=False)
class Record:
    """
    One row of a collection.

    `vec` is the vector, `text` what it was made from, `metadata` what filters see. `document_id` names the
    document a chunk came from; `extra` is kept for integrations and never filtered. `media` is an input that
    is neither vector nor text, such as an image, for a transform to turn into `vec`; it is not stored.
    """

    id: RecordId
    vec: Vector | None = None
    text: str | None = None
    metadata: Metadata | None = field(default_factory=dict[str, Any])
    document_id: RecordId | None = None
    extra: Mapping[str, Any] | None = None
    media: Any = None

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Record):
            return NotImplemented
        return all(_same(getattr(self, f.name), getattr(other, f.name)) for f in fields(self))


@dataclass(frozen=True, eq=False)
class Match:
    """
    One result of a search.

    `distance` is pgvector's own value: smaller is nearer. `score` is in [0, 1]: larger is better.
    `vec` and `extra` are None unless they were asked for.
    """

    id: str
    text: str | None
    metadata: dict[str, Any]
    document_id: str | None
    distance: float
    score: float
    vec: npt.NDArray[np.float32] | None = None
    extra: dict[str, Any] | None = None

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Match):
            return NotImplemented
        return all(_same(getattr(self, f.name), getattr(other, f.name)) for f in fields(self))
