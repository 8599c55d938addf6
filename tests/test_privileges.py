"""What a role may do with the privileges it has, and what it is told where one is missing."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

import vecs


@pytest.fixture
def without_temp(superuser_target: str, schema: str) -> Iterator[str]:
    """A database in which a role may make schemas, but no temporary tables."""
    database, role = sql.Identifier(schema), sql.Identifier(f"{schema}_role")
    with psycopg.connect(superuser_target, autocommit=True) as server:
        server.execute(sql.SQL("create database {}").format(database))
        server.execute(sql.SQL("create role {}").format(role))
        server.execute(sql.SQL("revoke temp on database {} from public").format(database))
        server.execute(sql.SQL("grant create on database {} to {}").format(database, role))
        inside = make_conninfo(superuser_target, dbname=schema)
        with psycopg.connect(inside, autocommit=True) as connection:
            connection.execute("create extension vector")
        yield make_conninfo(inside, options=f"-c role={schema}_role")
        server.execute(sql.SQL("drop database {} with (force)").format(database))
        server.execute(sql.SQL("drop role {}").format(role))


def test_many_records_are_written_without_the_privilege_to_make_temporary_tables(without_temp: str) -> None:
    with vecs.create_client(without_temp) as client:
        docs = client.create_collection("docs", 2)
        records = [(f"é{number}", [1, number], {"n": number}) for number in range(2500)]
        assert docs.upsert([*records, *records[:700]]) == 2500
        assert docs.count() == 2500
        assert docs.upsert((id_, vec, {"again": True}) for id_, vec, _ in records) == 2500
        assert docs.count({"again": True}) == 2500


def test_documents_of_many_chunks_are_replaced_in_portions(without_temp: str) -> None:
    lengths = vecs.Embedding(lambda texts: [[len(text), 1.0] for text in texts], 2, name="lengths")
    split = vecs.Pipeline([vecs.RecursiveSplitter(max_characters=8), lengths])
    with vecs.create_client(without_temp) as client:
        docs = client.create_collection("docs", transform=split)
        docs.upsert([(f"d{number}", "\n\n".join(["longword"] * 4)) for number in range(700)])
        assert docs.count() == 2800
        # The new chunks fill more than one portion, and chunks become stale in each of them, before and behind.
        docs.upsert([(f"d{number}", "\n\n".join(["longword"] * 2)) for number in range(100, 700)])
        assert docs.count() == 400 + 1200
        found = {record.id for record in docs.scan()}
        assert {"d0#003", "d100#000", "d699#001"} <= found
        assert not {"d100#002", "d699#003"} & found


def test_a_write_that_needs_a_temporary_table_says_what_to_grant(without_temp: str) -> None:
    with vecs.create_client(without_temp) as client:
        docs = client.create_collection("docs", 2)
        large = [(str(number), [1, 2], {"text": "x" * 2**20}) for number in range(40)]
        with pytest.raises(vecs.exc.DatabaseError, match="grant TEMP on the database to this role, or commit in parts"):
            docs.upsert(large)
        assert docs.count() == 0
        assert docs.upsert(large, batch_size=10) == 40
