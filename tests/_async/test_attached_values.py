"""Values that Python or JSON has no type for, in tables of one's own: read, filtered and written back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import vecs
from vecs import Record
from vecs.exc import ArgError, FilterError

VALUES: list[tuple[str, list[str]]] = [
    ("date", ["infinity", "-infinity", "20000-02-29", "5874896-12-31", "0044-03-15 BC", "4713-01-01 BC"]),
    ("timestamp", ["infinity", "-infinity", "10000-01-01 01:02:03.5", "294275-12-31", "0044-03-15 01:02:03 BC"]),
    ("timestamptz", ["infinity", "-infinity", "10000-01-01 01:02:03.25+03", "0044-03-15 01:02:03+01:30 BC"]),
    ("date[]", ["{infinity,20000-01-01,NULL}", "{{-infinity},{2024-01-01}}"]),
    ("int[]", ["{{1,2},{3,NULL}}", "{{{1},{2}},{{3},{4}}}"]),
    ("numeric[]", ["{{1,2.5},{3,NULL}}", "{{1.123456789012345678901,2},{NaN,NULL}}", "{{12345678901234567890123}}"]),
    ("text[]", ['{{"a b","c\\"d"},{"e\\\\f","{}"}}', '{{"NULL",NULL},{"","ä"}}']),
]


@pytest.mark.parametrize(("type", "values"), VALUES, ids=[type for type, _ in VALUES])
async def test_what_is_read_is_written_back_and_equal(
    client: vecs.AsyncClient, run: Callable[[str], None], type: str, values: list[str]
) -> None:
    rows = ", ".join(f"({n}, '[1,1]', '{value}')" for n, value in enumerate(values))
    run(f"""
        create table {{s}}.t (id int primary key, v vector(2), c {type});
        insert into {{s}}.t (id, v, c) values {rows};
        create table {{s}}.before as select * from {{s}}.t
    """)
    docs = await client.attach("t", vec="v", columns=["c"])
    read = await docs.get()
    assert await docs.upsert(docs.scan()) == len(values)
    await docs.upsert([Record(f"{100 + int(record.id)}", [1, 1], metadata=record.metadata) for record in read])
    run(
        "do $$ begin if exists (select id, c from {s}.t where id < 100 except select id, c from {s}.before) or "
        "exists (select id - 100, c from {s}.t where id >= 100 except select id, c from {s}.before) "
        "then raise 'changed'; end if; end $$"
    )
    for record in read:
        value = (record.metadata or {})["c"]
        found = await docs.get(filters={"c": value})
        assert [r.id for r in found] == [record.id, f"{100 + int(record.id)}"], value
        assert await docs.count(filters={"c": {"$ne": value}}) == 2 * len(values) - 2
    assert await docs.update_metadata({"c": (read[0].metadata or {})["c"]}, ids=["1"]) == ["1"]
    assert (await docs.get(["1"]))[0].metadata == read[0].metadata


async def test_far_dates_compare_and_wrong_ones_are_refused(
    client: vecs.AsyncClient, run: Callable[[str], None]
) -> None:
    run("""
        create table {s}.t (id int primary key, v vector(2), d date, tz timestamptz, ts timestamp, n int[]);
        insert into {s}.t values (1, '[1,1]', 'infinity', 'infinity', 'infinity', '{{1,2}}'),
            (2, '[1,1]', '2024-01-01', '0001-01-01 BC', '20000-01-01', '{1,2}')
    """)
    docs = await client.attach("t", vec="v", columns=["d", "tz", "ts", "n"])
    conditions: list[tuple[dict[str, Any], list[str]]] = [
        ({"d": {"$lt": "infinity"}}, ["2"]),
        ({"d": {"$gt": "10000-01-01T01:00:00"}}, ["1"]),
        ({"d": "10000-01-01T01:00:00"}, []),
        ({"tz": {"$gt": "0002-01-01 BC"}}, ["1", "2"]),
        ({"tz": {"$in": ["infinity", "0001-01-01T00:00:00 BC"]}}, ["1", "2"]),
        ({"ts": {"$between": ["10000-01-01", "30000-01-01"]}}, ["2"]),
        ({"n": [[1, 2.5]]}, []),
        ({"n": {"$ne": [[1, 2.5]]}}, ["1", "2"]),
        ({"n": [1, 2]}, ["2"]),
    ]
    for filters, ids in conditions:
        assert [r.id for r in await docs.get(filters=filters)] == ids, filters
    wrong: list[tuple[str, Any]] = [
        ("d", "10001-02-29"),
        ("d", "9999999-01-01"),
        ("d", "5000-01-01 BC"),
        ("tz", "300000-01-01T00:00:00"),
        ("ts", "10000-01-01T25:00:00"),
        ("ts", "10000-01-01T00:00:00+01:00"),
        ("d", "Infinity"),
        ("n", [[1], [2, 3]]),
        ("n", [[1], 2]),
        ("n", [[], []]),
        ("n", [[[[[[[1]]]]]]]),
    ]
    for key, value in wrong:
        with pytest.raises(FilterError):
            await docs.count(filters={key: value})
        with pytest.raises(ArgError, match=f"record '3': metadata: '{key}'"):
            await docs.upsert([Record("3", metadata={key: value})])
