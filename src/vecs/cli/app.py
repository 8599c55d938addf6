"""The verbs of the `vecs` command."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Any

import typer
import typer.core

import vecs
from vecs.cli.atlas import atlas
from vecs.cli.demo import demo
from vecs.cli.ls import ls
from vecs.cli.search import search

_OPTIONS = ("-t", "--target", "--folder")


class _Commands(typer.core.TyperGroup):
    """The verbs; a target among them is not shown in an error, since it may hold a password."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        for before, given in pairwise(["", *args]):
            if before not in _OPTIONS and given.startswith(("postgresql://", "postgres://")):
                ctx.fail("that is a target, which may hold a password: give it with -t, as in `vecs ls -t TARGET`")
        return super().parse_args(ctx, args)


app = typer.Typer(
    name="vecs",
    cls=_Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"vecs {vecs.__version__}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """
    Any Postgres with pgvector as a vector store: documents go in, similar documents come out.

    Try `vecs demo` first: it makes the documentation of Python's standard library searchable by meaning.
    """


app.command()(atlas)
app.command()(demo)
app.command()(ls)
app.command()(search)
