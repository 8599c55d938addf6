"""`vecs recall` and `vecs tune`: how much of the exact answer searches find."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import typer

import vecs
from vecs.cli.connecting import Target, connect_existing
from vecs.cli.expressions import parse_filters
from vecs.cli.opening import Conditions, Name, open_collection
from vecs.cli.plain import plain
from vecs.cli.terminal import OUT, emit_json, reporting, step

Sample = Annotated[int, typer.Option(min=1, help="How many stored vectors to take as queries.")]
Limit = Annotated[int, typer.Option("--limit", "-n", min=1, help="How many neighbours to compare of each.")]
Json = Annotated[bool, typer.Option("--json", help="Print all figures as JSON.")]


def recall(
    collection: Name,
    sample: Sample = 50,
    limit: Limit = 10,
    filters: Conditions = None,
    ef_search: Annotated[
        int | None, typer.Option("--ef-search", min=1, help="Of an HNSW index.", show_default=False)
    ] = None,
    probes: Annotated[int | None, typer.Option(min=1, help="Of an IVFFlat index.", show_default=False)] = None,
    as_json: Json = False,
    target: Target = None,
) -> None:
    """Measure which share of the exact answer the index finds, and how long searches take."""
    with reporting():
        condition = parse_filters(filters)
        with connect_existing(target) as client:
            found = open_collection(client, collection)
            with step("Measuring"):
                measured = found.recall(
                    sample=sample, limit=limit, filters=condition, ef_search=ef_search, probes=probes
                )
        _print(measured, as_json=as_json)


def tune(
    collection: Name,
    goal: Annotated[float, typer.Option("--recall", min=0, max=1, help="The recall to reach.")] = 0.98,
    sample: Sample = 50,
    limit: Limit = 10,
    filters: Conditions = None,
    as_json: Json = False,
    target: Target = None,
) -> None:
    """Find the least ef_search or probes by which searches reach a recall; ends with 1 if none does."""
    with reporting():
        condition = parse_filters(filters)
        with connect_existing(target) as client:
            found = open_collection(client, collection)
            with step("Measuring"):
                tuned = found.tune(goal, sample=sample, limit=limit, filters=condition)
        _print(tuned, as_json=as_json)
        if not tuned.reached:
            raise typer.Exit(1)


def _print(measured: vecs.Recall | vecs.Tuning, *, as_json: bool) -> None:
    if as_json:
        figures: dict[str, Any] = asdict(measured)
        if isinstance(measured, vecs.Tuning):
            figures["tried"] = [trial._asdict() for trial in measured.tried]
        emit_json(figures)
    else:
        OUT.print(plain(repr(measured), lines=True), soft_wrap=True)
