"""
Search by words: the lexemes of a text, what each weighs, how records rank by them, alone or beside nearness.

BM25 (Robertson and Zaragoza, The Probabilistic Relevance Framework, 2009; k1 = 1.2, b = 0.75) from what Postgres
has: document frequencies from the planner's statistics, or counted in the GIN index for lexemes that these do not list;
term frequencies and lengths from `ts_rank`. A bonus goes to neighbouring words. DESIGN.md has the measurements.
"""

from __future__ import annotations

from dataclasses import replace

from vecs._sql.answers import names, select_list
from vecs._sql.fragment import Fragment, Literal, Param, qualified
from vecs._sql.languages import regconfig
from vecs._sql.search import kept_around, nearest, nearness
from vecs._sql.selection import where
from vecs._sql.shape import Fusion, Shape
from vecs._sql.tables import Table

# A query is read as far as a record's text is.
MAX_CHARACTERS = 100_000
# How many rows the scan for candidates is planned to read. Beyond, common words alone make no candidate: several of
# them have to meet. All words count in the ranking.
SCANNED_ROWS = 5_000


def searchable(text: str) -> str:
    """Return any text as one that Postgres takes."""
    return text[:MAX_CHARACTERS].replace("\x00", " ").encode(errors="replace").decode()


def by_words(shape: Shape, words: str) -> Fragment:
    """
    Find the records that answer a text best by its words, best first, with a score in [0, 1].

    `exact` makes a candidate of every record that has any of the words.
    """
    depth = shape.limit + shape.offset
    return qualified(
        """
        with {terms}, worded as materialized ({worded})
        select {columns}, null::double precision as distance,
               (weight / (select most from query))::double precision as score
        from worded
        order by score desc, id
        limit {limit}::bigint offset {offset}::bigint
        """,
        terms=_terms(shape, words),
        worded=_worded(shape, depth),
        columns=select_list(shape.table, shape.columns),
        limit=shape.limit,
        offset=shape.offset,
    )


def by_both(shape: Shape, fusion: Fusion, vec: Param, words: str) -> Fragment:
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
        with {terms},
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
                   coalesce({weight}, 0) + {bonus} as weight,
                   case when distance <> all('{{NaN,Infinity,-Infinity}}'::double precision[]) then distance end
                       as measured
            from (
                select found.*, {pivot} as pivot
                from (select *, coalesce(text_search, '') as ts from found offset 0) as found left join query on true
                offset 0
            ) as worded
        ),
        ends as materialized (
            select pg_catalog.min(measured) as nearest, pg_catalog.max(measured) as farthest,
                   pg_catalog.min(weight) as lightest, pg_catalog.max(weight) as heaviest,
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
        terms=_terms(shape, words),
        nearest=nearest(near, vec),
        worded=_worded(shape, fusion.candidates[1], distance),
        names=names(shape.table, shape.columns),
        weight=_WEIGHT,
        bonus=_BONUS,
        pivot=_PIVOT,
        columns=select_list(shape.table, shape.columns),
        score=_relative_score(fusion) if fusion.rrf_constant is None else _rank_score(fusion, fusion.rrf_constant),
        around=kept_around(shape, vec) if fusion.around else qualified("null::bigint"),
        limit=shape.limit,
        offset=shape.offset,
    )


def _relative_score(fusion: Fusion) -> Fragment:
    """Return the weighted mean of how near and how heavy a candidate is, from the least to the most of them."""
    near, worded = fusion.weights
    return qualified(
        """(
            ({near}::double precision * coalesce(
                (farthest - measured) / case when farthest <> nearest then farthest - nearest end,
                case when measured is null then 0 else 1 end
            ))
            + ({worded}::double precision * coalesce(
                (weight - lightest) / case when heaviest <> lightest then heaviest - lightest end, 1
            ))
        ) / ({near}::double precision + {worded}::double precision)""",
        near=near,
        # Where no candidate has any of the words, nearness alone decides.
        worded=qualified("(case when heaviest > 0 then {weight}::double precision else 0 end)", weight=worded),
    )


def _rank_score(fusion: Fusion, constant: int) -> Fragment:
    """
    Return weighted reciprocal rank fusion, as a share of the greatest possible.

    Cormack, Clarke and Buettcher, Reciprocal Rank Fusion Outperforms Condorcet (SIGIR 2009).
    """
    near, worded = fusion.weights
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


