"""The verbs of the `vecs` command."""

from __future__ import annotations

from typing import Annotated

import typer

import vecs
from vecs.cli.demo import demo
from vecs.cli.ls import ls
from vecs.cli.search import search

app = typer.Typer(
    name="vecs",
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


app.command()(demo)
app.command()(ls)
app.command()(search)
