"""
Search by words: how records rank by them, alone or beside nearness.

BM25 (Robertson and Zaragoza, The Probabilistic Relevance Framework, 2009; k1 = 1.2, b = 0.75) from what Postgres
has: term frequencies from `ts_rank`, lengths from sizes; weights of words from terms.py. Neighbours get a bonus.
DESIGN.md has the measurements.
"""

from __future__ import annotations

import codecs
from dataclasses import replace

from vecs._sql.answers import names, select_list
from vecs._sql.fragment import EMPTY, Fragment, Literal, Param, join, qualified
from vecs._sql.languages import regconfig
from vecs._sql.lexemes import MAX_CHARACTERS, lexemes, prepared
from vecs._sql.search import kept_around, nearest, nearness
from vecs._sql.selection import where
from vecs._sql.shape import Fusion, Shape
from vecs._sql.tables import Table
from vecs._sql.terms import MOST_COUNTED, MOST_WORDS, Terms, WordStatistics

_CODECS = {"KOI8R": "koi8_r", "KOI8U": "koi8_u", "SQL_ASCII": "utf-8"}
# Taking out a lexeme that no text has unpacks a long text's once, not once per lexeme of the query.
_UNPACKED = qualified("pg_catalog.ts_delete(text_search, ''::pg_catalog.text)")


def searchable(text: str, encoding: str = "UTF8") -> str:
    """Return any text as one that a database of this encoding takes: no record has characters that it cannot store."""
    codec = _codec(encoding)
    return text[:MAX_CHARACTERS].replace("\x00", " ").encode(codec, errors="replace").decode(codec)


def _codec(encoding: str) -> str:
    """Return Python's name of an encoding that Postgres names."""
    name = _CODECS.get(encoding, encoding.replace("WIN", "cp"))
    try:
        return codecs.lookup(name).name
    except LookupError:
        return "utf-8"


def find_terms(table: Table, words: str, known: WordStatistics) -> Fragment:
    """
    Read the lexemes of a text with their positions, as many as may be looked for, for `terms_of`.

    Those whose share is not known are rare, hence cheap to count: with how many records have them.
    """
    return qualified(
        """
        with words as materialized (
            select l.lexeme, l.positions, known.lexeme is null as is_unknown, pg_catalog.row_number() over (
                       partition by known.lexeme is null
                       order by pg_catalog.cardinality(l.positions) desc, l.positions[1], l.lexeme
                   ) as place
            from pg_catalog.unnest({lexemes}) as l
            left join pg_catalog.unnest({known}::pg_catalog.text[]) as known (lexeme) on known.lexeme = l.lexeme
        )
        select w.lexeme, w.positions, case when w.is_unknown then (
                   select pg_catalog.count(*) from {table} as t
                   -- As text, a tsvector's lexeme is quoted as a tsquery's is.
                   where t.text_search
                         @@ pg_catalog.array_to_tsvector(array[w.lexeme])::pg_catalog.text::pg_catalog.tsquery
               ) end
        from words as w where not w.is_unknown or w.place <= {most}
        """,
        lexemes=lexemes(table.language or "simple", _text(words, known.encoding), table.preparation),
        known=known.param,
        table=table.rows,
        most=Literal(MOST_COUNTED),
    )


def find_dropped(table: Table, words: str, encoding: str) -> Fragment:
    """Find the words of a text that its language leaves out, in their order."""
    return qualified(
        """
        select d.token from pg_catalog.ts_debug({language}::pg_catalog.regconfig, {prepared})
                            with ordinality as d (alias, description, token, dictionaries, dictionary, lexemes, place)
        where d.lexemes = array[]::pg_catalog.text[] group by d.token order by pg_catalog.min(d.place) limit {most}
        """,
        language=Literal(regconfig(table.language or "simple")),
        prepared=prepared(_text(words, encoding), table.preparation),
        most=Literal(MOST_WORDS),
    )


def has_words(table: Table) -> Fragment:
    """Tell whether any record has words to be found by."""
    return qualified("select exists (select from {table} as t where t.text_search is not null)", table=table.rows)


def _text(words: str, encoding: str) -> Fragment:
    return qualified("{words}::pg_catalog.text", words=searchable(words, encoding))


def by_words(shape: Shape, terms: Terms) -> Fragment:
    """
    Find the records that answer a text best by its words, best first, with a score in [0, 1].

    `exact` makes a candidate of every record that has any of the words.
    """
    return qualified(
        """
        select {columns}, null::double precision as distance,
               (weight / {most}::double precision)::double precision as score
        from ({worded}) as worded
        order by score desc, id
        limit {limit}::bigint offset {offset}::bigint
        """,
        worded=_worded(shape, shape.limit + shape.offset, terms),
        most=terms.most,
        columns=select_list(shape.table, shape.columns),
        limit=shape.limit,
        offset=shape.offset,
    )