# ts_rank of one lexeme, all positions weighing 1, is the sum of 1/i^2 for i up to its frequency, over pi^2/6: so its
# frequency is 0.645 / (1 - it) - 0.645, exactly for 1 and within 4 % above.
_WEIGHT = qualified(
    """(
        select pg_catalog.sum(terms.weight * (
            1 - (pivot / (
                pivot + (0.645 / (1.0000001 - pg_catalog.ts_rank('{{1,1,1,1}}', ts, terms.query, 0))) - 0.645
            ))
        ))
        from terms
    )"""
)
_BONUS = qualified("coalesce((select pg_catalog.sum(pairs.weight) from pairs where ts @@ pairs.query), 0)")
# k1 * (1 - b + b * length / mean length); with flag 2 ts_rank divides by the length.
_PIVOT = qualified(
    "1.2 * (1 - 0.75 + (0.75 * coalesce(pg_catalog.ts_rank(ts, query.every, 0) / "
    "case when pg_catalog.ts_rank(ts, query.every, 2) <> 0 then pg_catalog.ts_rank(ts, query.every, 2) end "
    "/ query.mean_length, 1)))"
)


def _worded(shape: Shape, depth: int, distance: Fragment | None = None) -> Fragment:
    """Select the records that have the words, heaviest first; of a hybrid search with their distances."""
    more = Fragment(()) if distance is None else qualified("text_search, distance, ")
    return qualified(
        """
        select {names}, {more}ts, {weight} + {bonus} as weight
        from (
            select found.*, {pivot} as pivot
            from (
                -- Unpacked once, not once per lexeme: a long text's tsvector is kept out of line.
                select {names}, {measured}(text_search || ''::pg_catalog.tsvector) as ts
                from {table}{where}
                offset 0
            ) as found, query
            offset 0
        ) as measured
        order by weight desc, id
        limit {depth}::bigint
        """,
        names=names(shape.table, shape.columns),
        more=more,
        measured=Fragment(()) if distance is None else qualified("text_search, {distance}, ", distance=distance),
        weight=_WEIGHT,
        bonus=_BONUS,
        pivot=_PIVOT,
        table=shape.table.source,
        where=where(shape.selection, qualified("text_search @@ (select scanned from query)")),
        depth=depth,
    )


def _terms(shape: Shape, words: str) -> Fragment:
    """
    Read a query's words: `terms` with their weights, `pairs` of neighbours, `query` with what to look for.

    A weight is the inverse document frequency times a saturating count of repetitions.
    """
    table = shape.table
    return qualified(
        "{statistics}, {words}, {weights}, {candidates}",
        statistics=_statistics(table),
        words=_words(table, words),
        weights=_WEIGHTS,
        candidates=_candidates(float("inf") if shape.exact else float(SCANNED_ROWS), shape.limit + shape.offset),
    )


def _statistics(table: Table) -> Fragment:
    """Select what the planner knows: `stats`, the share of records that have a lexeme, and `size` of the table."""
    return qualified(
        """
        stats as materialized (
            select e.lexeme, e.share
            from pg_catalog.pg_stats as s,
                 rows from (
                     pg_catalog.unnest(s.most_common_elems::pg_catalog.text::pg_catalog.text[]),
                     pg_catalog.unnest(s.most_common_elem_freqs)
                 ) as e (lexeme, share)
            where s.schemaname = {schema}::pg_catalog.text and s.tablename = {name}::pg_catalog.text
              and s.attname = {column} and e.lexeme is not null
        ),
        -- Without statistics there are guesses: of the length of a text, and of how many there are.
        size as materialized (
            select greatest(c.reltuples, 0)::double precision as records,
                   coalesce((select pg_catalog.min(share) from stats), 1)::double precision as rarest,
                   coalesce((select 2 * pg_catalog.sum(share) from stats), 60)::double precision as mean_length
            from pg_catalog.pg_class as c where c.oid = {regclass}::pg_catalog.regclass
        )
        """,
        schema=table.schema,
        name=table.name,
        column=Literal(table.name_of("text_search")),
        regclass=Literal(table.identifier.sql),
    )


