"""A search described in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from vecs._checks.shown import brief
from vecs._indexing.precision import PRECISION_WORDS, automatic_precision, greatest_dimension
from vecs._searching.known_indexes import KnownIndexes
from vecs._searching.plan import Query, Setup
from vecs._searching.request import Request
from vecs._sql.indexes import IndexInfo
from vecs._sql.shape import Grouping
from vecs._sql.tables import Table
from vecs._sql.terms import Terms
from vecs.measures import MeasureSpec, measures_of


def without_index(table: Table, measure: MeasureSpec, known: KnownIndexes, call: str | None) -> str:
    """
    Return the warning that a search compares every record, with the call that makes an index.

    `call` is the call of an integration. The first words are those of vecs 0.4, which programs may look for.
    """
    default = measures_of(table.vec_type)[0]
    argument = "" if measure.measure is default else f'"{measure.measure.value}"'
    owner = table.name if table.name.isidentifier() else "collection"
    return (
        f"Query does not have a covering index: collection {table.name!r} has about {known.estimate:,} records, and "
        f"each search compares all of them. Make an index with {call or f'{owner}.index({argument})'}"
    )


def describe_search(
    setup: Setup,
    query: Query,
    indexes: Sequence[IndexInfo],
    plan: Sequence[str],
    settings: Mapping[str, str],
    dropped: Sequence[str] = (),
) -> list[str]:
    """
    Say which indexes a plan of the server uses, with what settings, among how many candidates, and what follows.

    `dropped` are the words of the query that are not looked for.
    """
    request, table = setup.request, setup.shape.table
    used = [index for index in indexes if any(index.name in line for line in plan)]
    if request.groups is not None:
        # The one on ids answers for the rows that are sent, not for what is found.
        used = [index for index in used if not index.primary]
    lines = [
        _first_line(request, used),
        *why_precision(table, setup.index_for(query), setup.shape.rows_of_index),
    ]
    if request.mode != "vector":
        lines.append(f"Words are read as {table.language} text; rare ones count more.")
        lines += _of_words(query.terms, dropped)
        if table.has_outdated_words:
            lines.append("An earlier version of vecs indexed them; enable_text() indexes them anew, to find more.")
    if request.mode == "hybrid":
        vector, keyword = request.candidates
        how = "by their scores, from the least to the greatest of them"
        if request.rrf_constant is not None:
            how = f"by reciprocal rank with the constant {request.rrf_constant}"
        lines.append(
            f"Up to {vector} records by nearness and {keyword} by words are fused {how}, with {_weights(request)}."
        )
    if any(index.approximate for index in used) and not request.exact:
        known = ", ".join(f"{name} = {value}" for name, value in settings.items() if _concerns(name, used))
        lines.append(f"Settings: {known}.")
        lines.append("If the index finds too few rows, the search is repeated without it: no row is missing.")
    if request.groups is not None:
        lines.append(_of_groups(setup, request.groups))
    if request.context is not None:
        before, after = request.context
        lines.append(f"A second statement reads up to {before} records before each match and {after} after it.")
    if request.highlight:
        lines.append("Words of the matches that no earlier search met are read by one more statement.")
    if request.refined:
        steps = [
            *(["reranked"] if request.rerank is not None else []),
            *([f"spread by diversity {request.diversity:g}"] if request.diversity is not None else []),
        ]
        kind = "matches" if request.groups is None else "groups"
        lines.append(f"{request.fetched} {kind} are fetched and {' and '.join(steps)}; {request.limit} are returned.")
    return lines


def _of_words(terms: Terms, dropped: Sequence[str]) -> list[str]:
    """Tell which words are looked for, with how common they are and what they weigh, and which are not."""
    found = sorted(terms.terms, key=lambda term: -term.weight)
    told = [f"{brief(term.lexeme)} (in about {term.records:,.0f}, weight {term.weight:.2f})" for term in found]
    lines = [f"Words looked for, and in how many records they are: {', '.join(told)}."] if told else []
    if dropped:
        lines.append(f"Words left out as stop words: {', '.join(map(brief, dropped))}.")
    return lines or ["The query has no words, so that none is looked for."]


def _weights(request: Request) -> str:
    if request.weights is not None:
        return f"the weights {request.weights[0]:g} and {request.weights[1]:g}"
    if request.rrf_constant is not None:
        return "equal weights"
    return "the weights 1 and up to 2.5, the more the best record stands out by its words"


def _of_groups(setup: Setup, grouping: Grouping) -> str:
    request, pool = setup.request, setup.pool
    told = f"Records are grouped by {grouping.key!r}; a group has up to {grouping.size} in the answer. "
    if request.mode == "hybrid":
        if request.fixed:
            return f"{told}Only those candidates are grouped."
        return f"{told}If the candidates are of fewer than {request.fetched} groups, more are taken."
    if pool is None:
        return f"{told}The server groups all records that match."
    return (
        f"{told}The best {pool.sizes[0]:,} records are grouped first, then more of them or all, until there are "
        f"{request.fetched} groups."
    )


def _first_line(request: Request, used: Sequence[IndexInfo]) -> str:
    how = {"vector": "nearness", "keyword": "words", "hybrid": "nearness and words"}[request.mode]
    measured = "" if request.mode == "keyword" else f" ({request.measure.measure.value})"
    if not used:
        return f"The search by {how}{measured} compares every record, without an index."
    named = ", ".join(f"{index.name} ({index.method})" for index in used)
    return f"The search by {how}{measured} uses {named}."


def _concerns(setting: str, used: Sequence[IndexInfo]) -> bool:
    return any(setting.startswith(index.method + ".") for index in used)


def why_precision(table: Table, index: IndexInfo | None, candidates: int) -> list[str]:
    """Tell which precision answers a search and why; nothing where it is that of the vectors as they are stored."""
    if index is None or index.precision in (None, "full"):
        return []
    found = (
        f"It finds {candidates:,} candidates by {index.precision} precision and ranks them by their exact distance, "
        "from the vectors as they are stored."
    )
    dimension, greatest = table.dimension or 0, greatest_dimension(table, "full")
    if index.precision != automatic_precision(table) or dimension <= greatest:
        return [f"Index {index.name} was made with precision={index.precision!r}.", found]
    limits = f"{PRECISION_WORDS['full'] if table.vec_type == 'vector' else 'an index of them'} takes up to {greatest:,}"
    if index.precision == "binary" and table.vec_type == "vector":
        limits += f", one of half precision up to {greatest_dimension(table, 'half'):,}"
    chose = f"so index() chose {index.precision} precision."
    return [f"The vectors have {dimension:,} dimensions; {limits}, {chose}", found]
