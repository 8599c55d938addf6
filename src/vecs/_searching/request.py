"""What a search asks for, checked before anything is sent."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, TypeAlias, TypedDict, cast

from vecs._checks.meant import unknown_argument
from vecs._checks.numbers import checked_flag, checked_int, checked_number, checked_oversampling, is_number
from vecs._checks.shown import brief
from vecs._searching.columns import IncludeColumns
from vecs._searching.keys import checked_keyed, needs_documents
from vecs._sql.advice import add_keywords, add_vectors, check_unique, shown
from vecs._sql.answers import Columns
from vecs._sql.selection import EVERYTHING, Selection
from vecs._sql.shape import Grouping
from vecs._sql.tables import Table
from vecs.exc import ArgError, CallError
from vecs.fusion import checked_diversity
from vecs.indexes import METHODS, IndexMethod
from vecs.measures import IndexMeasure, MeasureName, MeasureSpec, measure_for
from vecs.records import RecordId
from vecs.rerankers import Reranker, check_reranker

Mode: TypeAlias = Literal["vector", "keyword", "hybrid"]
MODES = ("vector", "keyword", "hybrid")

# How many candidates each side of a hybrid search has at least: of fewer, too few are found by both.
MIN_CANDIDATES = 50
# No table has more; twice or ten times as many still fit an int8.
MOST_ROWS = 2**58
# How many times `limit` are gathered for a reranker or for diversity to choose from.
OVERSAMPLING = 5.0
DEFAULT_LIMIT = 10
WITHOUT_QUERY = (
    "search() needs the argument 'query', and it is None; give a text or a vector, like=[id] for what is like a stored "
    "record, or look at records without a query: get(limit=10)"
)
# How many pairs of vectors diversity compares in one search: some seconds of the time of the client's processor.
MOST_PAIRS = 5_000_000

# Their statements tell rows by their ids.
_BY_ID = ("group_by", "context", "like", "unlike")
_FUSION = ("weights", "candidates", "rrf_constant")


class SearchOptions(TypedDict, total=False):
    """The keyword arguments of `search()`."""

    text: str | None
    mode: Mode
    limit: int
    offset: int
    filters: Mapping[str, Any] | None
    measure: IndexMeasure | MeasureName | None
    threshold: float | None
    exact: bool
    ef_search: int | None
    probes: int | None
    weights: tuple[float, float] | None
    candidates: int | tuple[int, int] | None
    rrf_constant: int | None
    rerank: Reranker | None
    diversity: float | None
    oversampling: float | None
    group_by: str | None
    group_size: int
    context: int | tuple[int, int] | None
    highlight: bool
    like: Iterable[RecordId] | None
    unlike: Iterable[RecordId] | None
    include_vector: bool
    include_extra: bool
    include_columns: IncludeColumns


_NAMES = tuple(SearchOptions.__annotations__)


@dataclass(slots=True, eq=False)
class Request:
    """
    A search, without what is searched for.

    `limit` and `offset` are the caller's, `fetched` and `skipped` those of the statement: where its answer is
    refined here, it is larger. `weights` and `candidates` are those of the vector side and of the keyword side. With
    `groups`, all of them count groups. `context` is how many neighbours a match gets, before and after it.
    """

    mode: Mode
    measure: MeasureSpec
    columns: Columns
    selection: Selection
    limit: int
    offset: int
    fetched: int
    skipped: int
    threshold: float | None
    exact: bool
    ef_search: int | None
    probes: int | None
    weights: tuple[float, float] | None
    candidates: tuple[int, int]
    rrf_constant: int | None
    rerank: Reranker | None
    diversity: float | None
    oversampling: float | None
    groups: Grouping | None
    context: tuple[int, int] | None
    highlight: bool
    include_vector: bool

    # Whether the caller chose the candidates of a hybrid search, so that there are no more.
    fixed: bool
    # Whether only some of the records are searched: those that match a filter, or that row-level security shows.
    filtered: bool
    # Whether what the database answers is reordered here.
    refined: bool
    # Whether it is kept for the next search: see `plain_request`.
    plain: bool = False

    @property
    def group_size(self) -> int:
        """How many records of a group are wanted."""
        return 1 if self.groups is None else self.groups.size


def checked_request(
    table: Table, selection: Selection, options: SearchOptions, *, columns: Columns | None = None
) -> Request:
    """
    Return the request that these arguments of `search()` make, or raise ArgError.

    `columns` are other columns than `search()` returns.
    """
    mode = options.get("mode", "vector")
    if not isinstance(cast("Any", mode), str) or mode not in MODES:
        raise ArgError(f"unknown mode {brief(mode)}; expected one of {', '.join(map(repr, MODES))}")
    if mode != "keyword" and not table.has_vectors:
        raise ArgError(
            f"mode={mode!r} needs vectors, and attach() was told of no column for them: give it vec=, after "
            f"{add_vectors(table)}; mode='keyword' needs none"
        )
    for name, wanted in (("mode='hybrid'", mode == "hybrid"), *((f"{n}=", options.get(n) is not None) for n in _BY_ID)):
        if wanted:
            check_unique(table, name)
    limit = min(checked_int(options.get("limit", DEFAULT_LIMIT), "limit", 0), MOST_ROWS)
    offset = min(checked_int(options.get("offset", 0), "offset", 0), MOST_ROWS)
    weights, candidates, rrf_constant = (options.get(name) for name in _FUSION)
    if mode != "hybrid":
        for name, value in zip(_FUSION, (weights, candidates, rrf_constant), strict=True):
            if value is not None:
                raise ArgError(f"{name}= is for mode='hybrid', and mode is {brief(mode)}")
    rerank, diversity, threshold = options.get("rerank"), options.get("diversity"), options.get("threshold")
    if rerank is not None:
        check_reranker(rerank)
    if diversity is not None and table.storage.sparse:
        raise ArgError(f"diversity= compares dense vectors, and collection {table.name!r} holds sparse ones")
    refined = rerank is not None or diversity is not None
    factor = checked_oversampling(options.get("oversampling"))
    fetched, skipped = limit, offset
    if refined:
        fetched, skipped = min(math.ceil((limit + offset) * (factor or OVERSAMPLING)), MOST_ROWS), 0
    groups = _checked_groups(table, options)
    wanted = (fetched + skipped) * (groups.size if groups else 1)
    include_vector = checked_flag(options.get("include_vector"), "include_vector")
    include_extra = checked_flag(options.get("include_extra"), "include_extra")
    shares = None if weights is None else _checked_weights(weights)
    return Request(
        mode=mode,
        measure=measure_for(options.get("measure"), table.vec_type, table.dimension),
        columns=columns or _columns(include_vector or diversity is not None, include_extra),
        selection=selection,
        limit=limit,
        offset=offset,
        fetched=fetched,
        skipped=skipped,
        threshold=None if threshold is None else _threshold(threshold),
        exact=checked_flag(options.get("exact"), "exact"),
        ef_search=_checked_setting(options.get("ef_search"), IndexMethod.hnsw, "ef_search"),
        probes=_checked_setting(options.get("probes"), IndexMethod.ivfflat, "probes"),
        weights=shares,
        candidates=_checked_candidates(candidates, min(wanted, MOST_ROWS), shares) if mode == "hybrid" else (0, 0),
        rrf_constant=None if rrf_constant is None else checked_int(rrf_constant, "rrf_constant", 0),
        rerank=rerank,
        diversity=None if diversity is None else checked_diversity(diversity),
        # One argument for whatever chooses among candidates: a model where there is one, else an index of codes.
        oversampling=None if refined else factor,
        groups=groups,
        context=None if options.get("context") is None else checked_context(table, options.get("context")),
        highlight=checked_flag(options.get("highlight"), "highlight"),
        include_vector=include_vector,
        fixed=candidates is not None,
        filtered=selection != EVERYTHING or table.row_security,
        refined=refined,
    )


def check_pairs(request: Request, found: int) -> None:
    """Refuse to spread so many matches by diversity that it would take the client longer than any search."""
    pairs = found * min(request.limit + request.offset, found)
    if pairs > MOST_PAIRS:
        raise ArgError(
            f"diversity= compares each match that it chooses with all {found:,} candidates: with "
            f"limit={request.limit} and offset={request.offset} these are {pairs:,} pairs, and {MOST_PAIRS:,} are the "
            "most; give a smaller limit, or a smaller oversampling"
        )


def options_of(arguments: Mapping[str, Any]) -> SearchOptions:
    """Return the options among the arguments of `search()`, which are all that it was given."""
    return cast("SearchOptions", {name: arguments[name] for name in _NAMES})


def is_plain(options: SearchOptions) -> bool:
    """Whether options are for nearness alone, without a filter: the same from one search to the next, mostly."""
    return (
        isinstance(cast("Any", options.get("mode")), str)
        and options.get("mode") == "vector"
        and options.get("filters") is None
        and options.get("text") is None
        # A reranker, a whole model perhaps, is never kept.
        and options.get("rerank") is None
        and options.get("weights") is None
        and options.get("candidates") is None
        and options.get("rrf_constant") is None
        # What is given as an example is left out, by a filter.
        and options.get("like") is None
        and options.get("unlike") is None
    )


def plain_request(table: Table, options: SearchOptions) -> Request:
    """Return the request that plain options make; it is kept for the next search."""
    try:
        return _plain_request(table, **cast("dict[str, Any]", options))
    except TypeError:
        # What cannot be hashed is no good argument, either.
        return checked_request(table, EVERYTHING, options)


# Typed: True is no limit, though it equals 1.
@lru_cache(maxsize=256, typed=True)
def _plain_request(table: Table, **options: Any) -> Request:
    request = checked_request(table, EVERYTHING, cast("SearchOptions", options))
    request.plain = True
    return request


@lru_cache(maxsize=4)
def _columns(vec: bool, extra: bool) -> Columns:
    return Columns(vec=vec, extra=extra)


def check_known(options: SearchOptions) -> None:
    """Raise CallError (a TypeError) for an argument that `search()` does not have."""
    for name in options:
        if name not in SearchOptions.__annotations__:
            raise CallError(unknown_argument(name, _NAMES, given=options, takes="search() takes"))


def words_of(query: Any, request: Request, table: Table, text: str | None) -> str | None:
    """
    Return the text whose words are looked for, or highlighted, or that a reranker reads; None where none of it is.

    `text` is the argument of that name. Raises ArgError where there are no words, or nowhere to look for them.
    """
    needs_keywords, reranks = request.mode != "vector", request.rerank is not None
    asked = [f"mode={request.mode!r}"] * needs_keywords + ["highlight="] * request.highlight + ["rerank="] * reranks
    if not asked and text is None:
        return None
    if (needs_keywords or request.highlight) and table.language is None and table.attached:
        raise ArgError(
            f"{asked[0]} needs keywords, and {shown(table)} has no column of type tsvector for them that "
            f"attach() knows: {add_keywords(table)}; if there is one, give attach() text_search="
        )
    if (needs_keywords or request.highlight) and table.language is None:
        raise ArgError(
            f"{asked[0]} needs texts, and collection {table.name!r} keeps none; call its "
            "enable_text(), or create the collection with text=True"
        )
    reads_texts = "highlight=" if request.highlight else "rerank=" if reranks else None
    if reads_texts and not table.has_text and table.attached:
        raise ArgError(f"{reads_texts} needs texts: name their column, attach({shown(table)!r}, text=...)")
    if reads_texts and not table.has_text:
        raise ArgError(
            f"{reads_texts} needs texts, and collection {table.name!r} keeps none; call its enable_text(), or create "
            "the collection with text=True"
        )
    if text is not None and not isinstance(text, str):
        raise ArgError(f"text must be a string, not {brief(text)}")
    if not asked:
        raise ArgError(
            "text= is for mode='keyword' and mode='hybrid', and for rerank= and highlight=; mode is 'vector'"
        )
    if text is None and not isinstance(query, str):
        raise ArgError(f"the query is {type(query).__name__}, and {asked[0]} needs words: give text= beside it")
    return query if text is None else text


def _checked_setting(value: int | None, method: IndexMethod, name: str) -> int | None:
    return None if value is None else checked_int(value, name, *METHODS[method].search_range)


def _checked_groups(table: Table, options: SearchOptions) -> Grouping | None:
    key, given = options.get("group_by"), options.get("group_size", 1)
    size = min(checked_int(given, "group_size", 1), MOST_ROWS)
    if key is None:
        if size != 1:
            raise ArgError(f"group_size={brief(given)} is for group_by=, such as group_by='$document_id'; add it")
        return None
    keyed = checked_keyed(key, table, "group_by")
    return Grouping(keyed.key, size, keyed.column, keyed.shown)


def checked_context(table: Table, context: Any) -> tuple[int, int]:
    """Return how many neighbours are wanted, before and after; raises ArgError where a table does not tell them."""
    pair = cast("Sequence[Any]", context if isinstance(context, tuple | list) else (context, context))
    if len(pair) != 2:
        raise ArgError(f"context must be a number of records or a pair (before, after), not {brief(pair)}")
    if not (table.has_text and table.has_documents):
        raise ArgError(f"context= needs {needs_documents(table)}")
    if table.mapped is not None and table.mapped.key.kind not in ("integer", "text"):
        raise ArgError(
            f"context= needs ids that tell which record stands before another, integers or texts that end in numbers; "
            f"column {brief(table.mapped.key.name)}, that of the ids, is {table.mapped.key.shown}"
        )
    before, after = (min(checked_int(number, "context", 0), MOST_ROWS) for number in pair)
    return before, after


def _threshold(value: Any) -> float:
    return checked_number(value, "threshold", 0, 1, wanted="a score from 0 to 1")


def _checked_weights(weights: Any) -> tuple[float, float]:
    if not isinstance(weights, tuple | list) or len(cast("Sequence[Any]", weights)) != 2:
        raise ArgError(f"weights must be a pair (vector, keyword), not {brief(cast('Any', weights))}")
    if not all(is_number(weight, 0) for weight in cast("Sequence[Any]", weights)):
        raise ArgError(f"weights must be numbers of at least 0, not {brief(cast('Any', weights))}")
    vector, keyword = (float(weight) for weight in cast("Sequence[Any]", weights))
    if vector + keyword == 0:
        raise ArgError("both weights are 0; at least one must be greater than 0")
    greatest = max(vector, keyword)
    return vector / greatest, keyword / greatest


def _checked_candidates(candidates: Any, wanted: int, weights: tuple[float, float] | None) -> tuple[int, int]:
    # Twice as many as are wanted: the sides overlap.
    given: Any = max(MIN_CANDIDATES, 2 * wanted) if candidates is None else candidates
    pair = cast("Sequence[Any]", given if isinstance(given, tuple | list) else (given, given))
    if len(pair) != 2:
        raise ArgError(f"candidates must be a number or a pair (vector, keyword), not {brief(candidates)}")
    vector, keyword = (checked_int(number, "candidates", 1) for number in pair)
    # A side without weight is left out.
    near, worded = weights or (1.0, 1.0)
    return vector if near else 0, keyword if worded else 0
