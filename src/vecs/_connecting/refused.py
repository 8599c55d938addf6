"""What a role lacks where the server refused it something, and what to ask for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import psycopg

from vecs._checks.settings import of_tenants
from vecs._sql.fragment import Identifier
from vecs._sql.privileges import Privileges

REFUSED = "42501"
READ_ONLY = "25006"
# Functions of Postgres: one checks new rows by policies, the other whether a setting may have a value.
_CHECKS_ROWS = "ExecWithCheckOptions"
_SETS = "call_string_check_hook"

# What a call needs of a table, or: to own it; to make a table or an index in its schema; to make all that is missing.
Need = Literal["select", "insert", "update", "delete", "truncate", "own", "create", "make"]


def what_to_ask_for(found: Privileges, schema: str, name: str | None, needs: Sequence[Need]) -> str | None:
    """Say what the role lacks and how it is granted; None where it has all of it, so that something else refused."""
    role, place = Identifier(found.role).sql, Identifier(schema).sql
    if not found.schema_exists:
        if "make" in needs and not found.creates_schemas:
            return _asks(
                f"the schema {place} does not exist, and the role {role} may not create it: name a schema "
                "that exists with schema=, or ask for",
                f"create schema {place} authorization {role}",
                *_for_extension(found, needs),
            )
        missing_extension = _for_extension(found, needs)
        return _asks("ask for", *missing_extension) if missing_extension else None
    grants: list[str] = []
    said: list[str] = []
    missing = [need for need, has in (("usage", found.uses_schema), ("create", _creates(found, needs))) if not has]
    if missing:
        grants.append(f"grant {', '.join(missing)} on schema {place} to {role}")
    grants.extend(_for_extension(found, needs))
    if name is not None and found.owner is not None:
        table = Identifier(schema, name).sql
        lacking = [need for need in needs if need in found.lacking]
        if lacking:
            grants.append(f"grant {', '.join(lacking)} on {table} to {role}")
        if "own" in needs and not found.owns:
            # Not by a membership: it would give the role all that the owner may do, perhaps a superuser.
            owner = Identifier(found.owner).sql
            said.append(f"only the owner ({owner}) of {table} may do this: connect as the owner")
    if grants:
        said.append(_asks(f"the role {role} lacks a privilege; ask for", *grants))
    return "; ".join(said) or None


def sets_a_role(error: psycopg.Error) -> bool:
    """Whether it was a setting that was refused to a role: of those of requests that is `role` alone."""
    return error.diag.source_function == _SETS


def what_policies_refused(error: psycopg.Error, found_role: str | None, settings: Mapping[str, str]) -> str | None:
    """
    Say more of a row that policies refuse, or of a role that may not be set; None where it is neither.

    By the server's functions, which are called the same in every language. `found_role` is the role that the client
    connects as.
    """
    if error.diag.source_function == _CHECKS_ROWS:
        names = of_tenants(settings)
        given = f"the settings of the call ({', '.join(names)})" if names else "the settings of the session"
        return f"an id of this call may belong to another tenant, or {given} do not match the policy"
    if found_role is not None and "role" in settings and sets_a_role(error):
        return f"ask for: grant {Identifier(settings['role']).sql} to {Identifier(found_role).sql}"
    return None


def why_read_only(found: Privileges) -> str:
    """Say why nothing can be written."""
    if found.in_recovery:
        return "the server is a standby, which can only be read: write with a client of the primary"
    role, database = Identifier(found.role).sql, Identifier(found.database).sql
    return (
        "default_transaction_read_only is on, for the server, the database, the role or in the connection string: "
        f"reset it (alter role {role} or alter database {database} reset default_transaction_read_only), or write with "
        "another client"
    )


def _creates(found: Privileges, needs: Sequence[Need]) -> bool:
    return found.creates_in_schema or not ({"create", "make"} & set(needs))


def _for_extension(found: Privileges, needs: Sequence[Need]) -> list[str]:
    role = Identifier(found.role).sql
    if found.extension_schema is None:
        if "make" not in needs:
            return []
        return ["create extension vector (by a superuser, or where your provider enables extensions)"]
    if not found.uses_extension:
        return [f"grant usage on schema {Identifier(found.extension_schema).sql} to {role}"]
    return []


def _asks(said: str, *statements: str) -> str:
    return f"{said}: {'; '.join(statements)}"
