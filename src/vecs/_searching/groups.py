"""
The decisions of a search for groups: how many records are grouped, when to look at all, and where members are missing.

An answer of too few groups is asked for again among more records, and at last among all of them. A group of which
fewer records were among those than are wanted is then completed: its other records are asked for, and only those.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from vecs._searching.candidates import is_doubtful, may_have_missed, more_groups
from vecs._searching.known_indexes import LARGE_COLLECTION
from vecs._searching.plan import Answers, Ask, Query, Setup, Step, set_up, shape_for, statement_for
from vecs._searching.request import MOST_ROWS, Request
from vecs._sql.answers import ID, SCORE, Row, evidence, order_of
from vecs._sql.fragment import Fragment
from vecs._sql.groups import DEPTH, LABEL, NUMBER, group_value, may_have_others, of_groups
from vecs._sql.selection import Selection
from vecs._sql.shape import Grouping
from vecs.records import Match

T = TypeVar("T")


def group_answers(setup: Setup, queries: Sequence[Query]) -> Step[Answers]:
    """Ask for the rows of the groups that answer each query best."""
    if setup.request.fetched == 0:
        return [[] for _ in queries]
    if setup.request.mode == "hybrid":
        answers: Answers = []
        for query in queries:
            answers.append((yield from _fused(setup, query)))
        return answers
    return (yield from _ranked(setup, queries))


def _ranked(setup: Setup, queries: Sequence[Query]) -> Step[Answers]:
    """Group more and more of the records that are nearest, or that have the words, and at last all."""
    answers: Answers = [[] for _ in queries]
    waiting = [at for at, query in enumerate(queries) if setup.index_for(query) is setup.index]
    complete = {*range(len(queries))} - {*waiting}
    sizes = () if setup.pool is None else setup.pool.sizes
    for size in sizes:
        asked, waiting = waiting, list[int]()
        if not asked:
            break
        statements = [setup.statement(queries[at], pool_size=size) for at in asked]
        found: Answers = yield Ask(statements, setup.settings_for(size), setup.prepare)
        for at, rows in zip(asked, found, strict=True):
            answers[at] = rows
            if _is_cut_short(setup.request, rows, size):
                complete.add(at)
            elif _count(rows) < setup.request.fetched or _has_missed(setup, rows):
                waiting.append(at)
    # Among very many records, the nearest of a large pool must do; but not if there are too few groups.
    large = sizes and setup.known.rows >= LARGE_COLLECTION
    complete |= {at for at in waiting if not large or _count(answers[at]) < setup.request.fetched}
    if complete:
        order = sorted(complete)
        statements = [setup.statement(queries[at], complete=True) for at in order]
        found = yield Ask(statements, prepare=setup.prepare)
        for at, rows in zip(order, found, strict=True):
            answers[at] = rows
    for at in {*range(len(queries))} - complete:
        answers[at] = yield from _completed(setup, queries[at], answers[at])
    return answers


def _is_cut_short(request: Request, rows: Sequence[Row], size: int) -> bool:
    """Whether fewer records were grouped than were asked for: an index, or rare words, may have left some out."""
    if request.mode == "keyword":
        return _count(rows) < request.fetched
    told = evidence(rows)
    return told is None or told.candidates < size


def _has_missed(setup: Setup, rows: Sequence[Row]) -> bool:
    """Whether an index may have missed nearer records, under a filter."""
    if not setup.request.filtered or setup.request.mode == "keyword":
        return False
    return may_have_missed(rows, max(row[DEPTH] for row in rows))


def _fused(setup: Setup, query: Query) -> Step[list[Row]]:
    """
    Group the candidates of both sides, and more of them while there are too few groups.

    What is no candidate at last has the score 0, which is that of the worst one, and is ordered by nearness alone.
    """
    given = setup.request
    wanted = min(given.fetched + given.skipped, MOST_ROWS)
    request = replace(given, fetched=wanted, skipped=0, plain=False)
    rows: list[Row] = []
    exhausted = False
    for factor in (1,) if given.fixed else _factors(given.candidates):
        near, worded = given.candidates
        request = replace(request, candidates=(near * factor, worded * factor))
        rows, exhausted = yield from _candidates(setup, request, query)
        if exhausted or _count(rows) >= wanted:
            break
    own = set_up(setup.shape.table, request, setup.known, pooler=setup.pooler)
    if not (given.fixed or exhausted):
        if _count(rows) < wanted:
            (others,) = yield Ask([_of_one_side(own, query, request.selection, wanted)], prepare=own.prepare)
            rows = _with_others(rows, others, wanted)
        rows = yield from _completed(own, query, rows)
    return [row for row in rows if row[NUMBER] > given.skipped]


def _factors(candidates: tuple[int, int]) -> Iterable[int]:
    most = max(candidates)
    return (size // most for size in more_groups(most))


def _candidates(setup: Setup, request: Request, query: Query) -> Step[tuple[list[Row], bool]]:
    """Group the candidates of both sides; the second value is whether nearness has all records as its candidates."""
    own = set_up(setup.shape.table, request, setup.known, pooler=setup.pooler)
    (rows,) = yield Ask([own.statement(query)], own.settings, own.prepare)
    doubtful = own.known.approximate and not request.exact and is_doubtful(rows, request)
    if doubtful or (request.fixed and _count(rows) < request.fetched):
        (rows,) = yield Ask([own.statement(query, complete=True)], prepare=own.prepare)
    told = evidence(rows)
    return rows, told is not None and told.candidates < request.candidates[0]


def _of_one_side(setup: Setup, query: Query, selection: Selection, limit: int) -> Fragment:
    """Return the statement for groups among all records of a selection: of the side that finds what is to be found."""
    by_words = setup.request.mode == "keyword" or (setup.request.mode == "hybrid" and not setup.request.candidates[0])
    mode = "keyword" if by_words else "vector"
    request = replace(setup.request, mode=mode, selection=selection, fetched=limit, skipped=0, plain=False)
    return statement_for(shape_for(setup.shape.table, request, None, exact=True), request, query)


def _completed(setup: Setup, query: Query, rows: list[Row]) -> Step[list[Row]]:
    """Ask for the records of groups that are not full, all of which are in the answer then."""
    grouping, request = _grouping(setup.request), setup.request
    short = [
        members[0][LABEL]
        for members in _by_number(rows)
        if len(members) < grouping.size and may_have_others(grouping, members[0][LABEL])
    ]
    if not short:
        return rows
    selection = replace(request.selection, within=of_groups(setup.shape.table, grouping, short))
    (found,) = yield Ask([_of_one_side(setup, query, selection, len(short))], prepare=False)
    more = {members[0][LABEL]: members for members in _by_number(found)}
    groups: list[list[Row]] = []
    for members in _by_number(rows):
        others = more.get(members[0][LABEL], [])
        if request.mode == "hybrid":
            known = {row[ID] for row in members}
            others = [*members, *(_unscored(row) for row in others if row[ID] not in known)]
        number = members[0][NUMBER]
        groups.append([_changed(row, NUMBER, number) for row in (others or members)[: grouping.size]])
    if request.mode == "vector":
        # An index may have missed the best of them.
        groups.sort(key=lambda members: order_of(members[0]))
    elif request.mode == "keyword":
        groups.sort(key=lambda members: -members[0][SCORE])
    return [row for members in groups for row in members]


def _with_others(rows: list[Row], others: Sequence[Row], wanted: int) -> list[Row]:
    """Add groups that are not there yet, with the score 0."""
    known = {row[LABEL] for row in rows}
    number, made = _count(rows), list(rows)
    for members in _by_number(others):
        if members[0][LABEL] not in known and number < wanted:
            number += 1
            made += [_changed(_unscored(row), NUMBER, number) for row in members]
    return made


def _unscored(row: Row) -> Row:
    return _changed(row, SCORE, 0.0)


def _changed(row: Row, column: int, value: object) -> Row:
    return (*row[:column], value, *row[column + 1 :])


def _count(rows: Sequence[Row]) -> int:
    """Count the groups of an answer."""
    return len({row[NUMBER] for row in rows})


def _by_number(rows: Sequence[Row]) -> list[list[Row]]:
    return in_groups(rows, lambda row: row[NUMBER])


def _grouping(request: Request) -> Grouping:
    assert request.groups is not None
    return request.groups


def set_groups(matches: Sequence[Match], rows: Sequence[Row], grouping: Grouping) -> dict[str, int]:
    """Write the key of its group into each new match; return the number of the group of each id."""
    values: dict[int, Any] = {}
    for match, row in zip(matches, rows, strict=True):
        if row[NUMBER] not in values:
            values[row[NUMBER]] = group_value(grouping, row[LABEL])
        vars(match)["group"] = values[row[NUMBER]]
    return {row[ID]: row[NUMBER] for row in rows}


def in_groups(items: Iterable[T], number: Callable[[T], int]) -> list[list[T]]:
    """Return items as one list per group: in the order of the first of each, and within it in their own."""
    groups: dict[int, list[T]] = {}
    for item in items:
        groups.setdefault(number(item), []).append(item)
    return list(groups.values())
