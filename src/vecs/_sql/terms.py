"""
The words of a query: what each weighs by BM25, which stand near each other, and which records are worth ranking.

Robertson and Zaragoza, The Probabilistic Relevance Framework, 2009. Everything here is decided from a query's lexemes
and from the statistics of a collection, without a server; keywords.py makes statements of it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, NamedTuple, cast

from vecs._sql.binary import TEXT_OID, Binary, array_param
from vecs._sql.fragment import Fragment, Literal, qualified
from vecs._sql.tables import Table

# So many words of a query are looked for, the weightiest, and so many pairs of them.
MOST_WORDS = 32
# So many of those that are not among the commonest are counted.
MOST_COUNTED = 256
# What neighbouring words weigh, of the weight of the lighter one; and characters of scripts that part no words.
_BONUS, _BONUS_OF_CHARACTERS = 0.15, 1.0
_FIRST_OF_THOSE_SCRIPTS = "\u0e00"
# Thai, Lao, Burmese, Khmer and kana.
_SYLLABLE = re.compile(
    r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3041-\u309f\u30a1-\u30ff\u31f0-\u31ff\uaa60-\uaa7f\uff66-\uff9f]"
)
# How many records are read to rank them: so many times the root of how many there are, within these bounds. Fewer are
# enough beside those that nearness finds.
_LEAST_SCANNED, _LEAST_BESIDE_NEAR = 700.0, 300.0
_SCANNED_OF_ROOT, _MOST_SCANNED = 5.0, 5000.0
# A text has so many bytes of lexemes for each of the commonest words that it has; without statistics it is taken to
# have 640.
_BYTES_PER_SHARE, _MEAN_LENGTH = 20.0, 640.0
# For so many words there is a statement each.
_PLACES = (1, 2, 3, 4, 6, 8, 12, 16, 24, MOST_WORDS)


class Term(NamedTuple):
    """
    A lexeme of a query, where it stands there, how many records have it, and what it weighs.

    `beside` are tsqueries of a syllable or letter and what stands next to it: alone, it is no reason to find a record.
    """

    lexeme: str
    positions: tuple[int, ...]
    records: float
    idf: float
    weight: float
    beside: tuple[str, ...] = ()

    @property
    def query(self) -> str:
        """The lexeme as a tsquery."""
        escaped = self.lexeme.replace("\\", "\\\\").replace("'", "''")
        return f"'{escaped}'"

    @property
    def wanted(self) -> tuple[str, ...]:
        """The tsqueries of which a record has to meet one to be found by this word."""
        return self.beside or (self.query,)

    @property
    def any_wanted(self) -> str:
        """The same as one tsquery that may stand beside others."""
        return f"({' | '.join(self.beside)})" if self.beside else self.query


class Pair(NamedTuple):
    """Words that stand near each other in the query, as a tsquery, and what records weigh more that have them so."""

    query: str
    weight: float


@dataclass(frozen=True)
class WordStatistics:
    """
    What the planner knows of a collection's words: the share of records that have a lexeme, for the commonest.

    `records` is how many records there are, 0 where that is not known. `width` is how many bytes their tsvectors take
    where they are stored. `encoding` is that of the database.
    """

    records: float = 0
    shares: Mapping[str, float] | None = None
    width: float = 0
    encoding: str = "UTF8"

    @cached_property
    def mean_length(self) -> float:
        """
        About how many bytes the lexemes of a text have.

        Of rare words no shares are known; of texts that are kept out of line, only the size of the reference.
        """
        return max(_BYTES_PER_SHARE * sum(self.shares.values()), self.width) if self.shares else _MEAN_LENGTH

    @cached_property
    def param(self) -> Binary:
        """The lexemes whose share is known, as an array for the server."""
        return array_param(TEXT_OID, [lexeme.encode() for lexeme in self.shares or ()])


@dataclass(frozen=True)
class Terms:
    """The words of a query, the rarest first, and their neighbours; `mean_length` is that of a text, in bytes."""

    terms: tuple[Term, ...] = ()
    pairs: tuple[Pair, ...] = ()
    records: float = 1.0
    mean_length: float = _MEAN_LENGTH

    @cached_property
    def every(self) -> str:
        """The tsquery for records that have any of the words."""
        return " | ".join(dict.fromkeys(query for term in self.terms for query in term.wanted))

    @cached_property
    def most(self) -> float:
        """What a record weighs at most; weights are divided by it, also where no word is looked for."""
        return sum(term.weight for term in self.terms) + sum(pair.weight for pair in self.pairs) or 1.0

    def padded(self, parts: Sequence[Term | Pair]) -> list[tuple[str | None, float]]:
        """
        Return the queries and weights of words or pairs, with nulls behind them that count nothing.

        There are few numbers of them, so that few statements are prepared.
        """
        most = max(len(self.terms), len(self.pairs))
        places = next(places for places in _PLACES if places >= most)
        nothing: list[tuple[str | None, float]] = [(None, 0.0)]
        return [*((part.query, part.weight) for part in parts), *nothing * (places - len(parts))]

    def worth_ranking(self, wanted: int, *, beside_near: bool = False) -> str:
        """
        Return the tsquery for the records to rank, so that few records are read; "" if there are none.

        There may be fewer `beside_near` ones, in a hybrid search. Rare words are looked for each. Of the others so many
        have to meet that few records are left to read: common words alone make no candidate. All words count in the
        ranking.
        """
        least = _LEAST_BESIDE_NEAR if beside_near else _LEAST_SCANNED
        scanned = min(max(least, _SCANNED_OF_ROOT * math.sqrt(self.records)), _MOST_SCANNED)
        up_to_here, singles, others = 0.0, list[Term](), list[Term]()
        for term in self.terms:
            up_to_here += term.records
            (singles if up_to_here <= scanned else others).append(term)
        used = sum(term.records for term in singles)
        wholes = [query for term in singles for query in term.wanted]
        places = self._meeting(others, scanned - used)
        if places is None and used < wanted:
            places = len(others)
        if places:
            meeting = " & ".join(term.any_wanted for term in others[:places])
            rest = " | ".join(dict.fromkeys(query for term in others[places:] for query in term.wanted))
            wholes.append(f"{meeting} & ({rest})" if rest else meeting)
        return " | ".join(dict.fromkeys(wholes))

    def _meeting(self, others: Sequence[Term], left: float) -> int | None:
        """Return how many of these words have to meet, besides one of the commoner ones; None if they never do."""
        met = self.records
        for places, term in enumerate(others, 1):
            met *= max(term.records / self.records, 1e-9)
            commoner = sum(other.records / self.records for other in others[places:]) if others[places:] else 1.0
            if met * min(1.0, commoner) <= left:
                return places
        return None


NO_TERMS = Terms()


def terms_of(rows: Iterable[tuple[str, Sequence[int], int | None]], known: WordStatistics) -> Terms:
    """
    Return the terms of a query by its lexemes, their positions, and how many records have those of unknown share.

    A weight is the inverse document frequency times a saturating count of repetitions.
    """
    shares = known.shares or {}
    found = [
        (lexeme, tuple(positions), shares[lexeme] * known.records if counted is None else float(counted))
        for lexeme, positions, counted in rows
    ]
    if not found:
        return NO_TERMS
    records = max(known.records, 2 * max(count for _, _, count in found), 1.0)
    terms = _beside([_weighed(lexeme, positions, count, records) for lexeme, positions, count in found])
    # Those that no record has would leave no room for those that one has.
    terms = sorted(terms, key=lambda term: (term.records == 0, -term.weight, term.lexeme))[:MOST_WORDS]
    terms.sort(key=lambda term: (term.records, term.lexeme))
    return Terms(tuple(terms), _pairs(terms), records, known.mean_length)


def _weighed(lexeme: str, positions: tuple[int, ...], count: float, records: float) -> Term:
    idf = math.log(1 + (records - count + 0.5) / (count + 0.5))
    repeated = 2 * len(positions) / (len(positions) + 1)
    return Term(lexeme, positions, count, idf, idf * repeated)


def _beside(terms: Sequence[Term]) -> list[Term]:
    """
    Return the terms, and with syllables and letters of scripts that part no words what stands next to them.

    Most texts have each of these somewhere: they find a record together with a neighbour. A character of Han or Hangul
    may be a word.
    """
    placed = {position: term for term in terms for position in term.positions if _is_character(term)}

    def beside(term: Term) -> tuple[str, ...]:
        ends = [(at, at + 1) for position in term.positions for at in (position - 1, position)]
        found = [f"{placed[a].query} <-> {placed[b].query}" for a, b in ends if a in placed and b in placed]
        return tuple(dict.fromkeys(found))

    return [term._replace(beside=beside(term)) if _SYLLABLE.fullmatch(term.lexeme) else term for term in terms]


def _pairs(terms: Sequence[Term]) -> tuple[Pair, ...]:
    placed = sorted(((position, term) for term in terms for position in term.positions), key=_place)
    weights: dict[str, float] = {}
    for (position, term), (following, other) in pairwise(placed):
        gap = following - position
        if term.lexeme == other.lexeme or gap < 1:
            continue
        query = f"{term.query} <{gap}> {other.query}"
        share = _BONUS_OF_CHARACTERS if _is_character(term) and _is_character(other) else _BONUS
        weights[query] = max(weights.get(query, 0.0), share * min(term.idf, other.idf))
    heaviest = sorted(weights.items(), key=lambda pair: (-pair[1], pair[0]))[:MOST_WORDS]
    return tuple(Pair(query, weight) for query, weight in heaviest)


def _is_character(term: Term) -> bool:
    return len(term.lexeme) == 1 and term.lexeme >= _FIRST_OF_THOSE_SCRIPTS


def _place(placed: tuple[int, Term]) -> tuple[int, str]:
    return placed[0], placed[1].lexeme


def find_statistics(table: Table) -> Fragment:
    """Read what the planner knows of the words of a collection: one row."""
    return qualified(
        """
        select greatest(c.reltuples, 0)::double precision, s.most_common_elems::pg_catalog.text::pg_catalog.text[],
               s.most_common_elem_freqs, s.null_frac, s.avg_width,
               pg_catalog.current_setting('server_encoding')
        from pg_catalog.pg_class as c left join pg_catalog.pg_stats as s
             on s.schemaname = {schema}::pg_catalog.text and s.tablename = {name}::pg_catalog.text
             and s.attname = {column}
        where c.oid = {regclass}::pg_catalog.regclass
        -- Of a table that others inherit from, those of all.
        order by s.inherited desc nulls last limit 1
        """,
        schema=table.schema,
        name=table.name,
        column=Literal(table.name_of("text_search")),
        regclass=Literal(table.identifier.sql),
    )


def read_statistics(rows: Sequence[tuple[Any, ...]]) -> WordStatistics:
    """Read the answer of `find_statistics`."""
    if not rows:
        return WordStatistics()
    records, lexemes, shares, without_text, width, encoding = rows[0]
    if records <= 0:
        # Truncated, or never looked at: what is known is of other records.
        return WordStatistics(encoding=encoding)
    # Behind the shares, which are of the records with a text, stand the least and the greatest of them.
    pairs = zip(cast("list[str]", lexemes or []), cast("list[float]", shares or []), strict=False)
    known = {lexeme: share * (1 - without_text) for lexeme, share in pairs}
    return WordStatistics(records, known, width or 0, encoding)
