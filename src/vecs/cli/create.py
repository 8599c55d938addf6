"""`vecs create`: a collection, before there is anything in it."""

from __future__ import annotations

from typing import Annotated

import typer

from vecs.cli.connecting import Target, connect
from vecs.cli.opening import Api, Model, Name, Wanted, load_model, told
from vecs.cli.terminal import UsageError, reporting
from vecs.storage import Precision


def create(
    collection: Name,
    model: Model = None,
    api: Api = None,
    dimension: Annotated[
        int | None,
        typer.Option(
            min=1, help="For vectors of your own, of so many numbers, instead of a model.", show_default=False
        ),
    ] = None,
    text: Annotated[bool, typer.Option(help="With --dimension: keep texts, too, and search their words.")] = True,
    language: Annotated[
        str | None, typer.Option(help="The language of the texts, for searches of words; english without it.")
    ] = None,
    precision: Annotated[
        Precision | None,
        typer.Option(
            help="How vectors are stored: half takes half the bytes, binary a bit for each number.", show_default=False
        ),
    ] = None,
    target: Target = None,
) -> None:
    """Create a collection, for texts that a model makes vectors of, or for vectors of your own."""
    with reporting():
        wanted = Wanted(model, api)
        if dimension is not None:
            if wanted.named:
                raise UsageError("a model has a dimension of its own: leave --dimension or --model out")
            with connect(target) as client:
                made = client.create_collection(
                    collection, dimension, text=text, language=language, precision=precision
                )
                told(made, f"for vectors of {dimension} numbers")
            return
        if not text:
            raise UsageError("--no-text is for vectors of your own: give --dimension, too")
        transform = wanted.transform()
        load_model(transform, wanted)
        with connect(target) as client:
            made = client.create_collection(collection, transform=transform, language=language, precision=precision)
            told(made, f"with the model {wanted}")
