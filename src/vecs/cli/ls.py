"""`vecs ls`: what is stored."""

from __future__ import annotations

import re
from dataclasses import asdict
from textwrap import shorten
from typing import Any

from rich.filesize import decimal
from rich.table import Table
from rich.text import Text

import vecs
from vecs.cli.connecting import Target, connect_existing, exists, is_folder, where
from vecs.cli.opening import Json
from vecs.cli.plain import plain
from vecs.cli.terminal import OUT, PlainConsole, emit_json, reporting

_OPCLASS = re.compile(r" \(.*?\b(?:vector|halfvec|bit|sparsevec)_([a-z0-9]+)_ops\b", re.DOTALL)
_MEASURES = {"ip": "max_inner_product"}
# A narrower terminal gets a line for each fact.
_NARROW = 90


def ls(as_json: Json = False, target: Target = None) -> None:
    """List the collections: how many records, of what dimension, by which model, with which indexes."""
    with reporting():
        infos = _infos(target)
        if as_json:
            for info in infos:
                emit_json(facts(info))
            return
        if infos:
            _print(infos)
            return
        missing = target is not None and not exists(target)
        OUT.print(
            f"There is no folder {where(target)}." if missing else f"No collections in {where(target)}.", soft_wrap=True
        )
        OUT.print("Make one with `vecs demo` or `vecs load docs FOLDER`, or in Python:", soft_wrap=True)
        OUT.print(
            f"\n    import vecs\n    vx = vecs.create_client({_argument(target)})\n"
            '    docs = vx.get_or_create_collection("docs", transform=vecs.TextPreprocessor())\n'
            '    docs.upsert([("first", "Any text you like", {})])',
            soft_wrap=True,
        )


def _argument(target: str | None) -> str:
    """Return what to write for a target in Python; a connection string may hold a password."""
    return "" if target is None else repr(target) if is_folder(target) else '"postgresql://..."'


def _infos(target: str | None) -> list[vecs.CollectionInfo]:
    if not exists(target):
        return []
    with connect_existing(target) as client:
        return [collection.info() for collection in client.list_collections()]


def _print(infos: list[vecs.CollectionInfo]) -> None:
    if OUT.is_terminal and OUT.width < _NARROW:
        for info in infos:
            OUT.print(Text(plain(info.name), style="bold"), soft_wrap=True)
            dimension = f", {info.dimension} dimensions" if info.dimension else ""
            OUT.print(f"   {info.records:,} records{dimension}, {decimal(info.size_bytes)}", soft_wrap=True)
            for fact in (plain(info.transform or ""), ", ".join(described_indexes(info))):
                if fact:
                    OUT.print(f"   {shorten(fact, 200, placeholder='...')}", soft_wrap=True)
    else:
        _print_table(infos)


def facts(info: vecs.CollectionInfo) -> dict[str, Any]:
    """Return what a collection tells of itself, for JSON."""
    return {**asdict(info), "indexes": [_index(index) for index in info.indexes]}


def _index(index: vecs.IndexInfo) -> dict[str, Any]:
    told = {name: getattr(index, name) for name in index.__dataclass_fields__}
    return {**told, "options": dict(index.options), "measure": index.measure and index.measure.value}


def _print_table(infos: list[vecs.CollectionInfo]) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold" if OUT.is_terminal else "")
    table.add_column("name", overflow="fold")
    for title in ("dimension", "records"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("text", no_wrap=True)
    table.add_column("transform", overflow="fold")
    table.add_column("indexes", overflow="fold")
    table.add_column("size", justify="right", no_wrap=True)
    for info in infos:
        table.add_row(
            plain(info.name),
            str(info.dimension or "-"),
            f"{info.records:,}",
            "yes" if info.has_text else "no",
            shorten(plain(info.transform or "-"), 200, placeholder="..."),
            ", ".join(described_indexes(info)) or "-",
            decimal(info.size_bytes),
        )
    # A pipe has no width to fit into, and programs want one collection per line.
    (OUT if OUT.is_terminal else PlainConsole(width=1000)).print(table)


def described_indexes(info: vecs.CollectionInfo) -> list[str]:
    """Return the indexes of vectors in words."""
    found: list[str] = []
    for index in info.indexes:
        building = "" if index.valid else " (not ready)"
        if index.measure is not None:
            precision = "" if index.precision == "full" else f" {index.precision}"
            found.append(f"{index.method} {index.measure.value.removesuffix('_distance')}{precision}{building}")
        elif index.approximate and index.condition is not None:
            # An index on a part of the records: show how many. Postgres' text of its condition has several lines.
            opclass = _OPCLASS.search(index.definition)
            measure = f" {_MEASURES.get(opclass[1], opclass[1])}" if opclass else ""
            found.append(f"{index.method}{measure} of {index.rows:,} records{building}")
    return found
