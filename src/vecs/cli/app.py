"""The verbs of the `vecs` command."""

from __future__ import annotations

import shutil
import sys
from inspect import cleandoc
from itertools import pairwise
from typing import Annotated, Any

import psycopg
import typer
import typer.core
from psycopg.conninfo import conninfo_to_dict

import vecs
from vecs.cli.atlas import atlas
from vecs.cli.copy import copy
from vecs.cli.create import create
from vecs.cli.delete import delete
from vecs.cli.demo import demo
from vecs.cli.explain import explain
from vecs.cli.export import export
from vecs.cli.get import get
from vecs.cli.house import backup, upgrade
from vecs.cli.importing import import_app
from vecs.cli.index import index
from vecs.cli.info import info
from vecs.cli.load import load
from vecs.cli.ls import ls
from vecs.cli.measuring import recall, tune
from vecs.cli.psql import psql, url
from vecs.cli.search import search
from vecs.cli.serve_mcp import serve_mcp
from vecs.cli.terminal import INTERRUPTED, complain

_OPTIONS = ("-t", "--target", "--folder", "--from", "-f", "--filter")
# Verbs whose targets have no option, and how many they take.
_PLACED = {"copy": 2}
_NARROW = 60


def _is_target(given: str) -> bool:
    return given.startswith(("postgresql://", "postgres://")) or _has_password(given)


def _has_password(given: str) -> bool:
    """Whether it is a connection string of the form host=... password=..."""
    if "password" not in given:
        return False
    try:
        return "password" in conninfo_to_dict(given)
    except psycopg.Error:
        return False


class _Commands(typer.core.TyperGroup):
    """The verbs; a target among them is not shown in an error, since it may hold a password."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        spared = _PLACED.get(args[0], 0) if args else 0
        for before, given in pairwise(["", *args]):
            if spared and _is_target(given):
                spared -= 1
            elif before not in _OPTIONS and _is_target(given):
                ctx.fail("that is a target, which may hold a password: give it with -t, as in `vecs ls -t TARGET`")
        return super().parse_args(ctx, args)

    def main(self, *args: Any, standalone_mode: bool = True, **others: Any) -> Any:
        """Run; what is wrong with the command line is one line, as all errors are."""
        try:
            code = super().main(*args, standalone_mode=False, **others)
        except typer.Abort:
            code = INTERRUPTED
        except Exception as error:
            if not isinstance(error, _ClickException):
                raise
            code = _told(error)
        if not standalone_mode:
            return code
        sys.exit(code if isinstance(code, int) else 0)


# Typer brings a copy of its own in some versions, and takes the package in others.
_ClickException: Any = typer.BadParameter.__mro__[2]


def _told(error: Any) -> int:
    """Say what a person should write instead, and return the exit code."""
    message = " ".join(str(error.format_message()).split())
    context = getattr(error, "ctx", None)
    if message:
        hint = f" See {context.command_path} --help." if context is not None else ""
        complain(f"vecs: {message.rstrip('.')}.{hint}")
    return int(error.exit_code)


app = typer.Typer(
    name="vecs",
    cls=_Commands,
    no_args_is_help=True,
    # Tables of a few letters per column would help nobody.
    rich_markup_mode="rich" if shutil.get_terminal_size().columns >= _NARROW else None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"vecs {vecs.__version__}")
        raise typer.Exit


def _joined(docstring: str | None) -> str:
    """Return a help whose paragraphs are one line each: the terminal breaks them where it is to."""
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in cleandoc(docstring or "").split("\n\n"))


@app.callback(
    help=_joined(
        """
        Any Postgres with pgvector as a vector store: documents go in, similar documents come out.

        Try `vecs demo` first: it makes the documentation of Python's standard library searchable by meaning. Then
        `vecs load docs FOLDER`, and `vecs search docs "a question"`.
        """
    )
)
def main(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Take the options of all commands."""


for command in (
    demo,
    ls,
    info,
    create,
    load,
    search,
    atlas,
    get,
    export,
    delete,
    index,
    explain,
    recall,
    tune,
    copy,
    backup,
    upgrade,
    serve_mcp,
    psql,
    url,
):
    app.command(help=_joined(command.__doc__))(command)
app.add_typer(import_app)