def by_both(shape: Shape, fusion: Fusion, vec: Param, terms: Terms) -> Fragment:
    """
    Find the records that answer best by nearness and by words, fused; with a score in [0, 1].

    Every candidate gets both its distance and its rank by words, whichever side found it. Each is stretched to
    [0, 1] over the candidates, and the score is their weighted mean; with `rrf_constant` it is weighted
    reciprocal rank fusion. The last columns are how many candidates nearness had, and with `around` how many of the
    40 records nearest to the query pass the filter.
    """
    near = shape._replace(limit=fusion.candidates[0], offset=0, columns=replace(shape.columns, raw=True))
    distance = qualified("{distance} as distance", distance=nearness(shape.table, vec, shape.measure, "full"))
    return qualified(
        """
        with
        -- A record without a vector is near nothing.
        near as materialized (select * from ({nearest}) as nearest where distance is not null),
        worded as materialized ({worded}),
        found as materialized (
            select near.*, worded.id is not null as is_worded, true as is_near
            from near left join (select id from worded) as worded on worded.id = near.id
            union all
            select {names}, text_search, distance, true, false from worded
            where not exists (select from near where near.id = worded.id)
        ),
        weighed as materialized (
            select {names}, distance, is_worded, is_near,
                   {weight} + {bonus} as weight,
                   case when distance <> all('{{NaN,Infinity,-Infinity}}'::double precision[]) then distance end
                       as measured
            from (
                select found.*, {pivot} as pivot
                from (select *, {unpacked} as ts from found offset 0) as found
                offset 0
            ) as worded
        ),
        ends as materialized (
            select pg_catalog.min(measured) as nearest, pg_catalog.max(measured) as farthest,
                   pg_catalog.min(weight) as lightest, pg_catalog.max(weight) as heaviest,
                   (pg_catalog.array_agg(weight order by weight desc))[5] as fifth,
                   pg_catalog.count(*) filter (where is_near) as near_count
            from weighed
        )
        select {columns}, distance, least({score}, 1)::double precision as score, near_count, {around} as around
        from (
            select *, pg_catalog.row_number() over (partition by is_near order by distance, id) as near_place,
                   pg_catalog.row_number() over (partition by is_worded order by weight desc, id) as worded_place
            from weighed
        ) as placed, ends
        order by score desc, distance, id
        limit {limit}::bigint offset {offset}::bigint
        """,
        nearest=nearest(near, vec),
        worded=_worded(shape, fusion.candidates[1], terms, distance),
        names=names(shape.table, shape.columns),
        weight=_weight(terms),
        bonus=_bonus(terms),
        pivot=_pivot(terms),
        unpacked=qualified("coalesce({unpacked}, '')", unpacked=_UNPACKED),
        columns=select_list(shape.table, shape.columns),
        score=_score(fusion, terms),
        around=kept_around(shape, vec) if fusion.around else qualified("null::bigint"),
        limit=shape.limit,
        offset=shape.offset,
    )


def _score(fusion: Fusion, terms: Terms) -> Fragment:
    constant = fusion.rrf_constant
    return _relative_score(fusion, terms) if constant is None else _rank_score(fusion, constant)


def _relative_score(fusion: Fusion, terms: Terms) -> Fragment:
    """Return the weighted mean of how near and how heavy a candidate is, from the least to the most of them."""
    if fusion.weights is None:
        near, worded = qualified("1::double precision"), _standing_out(terms)
    else:
        near, worded = (qualified("{weight}::double precision", weight=weight) for weight in fusion.weights)
    return qualified(
        """(
            ({near} * coalesce(
                (farthest - measured) / case when farthest <> nearest then farthest - nearest end,
                case when measured is null then 0 else 1 end
            ))
            + ({worded} * coalesce(
                (weight - lightest) / case when heaviest <> lightest then heaviest - lightest end, 1
            ))
        ) / ({near} + {worded})""",
        near=near,
        # Where no candidate has any of the words, nearness alone decides.
        worded=qualified("(case when heaviest > 0 then {weight} else 0 end)", weight=worded),
    )


def _standing_out(terms: Terms) -> Fragment:
    """
    Return what words weigh beside nearness: up to 2.5 times as much.

    It is the more, the heavier the best candidate is than the fifth, as a share of what a record can weigh.
    """
    return qualified(
        "(2.5 * pg_catalog.sqrt(greatest(heaviest - coalesce(fifth, 0), 0) / {most}::double precision))",
        most=terms.most,
    )


