"""A search described in words."""

from __future__ import annotations

import re
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

# Vectors in a plan: dense, sparse, of bits; those of a few numbers stay.
_VECTOR = re.compile(r"'(?P<opened>[\[{])(?P<values>[-+.,:0-9eE]{48,})(?P<closed>\]|\}/[0-9]+)'|'(?P<bits>[01]{48,})'")


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
    *,
    has_words: bool = True,
) -> list[str]:
    """
    Say which indexes a plan of the server uses, with what settings, among how many candidates, and what follows.

    `dropped` are the words of the query that are not looked for, `has_words` is whether any record has words.
    """
    request, table = setup.request, setup.shape.table
    used = [index for index in indexes if any(index.name in line for line in plan)]
    if request.groups is not None:
        # The one on ids answers for the rows that are sent, not for what is found.
        used = [index for index in used if not index.primary]
    lines = [
        _first_line(table, request, query, used, indexes),
        *why_precision(table, setup.index_for(query), setup.shape.rows_of_index),
    ]
    if request.mode != "vector":
        lines.append(f"Words are read as {table.language} text; rare ones count more.")
        lines += _of_words(request, query.terms, dropped)
        if not has_words:
            lines.append(_without_texts(table))
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


def shortened(plan: Sequence[str]) -> list[str]:
    """Return the lines of a plan with the first numbers of each vector."""
    return [_VECTOR.sub(_first_numbers, line) for line in plan]


def _first_numbers(found: re.Match[str]) -> str:
    bits, opened, closed = found["bits"], found["opened"], found["closed"]
    if bits:
        return f"'{bits[:16]}... {len(bits):,} bits'"
    numbers = found["values"].split(",")
    return f"'{opened}{', '.join(numbers[:3])}, ... {len(numbers):,} numbers{closed}'"


def _of_words(request: Request, terms: Terms, dropped: Sequence[str]) -> list[str]:
    """Tell which words are looked for, with how common they are and what they weigh, and which are not."""
    found = sorted(terms.terms, key=lambda term: -term.weight)
    told = [f"{brief(term.lexeme)} (in about {term.records:,.0f}, weight {term.weight:.2f})" for term in found]
    filtered = "" if request.selection.filters is None else ", whether or not they match the filter"
    lines = [f"Words looked for, and in how many records they are{filtered}: {', '.join(told)}."] if told else []
    if dropped:
        lines.append(f"Words left out as stop words: {', '.join(map(brief, dropped))}.")
    if not told and request.mode == "hybrid":
        lines.append("The query has no words that are looked for, so that nearness alone decides.")
    return lines


def _without_texts(table: Table) -> str:
    if table.attached:
        return "No record has words to be found by."
    return "No record has a text; write records with one, or enable_text(text_key=...) takes texts from the metadata."


def _weights(request: Request) -> str:
    if request.weights is not None:
        return f"the weights {request.weights[0]:g} and {request.weights[1]:g}"
    if request.rrf_constant is not None:
        return "equal weights"
    return "the weights 1 and 2.5 * sqrt(best - fifth), of the best and the fifth score that keyword mode gives"


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


def _first_line(
    table: Table, request: Request, query: Query, used: Sequence[IndexInfo], indexes: Sequence[IndexInfo]
) -> str:
    how = {"vector": "nearness", "keyword": "words", "hybrid": "nearness and words"}[request.mode]
    measured = "" if request.mode == "keyword" else f" ({request.measure.measure.value})"
    if request.mode == "keyword" and not query.terms.terms:
        return "The search by words finds nothing: the query has no words that are looked for."
    unused = [index.name for index in indexes if _answers(table, request, index)]
    if not used and unused and not request.exact:
        return (
            f"The search by {how}{measured} compares every record: Postgres takes that to be cheaper than to use "
            f"{', '.join(unused)}, as it is for few records."
        )
    if not used:
        return f"The search by {how}{measured} compares every record, without an index."
    named = ", ".join(f"{index.name} ({index.method})" for index in used)
    return f"The search by {how}{measured} uses {named}."


def _answers(table: Table, request: Request, index: IndexInfo) -> bool:
    """Whether an index could answer a search."""
    if not index.valid:
        return False
    if request.mode != "vector" and index.column == table.name_of("text_search"):
        return True
    return request.mode != "keyword" and index.condition is None and request.measure.measure in index.measures


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
