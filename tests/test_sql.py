"""`vecs.sql`: statements of integrations and users, on connections of vecs and of others."""

from __future__ import annotations

import doctest
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

import vecs
from vecs import sql
from vecs.sql import Identifier, async_execute, execute, fragment

TYPES = fragment(
    "select {text}::text, {texts}::text[], {number}::float8, {nothing}::text",
    text="'",
    texts=["a", None],
    number=0.1,
    nothing=None,
)


def test_the_example_of_the_module_runs(target: str, schema: str) -> None:
    with vecs.create_client(target, schema=schema) as client:
        client.create_collection("docs", dimension=2, text=True).upsert([vecs.Record("a", [1, 2], text="oil")])
        # The example names the schema of a client that was made without.
        example: Any = doctest.DocTestFinder(recurse=False).find(sql, "vecs.sql", globs={"client": client})[0]
        for line in example.examples:
            line.source = line.source.replace('"vecs"', f'"{schema}"')
            line.want = line.want.replace('"vecs"', f'"{schema}"')
        assert len(example.examples) > 5
        report: list[str] = []
        runner = doctest.DocTestRunner(verbose=False)
        result = runner.run(example, out=report.append, clear_globs=False)
        assert not result.failed, "".join(report)
        assert example.globs["ids"] == ["a"]


def test_rows_are_tuples_on_any_connection(target: str) -> None:
    with psycopg.connect(target, row_factory=dict_row, cursor_factory=psycopg.ClientCursor) as connection:
        assert execute(connection, TYPES) == [("'", ["a", None], 0.1, None)]


async def test_async_rows_are_the_same(target: str, schema: str) -> None:
    async with vecs.create_async_client(target, schema=schema) as client, client.connection() as connection:
        connection.row_factory = dict_row
        assert await async_execute(connection, TYPES) == [("'", ["a", None], 0.1, None)]


def test_a_statement_without_rows_has_none(target: str, schema: str) -> None:
    with psycopg.connect(target) as connection:
        assert execute(connection, fragment("create schema {schema}", schema=Identifier(schema))) == []
        assert execute(connection, fragment("select 1 where false")) == []


@pytest.mark.parametrize(("prepare", "count"), [(False, 0), (True, 1), (None, 0)])
def test_prepare_is_psycopgs(target: str, prepare: bool | None, count: int) -> None:
    prepared = fragment("select count(*) from pg_prepared_statements where statement like '%to be prepared'")
    with psycopg.connect(target) as connection:
        execute(connection, fragment("select 1 /* one */ -- to be prepared"), prepare=prepare)
        assert execute(connection, prepared, prepare=False) == [(count,)]