def _rank_score(fusion: Fusion, constant: int) -> Fragment:
    """
    Return weighted reciprocal rank fusion, as a share of the greatest possible.

    Cormack, Clarke and Buettcher, Reciprocal Rank Fusion Outperforms Condorcet (SIGIR 2009).
    """
    near, worded = fusion.weights or (1.0, 1.0)
    return qualified(
        """(
            case when is_near then {near}::double precision / ({constant}::double precision + near_place)
                 else 0 end
            + case when is_worded then {worded}::double precision / ({constant}::double precision + worded_place)
                   else 0 end
        ) * (1 + {constant}::double precision) / ({near}::double precision + {worded}::double precision)""",
        near=near,
        worded=worded,
        constant=constant,
    )


def _weight(terms: Terms) -> Fragment:
    """
    Return what a text weighs by its words, of which `ts` has the lexemes and `pivot` stands for the length.

    ts_rank of one lexeme, all positions weighing 1, is the sum of 1/i^2 for i up to its frequency, over pi^2/6: so its
    frequency is 0.645 / (1 - it) - 0.645, exactly for 1 and within 4 % above.
    """
    if not terms.terms:
        return qualified("0::double precision")
    weights = (
        qualified(
            "coalesce({weight}::double precision * (1 - (pivot / (pivot + (0.645 / (1.0000001 - "
            "pg_catalog.ts_rank('{{1,1,1,1}}', ts, {query}::pg_catalog.tsquery, 0))) - 0.645))), 0)",
            weight=weight,
            query=query,
        )
        for query, weight in terms.padded(terms.terms)
    )
    return qualified("({weights})", weights=join(" operator(pg_catalog.+) ", weights))


def _bonus(terms: Terms) -> Fragment:
    if not terms.pairs:
        return qualified("0::double precision")
    bonuses = (
        qualified(
            "case when ts @@ {query}::pg_catalog.tsquery then {weight}::double precision else 0 end",
            query=query,
            weight=weight,
        )
        for query, weight in terms.padded(terms.pairs)
    )
    return qualified("({bonuses})", bonuses=join(" operator(pg_catalog.+) ", bonuses))


def _pivot(terms: Terms) -> Fragment:
    """Return k1 * (1 - b + b * length / mean length); as lengths serve the bytes of the lexemes and their positions."""
    return qualified(
        "({least}::double precision + ({factor}::double precision * pg_catalog.pg_column_size(ts)))",
        least=1.2 * (1 - 0.75),
        factor=1.2 * 0.75 / terms.mean_length,
    )


def _worded(shape: Shape, depth: int, terms: Terms, distance: Fragment | None = None) -> Fragment:
    """Select the records that have the words, heaviest first; of a hybrid search with their distances."""
    scanned = terms.every if shape.exact else terms.worth_ranking(depth, beside_near=distance is not None)
    heaviest = _heaviest(shape, depth, terms, scanned, EMPTY if distance is None else _for_distance(shape))
    if distance is None:
        return heaviest
    return qualified(
        # The distances of these alone.
        "select {names}, ts as text_search, {distance}, weight from ({heaviest}) as heaviest",
        names=names(shape.table, shape.columns),
        distance=distance,
        heaviest=heaviest,
    )


def _for_distance(shape: Shape) -> Fragment:
    return EMPTY if shape.columns.vec else qualified("vec, ")


def _heaviest(shape: Shape, depth: int, terms: Terms, scanned: str, more: Fragment) -> Fragment:
    """Select the heaviest of the records found, with their lexemes and weights, and the columns `more`."""
    weighed = qualified(
        """
        select *, {weight} as weight
        from (
            select found.*, {pivot} as pivot
            from (
                select {names}, {more}{unpacked} as ts
                from {table}{where}
                offset 0
            ) as found
            offset 0
        ) as measured
        {end}
        """,
        names=names(shape.table, shape.columns),
        more=more,
        unpacked=_UNPACKED,
        weight=_weight(terms),
        pivot=_pivot(terms),
        table=shape.table.source,
        where=where(
            shape.selection,
            qualified("text_search @@ {scanned}::pg_catalog.tsquery", scanned=scanned) if scanned else _NOTHING,
        ),
        end=EMPTY if terms.pairs else qualified("order by weight desc, id limit {depth}::bigint", depth=depth),
    )
    if not terms.pairs:
        return weighed
    return qualified(
        """
        with weighed as materialized ({weighed})
        select {names}, {more}ts, weight + {bonus} as weight from weighed
        -- The others cannot be among the heaviest, whatever stands beside what: phrases take as long as several words.
        where weight + {most}::double precision >= (
            select pg_catalog.min(weight) from (
                select weight from weighed order by weight desc limit {depth}::bigint
            ) as heaviest
        )
        -- By what is selected: names of the result come first.
        order by weight desc, id
        limit {depth}::bigint
        """,
        names=names(shape.table, shape.columns),
        more=more,
        bonus=_bonus(terms),
        # Rounding must leave none out.
        most=1.001 * sum(pair.weight for pair in terms.pairs),
        weighed=weighed,
        depth=depth,
    )


_NOTHING = qualified("false")
