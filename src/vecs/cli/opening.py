"""Collections opened and made by name, as several commands do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, TypeAlias

import typer

import vecs
from vecs.cli.plain import plain
from vecs.cli.terminal import say, step
from vecs.exc import ArgError, CollectionNotFound, MissingDependency
from vecs.transforms._require import check_installed

Name: TypeAlias = Annotated[
    str, typer.Argument(metavar="COLLECTION", help="Its name; see `vecs ls`.", show_default=False)
]
Conditions: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--filter",
        "-f",
        metavar="CONDITIONS",
        help="Conditions on metadata: 'year>=2020 kind=recipe', or JSON such as '{\"year\": {\"$gte\": 2020}}'. "
        "All must hold.",
        show_default=False,
    ),
]
Json: TypeAlias = Annotated[bool, typer.Option("--json", help="Print JSON for programs, one line for each.")]
Model: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="MODEL",
        help="The sentence-transformers model of a new collection: its name on Hugging Face or a folder; "
        "all-MiniLM-L6-v2 without it. With --api, the server's name for it.",
        show_default=False,
    ),
]
Api: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--api",
        metavar="URL",
        help="The server with OpenAI's API that runs the model, such as http://localhost:11434/v1; its key is read "
        "from $OPENAI_API_KEY.",
        show_default=False,
    ),
]


def open_collection(client: vecs.Client, name: str) -> vecs.Collection:
    """Open a collection; the error for a name that is none tells those that are."""
    try:
        return client.get_collection(name)
    except CollectionNotFound as error:
        names = ", ".join(map(plain, client.collection_names()))
        raise CollectionNotFound(f"{error}; it has {names or 'none yet'}") from None


@dataclass(frozen=True)
class Wanted:
    """The model that a person names, None for none."""

    model: str | None = None
    api: str | None = None

    @property
    def named(self) -> bool:
        """Whether any was named."""
        return self.model is not None or self.api is not None

    def transform(self) -> Any:
        """Return the transform of the model, the default one if none was named; raises if a package is missing."""
        if self.api is not None:
            if self.model is None:
                raise ArgError("--api needs --model: the name by which the server knows the model")
            # How many tokens the model reads is not known: a page or so suits all that there are.
            splitter = vecs.RecursiveSplitter(max_characters=2000, markdown=True)
            made: Any = vecs.Pipeline([splitter, vecs.APIEmbedding(self.model, base_url=self.api)])
        else:
            made = vecs.TextPreprocessor() if self.model is None else vecs.TextPreprocessor(self.model)
        check_installed(made)
        return made

    def __str__(self) -> str:
        return self.model or "all-MiniLM-L6-v2"


def check_same_model(collection: vecs.Collection, wanted: Wanted) -> None:
    """Raise ArgError if a person names another model than the collection has."""
    if not wanted.named:
        return
    had = collection.transform
    if had is None or _model_of(had) not in (wanted.model, f"sentence-transformers/{wanted.model}"):
        model = _model_of(had) if had is not None else None
        which = f"the model {model!r}" if model else "no model" if had is None else f"{plain(repr(had))}"
        raise ArgError(
            f"the collection {collection.name!r} has {which}: leave --model out, or take a collection of another name"
        )


def load_model(transform: Any, name: object) -> None:
    """Load a model now, before anything is made for it."""
    with step(f"Loading the model {name}"):
        try:
            transform.transform_query("warm up")
        except MissingDependency:
            raise
        except vecs.exc.VecsException as error:
            error.args = (f"{error}; nothing was made",)
            raise


def told(collection: vecs.Collection, how: str) -> vecs.Collection:
    """Say that a collection was made, and return it."""
    say(f"Made the collection {collection.name} {how}.")
    return collection


def _model_of(transform: Any) -> str | None:
    for part in (transform, *getattr(transform, "steps", ())):
        model = getattr(part, "model", None)
        if isinstance(model, str):
            return model
    return None
