"""A table whose rows belong to tenants, as row-level security keeps them apart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import psycopg
from psycopg import sql

TENANTS = ("a", "b")

_POLICY = """
    alter table {table} add column tenant text not null default nullif(current_setting('app.tenant', true), '');
    alter table {table} enable row level security;
    create policy of_tenant on {table} using (tenant = current_setting('app.tenant', true));
    grant usage on schema {schema} to {role};
    grant select, insert, update, delete on {table} to {role};
"""


def kept_apart(target: str, schema: str, collection: str, role: str) -> None:
    """Give each tenant its own rows of a collection, as the role sees them."""
    table, namespace = sql.Identifier(schema, collection), sql.Identifier(schema)
    with psycopg.connect(target, autocommit=True) as connection:
        connection.execute(sql.SQL(_POLICY).format(table=table, schema=namespace, role=sql.Identifier(role)))


@contextmanager
def a_role(target: str, name: str) -> Iterator[str]:
    """A role of tenants, and nothing of it afterwards."""
    with psycopg.connect(target, autocommit=True) as connection:
        connection.execute(sql.SQL("create role {}").format(sql.Identifier(name)))
        yield name
        connection.execute("set client_min_messages = warning")
        connection.execute(sql.SQL("drop owned by {}").format(sql.Identifier(name)))
        connection.execute(sql.SQL("drop role {}").format(sql.Identifier(name)))


def of(tenant: str, role: str) -> Mapping[str, str]:
    """The settings of a tenant's requests."""
    return {"app.tenant": tenant, "role": role}
