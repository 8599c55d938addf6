"""`vecs psql` and `vecs url`: other programs on the same database."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path
from types import FrameType
from typing import Annotated, Any
from urllib.parse import quote, urlencode

import typer
from psycopg import conninfo, pq

from vecs._connecting.secrets import SECRETS
from vecs._connecting.target import ServerTarget, resolve_target
from vecs.cli.connecting import Target, connect_existing
from vecs.cli.terminal import UsageError, emit, reporting, say
from vecs.exc import ArgError, VecsException


class NoPsql(VecsException):
    """There is no psql."""


def psql(
    arguments: Annotated[
        list[str] | None,
        typer.Argument(metavar="ARGUMENT", help="For psql, behind --: vecs psql -- -c 'select 1'", show_default=False),
    ] = None,
    target: Target = None,
) -> None:
    """Open psql on the database; it gets the password by its environment, so that no list of processes shows it."""
    with reporting():
        place = resolve_target(target)
        if isinstance(place, ServerTarget):
            program = shutil.which("psql")
            if program is None:
                raise NoPsql("psql is not on the path: install PostgreSQL's client (Debian: postgresql-client)")
            parameters: Mapping[str, Any] = place.parameters
            raise typer.Exit(_run(program, arguments or [], parameters, {}))
        with connect_existing(target) as client:
            info = client.info()
            program = _own(info.programs) or shutil.which("psql")
            if program is None or info.dsn is None:
                raise NoPsql("the embedded server brings no psql: install PostgreSQL's client")
            # Tables of collections are found by their names.
            shown = {"PGOPTIONS": f"-c search_path={info.schema},public"}
            code = _run(program, arguments or [], conninfo.conninfo_to_dict(info.dsn), shown)
        raise typer.Exit(code)


def url(target: Target = None) -> None:
    """
    Print a connection string for other programs: psycopg, SQLAlchemy, psql, a GUI.

    That of an embedded server stands for a server that is left running, until somebody stops it.
    """
    with reporting():
        place = resolve_target(target)
        if isinstance(place, ServerTarget):
            if place.parameters.get("password"):
                say("It holds a password: keep it out of logs and command lines.")
            emit(_as_url(place.parameters))
            return
        with connect_existing(target, keep_running=True) as client:
            info = client.info()
        if info.dsn is None or info.folder is None:
            raise UsageError("this server has no address for others")
        say(f"The server is left running. Stop it with: kill -INT $(head -1 '{info.folder}/pgdata/postmaster.pid')")
        emit(info.dsn)


def _own(programs: Path | None) -> str | None:
    found = None if programs is None else programs / "psql"
    return str(found) if found is not None and found.exists() else None


def _run(program: str, arguments: list[str], parameters: Mapping[str, Any], shown: Mapping[str, str]) -> int:
    """Run psql and return its exit code; Ctrl-C is for it alone."""
    environment = {name: value for name, value in os.environ.items() if name != "PGSERVICE"}
    rest: dict[str, str] = {}
    variables = {known.keyword.decode(): known.envvar for known in pq.Conninfo.get_defaults()}
    for name, value in parameters.items():
        variable = variables.get(name)
        if value is None:
            continue
        if variable:
            environment[variable.decode()] = str(value)
        elif name in SECRETS:
            raise ArgError(f"{name} cannot be given to psql without showing it; put it into ~/.pg_service.conf")
        else:
            rest[name] = str(value)
    given = ["--dbname", conninfo.make_conninfo(**rest)] if rest else []
    # Handled here and not ignored: a program begins with what is handled set back.
    before = signal.signal(signal.SIGINT, _left_to_psql)
    try:
        return subprocess.run(
            [program, *given, *arguments],
            env={**shown, **environment},
            check=False,
        ).returncode
    finally:
        signal.signal(signal.SIGINT, before)


def _left_to_psql(number: int, frame: FrameType | None) -> None:
    """Do nothing: psql has the signal, too."""


def _as_url(parameters: Mapping[str, Any]) -> str:
    """Return libpq's parameters as a URL, which is what most programs take."""
    told = {name: str(value) for name, value in parameters.items() if value not in (None, "")}
    user, password = (quote(told.pop(name, ""), safe="") for name in ("user", "password"))
    host, port, database = (told.pop(name, "") for name in ("host", "port", "dbname"))
    if "," in host or host.startswith("/") or ":" in host:
        told["host"], host = host, ""
    if "," in port or (port and not host):
        told["port"], port = port, ""
    login = f"{user}{':' if password else ''}{password}@" if user or password else ""
    rest = f"?{urlencode(told, quote_via=quote)}" if told else ""
    return f"postgresql://{login}{host}{':' if port else ''}{port}/{quote(database, safe='')}{rest}"
