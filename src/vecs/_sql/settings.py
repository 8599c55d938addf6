"""Session settings as statements: one SET each, literal value, no comment (Citus forwards their text)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TypeAlias

from vecs._sql.extension import Extension
from vecs._sql.fragment import Fragment, Identifier, Literal, fragment, join, qualified

Settings: TypeAlias = Mapping[str, str]

NO_SETTINGS: Settings = MappingProxyType({})
# Of a transaction whose later statements have to see what others have committed meanwhile.
READ_COMMITTED: Settings = MappingProxyType({"transaction_isolation": "read committed"})

# vecs 0.4's default; pgvector's own, 1, misses most neighbours.
DEFAULT_PROBES = "10"


def base_settings(extension: Extension | None, statement_timeout: float | None) -> dict[str, str]:
    """Return what every connection is set to; `statement_timeout` in seconds."""
    settings = {"ivfflat.probes": DEFAULT_PROBES}
    if extension is not None and extension.iterative_scan:
        settings["hnsw.iterative_scan"] = "relaxed_order"
        settings["ivfflat.iterative_scan"] = "relaxed_order"
    if statement_timeout is not None:
        settings["statement_timeout"] = f"{max(1, round(statement_timeout * 1000))}ms"
    return settings


def read_only_settings(*, pooler: bool) -> Settings:
    """Return what has the server refuse to write; behind a pooler a transaction is set after it has begun."""
    return {"transaction_read_only" if pooler else "default_transaction_read_only": "on"}


def set_statement(name: str, value: str, *, local: bool) -> Fragment:
    """Set one setting, for the session or only for the transaction that is open."""
    setting = Identifier(*name.split("."))
    if local:
        return fragment("set local {setting} = {value}", setting=setting, value=Literal(value))
    return fragment("set {setting} = {value}", setting=setting, value=Literal(value))


def set_all(settings: Settings, *, local: bool) -> Fragment:
    """
    Set all of these in one statement, for the transaction that is open or for the session; values are parameters.

    Citus does not forward this to its workers. The role comes last: it may not be allowed to set the others.
    """
    names = sorted(settings, key=lambda name: name == "role")
    template = "pg_catalog.set_config({name}::pg_catalog.text, {value}::pg_catalog.text, {local})"
    until = qualified("true") if local else qualified("false")
    calls = [qualified(template, name=name, value=settings[name], local=until) for name in names]
    return qualified("select {calls}", calls=join(", ", calls))


def reset_statement(name: str) -> Fragment:
    """Give one setting its default back."""
    return qualified("reset {setting}", setting=Identifier(*name.split(".")))


def index_settings() -> Fragment:
    """Read what is set for searches by the indexes of extensions."""
    return qualified(
        """
        select name, setting from pg_catalog.pg_settings
        where name ~~ 'hnsw.%' or name ~~ 'ivfflat.%' or name ~~ 'diskann.%'
        order by name
        """
    )


def ping() -> Fragment:
    """Do nothing but go there and back."""
    return qualified("select 1")


BEGIN = qualified("begin")
COMMIT = qualified("commit")


def find_prepared() -> Fragment:
    """List the statements that somebody prepared by SQL: psycopg prepares its own otherwise."""
    return qualified("select name from pg_catalog.pg_prepared_statements where from_sql")


def deallocate(name: str) -> Fragment:
    """Forget one prepared statement."""
    return qualified("deallocate {name}", name=Identifier(name))


def settings_of_session() -> Fragment:
    """
    Read what the session is set to, but for custom settings, which no view lists.

    A pooler may have set it for its clients, and resetting all would undo that.
    """
    return qualified(
        """
        select name::pg_catalog.text, setting::pg_catalog.text from pg_catalog.pg_settings where source = 'session'
        union all select 'role', pg_catalog.current_setting('role')
        """
    )


def find_prepared_since() -> Fragment:
    """List the statements that somebody prepared by SQL in the transaction that is open."""
    return qualified(
        """
        select name from pg_catalog.pg_prepared_statements
        where from_sql and prepare_time operator(pg_catalog.>=) pg_catalog.transaction_timestamp()
        """
    )


# DISCARD ALL without its DEALLOCATE: psycopg keeps count of the statements it prepared. Each can be run in a
# transaction, too. From PostgreSQL 17 on, RESET SESSION AUTHORIZATION may leave the role.
FORGET_SESSION: tuple[Fragment, ...] = tuple(
    map(
        fragment,
        (
            "close all",
            "reset session authorization",
            "reset role",
            "reset all",
            "unlisten *",
            "select pg_catalog.pg_advisory_unlock_all()",
            "discard temp",
            "discard sequences",
        ),
    )
)