def _words(table: Table, words: str) -> Fragment:
    """Select the query's 32 weightiest `words`, and `counted`: how many records have each."""
    return qualified(
        """
        words as materialized (
            select l.lexeme, l.positions, s.share,
                   -- As text, a tsvector's lexeme is quoted as a tsquery's is.
                   pg_catalog.array_to_tsvector(array[l.lexeme])::pg_catalog.text::pg_catalog.tsquery as query,
                   2.0 * pg_catalog.cardinality(l.positions) / (pg_catalog.cardinality(l.positions) + 1) as repeated
            from pg_catalog.unnest(
                pg_catalog.to_tsvector({language}::pg_catalog.regconfig, {words}::pg_catalog.text)
            ) as l
            cross join size left join stats as s on s.lexeme = l.lexeme
            order by pg_catalog.ln(1 + (1 / coalesce(s.share, size.rarest / 2)))
                     * 2.0 * pg_catalog.cardinality(l.positions) / (pg_catalog.cardinality(l.positions) + 1) desc,
                     l.lexeme
            limit 32
        ),
        -- What the statistics do not list is rare, hence cheap to count.
        counts as materialized (
            select w.lexeme, pg_catalog.count(*)::double precision as records
            from words as w join {table} as t on t.text_search @@ w.query
            where w.share is null
            group by w.lexeme
        ),
        counted as materialized (
            select w.lexeme, w.positions, w.query, w.repeated,
                   case when w.share is null then coalesce(c.records, 0) else w.share * size.records end as records
            from words as w cross join size left join counts as c on c.lexeme = w.lexeme
        )
        """,
        table=table.rows,
        language=Literal(regconfig(table.language or "simple")),
        words=searchable(words),
    )


# `terms`: the words with what each weighs, the rarest first; `up_to_here` is how many records they and the rarer ones
# have. `pairs`: words that stand near each other in the query.
_WEIGHTS = qualified(
    """
    totals as materialized (
        select greatest(size.records, (select 2 * pg_catalog.max(records) from counted), 1) as records, size.mean_length
        from size
    ),
    terms as materialized (
        select lexeme, positions, query, counted.records, counted.records / totals.records as share, mean_length,
               pg_catalog.ln(1 + ((totals.records - counted.records + 0.5) / (counted.records + 0.5))) as idf,
               pg_catalog.ln(1 + ((totals.records - counted.records + 0.5) / (counted.records + 0.5))) * repeated
                   as weight,
               pg_catalog.sum(counted.records) over (order by counted.records, lexeme) as up_to_here
        from counted, totals
    ),
    pairs as materialized (
        select pg_catalog.tsquery_phrase(query, next, gap) as query, 0.3 * pg_catalog.max(idf) as weight
        from (
            select t.query, pg_catalog.lead(t.query) over o as next, pg_catalog.lead(position) over o - position as gap,
                   least(t.idf, pg_catalog.lead(t.idf) over o) as idf
            from terms as t, pg_catalog.unnest(t.positions) as position
            window o as (order by position, t.lexeme)
        ) as neighbours
        where gap >= 1 and gap <= 16384 and query <> next
        group by 1
        order by 2 desc
        limit 32
    )
    """
)


def _candidates(scanned: float, wanted: int) -> Fragment:
    """
    Select `query`: what makes a record a candidate, such that about `scanned` records are read.

    Rare lexemes are read whole. Of the others so many have to meet that few rows are left to read.
    """
    return qualified(
        """
        singles as materialized (
            select pg_catalog.string_agg(query::pg_catalog.text, ' | ') as query,
                   coalesce(pg_catalog.max(up_to_here), 0) as used
            from terms where up_to_here <= {scanned}::double precision
        ),
        -- `meeting`: about how many records have this lexeme, all rarer ones, and one of those that are commoner.
        others as materialized (
            select query, pg_catalog.row_number() over o as place, pg_catalog.count(*) over () as count,
                   records / share
                   * pg_catalog.exp(pg_catalog.sum(pg_catalog.ln(greatest(share, 1e-9))) over o)
                   * least(1, coalesce(pg_catalog.sum(share) over (
                       order by records, lexeme rows between 1 following and unbounded following
                   ), 1)) as meeting
            from terms where up_to_here > {scanned}::double precision
            window o as (order by records, lexeme)
        ),
        required as materialized (
            select coalesce(
                       pg_catalog.min(place) filter (where (singles.used + meeting) <= {scanned}::double precision),
                       pg_catalog.max(count) filter (where singles.used < {wanted}::bigint)
                   ) as places
            from others, singles
        ),
        joined as materialized (
            select pg_catalog.concat_ws(' | ', (select query from singles), (
                select pg_catalog.string_agg(query::pg_catalog.text, ' & ' order by place)
                           filter (where place <= places)
                       || coalesce(
                           ' & ('
                           || pg_catalog.string_agg(query::pg_catalog.text, ' | ') filter (where place > places)
                           || ')', ''
                       )
                from others, required
            )) as words
        ),
        query as materialized (
            select (select case when words <> '' then words::pg_catalog.tsquery end from joined) as scanned,
                   (select pg_catalog.string_agg(query::pg_catalog.text, ' | ') from terms)::pg_catalog.tsquery
                       as every,
                   (select mean_length from size) as mean_length,
                   (select pg_catalog.sum(weight) from terms)
                   + coalesce((select pg_catalog.sum(weight) from pairs), 0) as most
        )
        """,
        scanned=scanned,
        wanted=wanted,
    )
