"""Record and Match: what goes into a collection and what comes out."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeAlias, cast
from uuid import UUID

import numpy as np
import numpy.typing as npt

from vecs._checks.json import check_storable
from vecs._checks.limits import MOST_IDS, at_most
from vecs._checks.meant import OF_MATCHES, unknown_argument
from vecs._checks.shown import brief
from vecs._checks.wrong_calls import Telling
from vecs.exc import ArgError, CallError
from vecs.snippets import Highlights, Snippet, marked, snippet_of
from vecs.sparse import SparseVector, is_mapping_of_indices, is_scipy

Metadata: TypeAlias = Mapping[str, Any]
Vector: TypeAlias = "Sequence[float] | npt.NDArray[Any] | SparseVector | Mapping[int, float]"
# What a collection gives: float32, bool where it holds bits, or a SparseVector.
StoredVector: TypeAlias = "npt.NDArray[Any] | SparseVector"
# A third of a page, less what an index entry needs besides.
MAX_ID_BYTES = 2600

# What a match has only if a search asks for it.
_OPTIONAL = ("vec", "extra", "columns", "group", "context", "highlights")
# Fewer characters that a chunk begins and the chunk before it ends with are a coincidence.
_LEAST_OVERLAP = 8
# Longer overlaps are not looked for: texts that repeat themselves would take too long.
_MOST_OVERLAP = 10_000

_NO_METADATA: Mapping[str, Any] = MappingProxyType({})
# For type checkers, since a record that is stored has one.
_NO_ID: Any = None
_set = object.__setattr__

RecordId: TypeAlias = "str | int | UUID"


def _same(left: object, right: object) -> bool:
    if isinstance(left, np.ndarray) or isinstance(right, np.ndarray):
        if left is None or right is None:
            return False
        return np.array_equal(np.asarray(left), np.asarray(right))
    return left == right


def _listed(vec: StoredVector | None) -> Any:
    if isinstance(vec, SparseVector):
        return {"dimension": vec.dimension, "indices": vec.indices.tolist(), "values": vec.values.tolist()}
    return None if vec is None else vec.tolist()


class UnnamedMetadata(dict[str, Any]):
    """The metadata of a record that none was given for: an update of a row keeps what is there."""

    __slots__ = ()


@dataclass(frozen=True, eq=False)
class Record(Telling):
    """
    One row of a collection.

    `vec` is the vector, `text` the text it was made from, and `metadata` the dict that filters look at.
    `document_id` is the id of the document that a chunk came from. `extra` is a dict for integrations; filters do not
    look at it. `media` is an input that is neither vector nor text, such as an image. A transform makes `vec` from
    it; it is not stored. If `media` is a string, it is embedded instead of `text`, and `text` is stored.
    `columns` are the values of other columns of the table, if you asked for them; they are not written.
    Without an id, an upsert makes one.
    """

    id: RecordId = _NO_ID
    vec: Vector | None = None
    text: str | None = None
    metadata: Metadata | None = field(default_factory=dict[str, Any])
    document_id: RecordId | None = None
    extra: Mapping[str, Any] | None = None
    media: Any = None
    columns: Mapping[str, Any] | None = None

    _instead = OF_MATCHES

    # Type checkers see the one that a dataclass has. This one also knows what is wrong, and takes no longer.
    if not TYPE_CHECKING:

        def __init__(
            self,
            id: RecordId | None = None,
            vec: Vector | None = None,
            text: str | None = None,
            metadata: Metadata | None = _NO_METADATA,
            document_id: RecordId | None = None,
            extra: Mapping[str, Any] | None = None,
            media: Any = None,
            columns: Mapping[str, Any] | None = None,
            **unknown: Any,
        ) -> None:
            if unknown:
                raise CallError(_unknown_field(next(iter(unknown)), "Record() takes"))
            _set(self, "id", id)
            _set(self, "vec", vec)
            _set(self, "text", text)
            _set(self, "metadata", UnnamedMetadata() if metadata is _NO_METADATA else metadata)
            _set(self, "document_id", document_id)
            _set(self, "extra", extra)
            _set(self, "media", media)
            if columns is not None:
                _set(self, "columns", columns)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Record):
            return NotImplemented
        return all(_same(getattr(self, f.name), getattr(other, f.name)) for f in fields(self))


def _unknown_field(name: object, takes: str) -> str:
    return unknown_argument(name, tuple(f.name for f in fields(Record)), elsewhere=OF_MATCHES, takes=takes)


@dataclass(frozen=True)
class Context:
    """
    The records of a document that stand before and after a match, in reading order.

    `text` is their texts and that of the match, one after the other. If a text begins with the end of the one before
    it, as overlapping chunks do, that part is there once; otherwise there is an empty line between the two.
    """

    before: list[Record]
    after: list[Record]
    text: str

    def to_dict(self) -> dict[str, Any]:
        """Return the context as a dict for `json.dumps()`: `text`, and the records in the lists `before`, `after`."""

        def listed(records: list[Record]) -> list[dict[str, Any]]:
            return [{"id": each.id, "text": each.text, "metadata": each.metadata} for each in records]

        return {"text": self.text, "before": listed(self.before), "after": listed(self.after)}


def context_of(match: Match | Record, before: list[Record], after: list[Record]) -> Context:
    """Return the context that these neighbours make of a match."""
    texts = (*(each.text for each in before), match.text, *(each.text for each in after))
    joined = ""
    for text in filter(None, texts):
        joined = _joined(joined, text)
    return Context(before, after, joined)


def _joined(before: str, after: str) -> str:
    """Return two texts as one, with what the first one ends with and the second one begins with once."""
    start = max(0, len(before) - len(after), len(before) - _MOST_OVERLAP)
    while (at := before.find(after[:_LEAST_OVERLAP], start)) >= 0 and len(before) - at >= _LEAST_OVERLAP:
        if after.startswith(before[at:]):
            return before[:at] + after
        start = at + 1
    return f"{before}\n\n{after}" if before else after


@dataclass(frozen=True, eq=False)
class Match(Telling):
    """
    One result of a search.

    `distance` is pgvector's own value: smaller is nearer. It is None if the search was only for words, or if the
    record was found by its words and has no vector. It is always finite: a zero vector has no direction, so its cosine
    distance is 2, the largest value. `score` is in [0, 1]: larger is better.
    `vec` and `extra` are None unless you ask for them with `include_vector=True` and `include_extra=True`, and so is
    `columns`, the values of other columns of the table as JSON, without `include_columns=`.
    `vec` is a float32 array, an array of bool in a collection of bits, or a SparseVector in a sparse collection.
    `group` is the key of its group in a search with `group_by=`. `context` is None without `context=`.
    `highlights` are the places of the query's words in `text`, pairs (start, end) in order; None without
    `highlight=True`.
    """

    id: str
    text: str | None
    metadata: dict[str, Any]
    document_id: str | None
    distance: float | None
    score: float
    vec: StoredVector | None = None
    extra: dict[str, Any] | None = None
    columns: dict[str, Any] | None = None
    group: Any = None
    context: Context | None = None
    highlights: Highlights | None = None

    _instead = OF_MATCHES

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Match):
            return NotImplemented
        return all(_same(getattr(self, f.name), getattr(other, f.name)) for f in fields(self))

    def to_dict(self) -> dict[str, Any]:
        """
        Return the match as a dict for `json.dumps()`.

        `vec`, `extra`, `columns`, `group`, `context` and `highlights` are left out if they are None. `vec` is a list of
        numbers or of bools; a SparseVector becomes a dict with `dimension`, `indices` and `values`. `context` is a dict
        with `text`, and the lists `before` and `after` of dicts with the `id`, `text` and `metadata` of a record.
        `highlights` is a list of lists `[start, end]`.
        """
        parts: dict[str, Any] = {f.name: getattr(self, f.name) for f in fields(self)}
        parts["vec"] = _listed(self.vec)
        parts["context"] = None if self.context is None else self.context.to_dict()
        parts["highlights"] = None if self.highlights is None else [list(pair) for pair in self.highlights]
        return {name: part for name, part in parts.items() if part is not None or name not in _OPTIONAL}

    def highlighted(self, before: str = "**", after: str = "**", *, escape: Callable[[str], str] | None = None) -> str:
        """
        Return the text with marks before and after each highlighted word.

        `escape` is applied to everything but the marks: `highlighted("<mark>", "</mark>", escape=html.escape)` is safe
        HTML, whatever the text is. Raises ArgError if the search was without `highlight=True`.
        """
        return marked(self.text or "", self._found_highlights(), before, after, escape)

    def snippet(self, length: int = 200, *, ellipsis: str = "…") -> Snippet:
        """
        Cut the text to the passage of about `length` characters that has the most different highlighted words.

        It is the beginning of the text if no word is highlighted. `ellipsis` stands where something was cut off.
        Raises ArgError if the search was without `highlight=True`.
        """
        return snippet_of(self.text or "", self._found_highlights(), length, ellipsis)

    def _found_highlights(self) -> Highlights:
        if self.highlights is None:
            raise ArgError(f"match {brief(self.id)} has no highlights; search with highlight=True")
        return self.highlights


class UpsertResult(int):
    """
    The result of an upsert: an int, the number of records. It also has `documents`, the number of their documents.

    A transform makes one or more records from a document. A record without a document counts as one document. With
    `batch_size=`, a document counts once per commit that wrote records of it. `ids` are the ids that were made for
    records without one, in the order of these records.
    """

    records: int
    documents: int
    ids: Sequence[str]

    def __new__(cls, records: int, documents: int, ids: Sequence[str] = ()) -> UpsertResult:
        """Make one of both numbers, and of the ids that were made."""
        made = super().__new__(cls, records)
        made.records, made.documents, made.ids = int(records), documents, ids
        return made

    def __reduce__(self) -> tuple[type[UpsertResult], tuple[Any, ...]]:
        return type(self), tuple(vars(self).values())

    def __repr__(self) -> str:
        # There may be very many ids.
        shown = (f"{name}={value}" for name, value in vars(self).items() if name != "ids")
        return f"{type(self).__name__}({', '.join(shown)})"

    def __str__(self) -> str:
        return int.__repr__(self)


def to_record(item: Any, position: int) -> Record:
    """
    Turn what a caller gave into a Record with a string id and its own shape checked.

    Accepts a Record, a mapping of its fields, or a tuple `(id, vector or media)` or
    `(id, vector or media, metadata)`. `position` counts from 0 and is named in errors.
    """
    if isinstance(item, Record):
        return _checked(item, position)
    if isinstance(item, Mapping):
        return _from_mapping(cast("Mapping[Any, Any]", item), position)
    numbers = _all_numbers(item)
    if numbers or not isinstance(item, tuple | list) or len(cast("Sequence[Any]", item)) not in (2, 3):
        without = ", a vector without an id" if numbers else ", a text without an id" if isinstance(item, str) else ""
        raise ArgError(
            f"record {position} is {_brief(item)}{without}; expected (id, vector or media, metadata) or a vecs.Record"
        )
    given_id, data, *rest = cast("Sequence[Any]", item)
    identifier = stored_id(given_id, f"the id of record {position}")
    metadata = rest[0] if rest else None
    if data is None:
        raise ArgError(f"record {brief(identifier)} has None where its vector or media should be")
    if isinstance(data, str):
        return Record(identifier, text=data, metadata=metadata)
    if is_vector(data):
        return Record(identifier, vec=data, metadata=metadata)
    return Record(identifier, metadata=metadata, media=data)


def stored_id(value: Any, where: str) -> str:
    """Return an id that is going to be stored: one that fits an index, too."""
    identifier = record_id(value, where)
    if len(identifier.encode()) > MAX_ID_BYTES:
        raise ArgError(
            f"{where} has {len(identifier.encode())} bytes, {_brief(value)}; an index of Postgres holds up to "
            f"{MAX_ID_BYTES}"
        )
    return identifier


def record_id(value: Any, where: str = "an id") -> str:
    """Return an id as the string it is stored as; a str, int or UUID is accepted, and not an empty string."""
    if isinstance(value, str):
        if not value:
            raise ArgError(f"{where} is an empty string; give every record an id of its own")
        check_storable(value, f"{where}, {brief(value)},")
        # Of a member of an enum, its value.
        return str.__str__(value)
    if isinstance(value, int | np.integer) and not isinstance(value, bool):
        return str(int(cast("int", value)))
    if isinstance(value, UUID):
        return str(value)
    raise ArgError(f"{where} is {_brief(value)}; ids must be a str, an int or a UUID")


def _from_mapping(item: Mapping[Any, Any], position: int) -> Record:
    known = {f.name for f in fields(Record)}
    unknown = [key for key in item if key not in known]
    if unknown:
        problem = _unknown_field(unknown[0], "its fields are").removeprefix("unknown argument ")
        raise ArgError(f"record {position}, a dict, has the unknown field {problem}")
    return _checked(Record(**item), position)


def _checked(record: Record, position: int) -> Record:
    identifier = stored_id(record.id, f"the id of record {position}")
    if isinstance(record.vec, str):
        shown = f"vecs.Record({brief(record.id)}, text={brief(record.vec)})"
        raise ArgError(f"record {brief(identifier)} has a text in vec; write {shown}")
    return replace(record, id=identifier)


def _all_numbers(item: Any) -> bool:
    if isinstance(item, np.ndarray):
        return cast("Any", item).dtype.kind in "fiub"
    kinds = int | float | np.number
    listed = cast("Sequence[Any]", item if isinstance(item, list | tuple) else ())
    return bool(listed) and all(isinstance(part, kinds) for part in listed)


def is_vector(data: Any) -> bool:
    """
    Whether data is meant as a vector, valid or not: a list, tuple or sparse vector, or an array of one axis or row.

    Sparse vectors are SparseVector, those of scipy, and a mapping whose keys are whole numbers.
    """
    if isinstance(data, list | tuple | SparseVector) or is_scipy(data):
        return True
    if isinstance(data, Mapping):
        return is_mapping_of_indices(data)
    shape = getattr(data, "shape", None)
    if isinstance(shape, tuple) and len(cast("Any", shape)) == 2:
        # One row of numbers, as a model returns it for a list with one text. A row of bytes may be an image.
        return cast("Any", shape)[0] == 1 and "uint8" not in str(getattr(data, "dtype", ""))
    if isinstance(data, np.ndarray):
        return data.ndim <= 1
    # A tensor, a series, an array.array; not an image, which has more axes.
    return hasattr(data, "to_numpy") or isinstance(data, array) or getattr(data, "ndim", None) == 1


def _brief(value: Any) -> str:
    shown = repr(value)
    return f"{shown[:80]}{'...' if len(shown) > 80 else ''} ({type(value).__name__})"


def id_list(ids: Iterable[Any], *, tuples: bool = False, what: str = "ids") -> list[str]:
    """Return ids as the strings they are stored as; with `tuples` each may be a one-tuple, as a row of a query is."""
    if isinstance(ids, str | bytes) or not isinstance(ids, Iterable):
        raise ArgError(f"{what} must be a list of strings, not {brief(ids)}")
    if isinstance(ids, Mapping):
        shown = brief(cast("Any", ids))
        raise ArgError(f"{what} must be a list of strings, not a dict; a condition on metadata is filters={shown}")
    return [record_id(_only(id) if tuples else id) for id in at_most(ids, MOST_IDS, what)]


def _only(id: Any) -> Any:
    # vecs 0.4 took one-tuples.
    if not isinstance(id, tuple):
        return id
    parts = cast("tuple[Any, ...]", id)
    return parts[0] if len(parts) == 1 else parts
