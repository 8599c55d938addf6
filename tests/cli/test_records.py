"""Commands about collections and their records."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.standin import StandIn, standing_in

import vecs

Run = Callable[..., Any]
HOSTILE = "\x1b]0;owned\x07\x1b[2J"


@pytest.fixture
def model() -> Iterator[StandIn]:
    """A server on this machine that makes vectors."""
    with standing_in() as server:
        yield server


def lines(answer: Any) -> list[Any]:
    """The lines of JSON on stdout."""
    return [json.loads(line) for line in answer.out.splitlines()]


def ids(folder: Path, name: str = "plain") -> list[str]:
    with vecs.create_client(folder) as client:
        return [str(record.id) for record in client.get_collection(name)]


def test_ls_prints_json(run: Run, filled: Path) -> None:
    (info,) = lines(run("ls", "--json", "--target", filled))
    assert (info["name"], info["records"], info["dimension"]) == ("plain", 3, 2)
    assert {index["method"] for index in info["indexes"]} == {"btree", "gin"}


def test_ls_of_nothing_as_json_is_nothing(run: Run, folder: Path, tmp_path: Path) -> None:
    assert run("ls", "--json", "--target", folder).out == ""
    assert run("ls", "--json", "--target", tmp_path / "absent").out == ""


def test_info_tells_of_the_server_and_of_a_collection(run: Run, filled: Path) -> None:
    server = run("info", "--target", filled).out
    assert f"folder       {filled}" in server
    assert json.loads(run("info", "--json", "--target", filled).out)["collections"] == 1
    told = run("info", "plain", "--target", filled).out
    assert "records" in told
    about = json.loads(run("info", "plain", "--json", "--target", filled).out)
    assert (about["records"], about["documents"], about["precision"]) == (3, 3, "full")


def test_create_makes_a_collection_for_vectors_or_a_model(run: Run, folder: Path, model: StandIn) -> None:
    points = run("create", "points", "--dimension", 3, "--no-text", "--precision", "half", "--target", folder)
    docs = run("create", "docs", "--model", "m", "--api", model.url, "--language", "german", "--target", folder)

    assert (points.code, docs.code) == (0, 0)
    assert points.err.splitlines()[-1] == "Made the collection points for vectors of 3 numbers."
    with vecs.create_client(folder) as client:
        assert client.get_collection("points").info().precision == "half"
        assert client.get_collection("docs").dimension == 4
    again = run("create", "points", "--dimension", 3, "--target", folder)
    assert (again.code, len(again.err.splitlines()[-1:])) == (1, 1)


@pytest.mark.parametrize(
    "arguments", [("--dimension", "3", "--model", "m"), ("--no-text",), ("--dimension", "0"), ("--precision", "x")]
)
def test_create_refuses_what_does_not_fit_together(run: Run, folder: Path, arguments: tuple[str, ...]) -> None:
    answer = run("create", "c", *arguments, "--target", folder)
    assert (answer.code, len(answer.err.splitlines())) == (2, 1)


def test_get_prints_records_whole(run: Run, filled: Path) -> None:
    answer = run("get", "plain", "east", "north", "--target", filled)
    assert answer.out.splitlines() == [
        "east",
        'metadata: {"side": "right"}',
        "where the sun rises",
        "",
        "north",
        'metadata: {"side": "up"}',
        "where it is cold",
    ]
    assert [record["id"] for record in lines(run("get", "plain", "--json", "--target", filled))] == [
        "east",
        "north",
        "south",
    ]
    (record,) = lines(run("get", "plain", "-f", "side=up", "--vectors", "--json", "--target", filled))
    assert record == {"id": "north", "text": "where it is cold", "metadata": {"side": "up"}, "vec": [0.0, 1.0]}


def test_get_tells_which_ids_are_missing(run: Run, filled: Path) -> None:
    answer = run("get", "plain", "east", "west", "--json", "--target", filled)
    assert answer.code == 1
    assert len(answer.out.splitlines()) == 1
    assert answer.err == "vecs: the collection 'plain' has no record or document 'west'\n"
    assert run("get", "plain", "east", "-f", "a=1", "--target", filled).code == 2


@pytest.mark.parametrize("suffix", ["jsonl", "csv", "parquet"])
def test_what_is_exported_is_loaded_without_a_model(run: Run, filled: Path, tmp_path: Path, suffix: str) -> None:
    with vecs.create_client(filled) as client:
        plain = client.get_collection("plain")
        plain.upsert(
            [
                vecs.Record("odd", [0.5, 0.25], 'a "quoted"\nline, 日本', {"deep": {"a": [1, None]}, "n": "5"}, "doc"),
                vecs.Record("bare", [1, 1]),
            ]
        )
        before = list(plain.scan(include_vector=True))
    file = tmp_path / f"out.{suffix}"

    written = run("export", "plain", file, "--target", filled)
    read = run("load", "again", file, "--target", filled)

    assert (written.code, read.code) == (0, 0), read.err
    assert written.err.splitlines()[-1] == f"Wrote 5 records to {file}."
    with vecs.create_client(filled) as client:
        after = list(client.get_collection("again").scan(include_vector=True))
    for old, new in zip(before, after, strict=True):
        assert (new.id, new.text, new.metadata, new.document_id) == (old.id, old.text, old.metadata, old.document_id)
        assert (new.vec == old.vec).all()


def test_export_goes_to_stdout_and_may_leave_vectors_out(run: Run, filled: Path) -> None:
    first, *_ = lines(run("export", "plain", "--no-vectors", "--target", filled))
    assert first == {"id": "east", "text": "where the sun rises", "metadata": {"side": "right"}}
    table = run("export", "plain", "--format", "csv", "--no-vectors", "-f", "side=up", "--target", filled).out
    assert list(csv.reader(table.splitlines())) == [
        ["id", "text", "document_id", "metadata"],
        ["north", "where it is cold", "", '{"side": "up"}'],
    ]


def test_export_replaces_a_file_only_by_force_and_leaves_none_that_is_not_whole(
    run: Run, filled: Path, tmp_path: Path
) -> None:
    file = tmp_path / "out.jsonl"
    file.write_text("mine")
    assert run("export", "plain", file, "--target", filled).code == 2
    assert run("export", "plain", file, "--force", "-f", '{"a": {"$no": 1}}', "--target", filled).code == 1
    assert file.read_text() == "mine"
    assert list(tmp_path.iterdir()) == [file]
    assert run("export", "plain", file, "--force", "--target", filled).code == 0
    assert len(file.read_text().splitlines()) == 3
    assert run("export", "plain", tmp_path / "x.zip", "--target", filled).code == 2
    assert run("export", "plain", tmp_path / "no" / "x.csv", "--target", filled).code == 1


def test_delete_needs_a_yes(run: Run, filled: Path) -> None:
    refused = run("delete", "plain", "east", "--target", filled)
    assert (refused.code, refused.err) == (2, "vecs: there is nobody to ask: give --yes if you mean it\n")
    assert run("delete", "plain", "--yes", "--target", filled).code == 2
    assert run("delete", "plain", "east", "--collection", "--yes", "--target", filled).code == 2
    assert len(ids(filled)) == 3


def test_delete_deletes_what_is_said(run: Run, filled: Path) -> None:
    one = run("delete", "plain", "east", "west", "--yes", "--target", filled)
    assert (one.code, one.err) == (
        1,
        "Deleted 1 id.\nvecs: the collection 'plain' had no record or document 'west'\n",
    )
    assert run("delete", "plain", "-f", "side in [up]", "-y", "--target", filled).err == "Deleted 1 record.\n"
    assert ids(filled) == ["south"]
    assert run("delete", "plain", "--collection", "-y", "--target", filled).code == 0
    with vecs.create_client(filled) as client:
        assert client.collection_names() == []


def test_index_tells_its_phases_and_explain_the_index(run: Run, filled: Path) -> None:
    made = run("index", "plain", "--target", filled)
    assert made.code == 0
    assert "done" in made.err
    assert "Seq Scan on plain" in run("explain", "plain", "[1, 0]", "--analyze", "--target", filled).out
    assert run("index", "plain", "--key", "side", "--target", filled).code == 0
    assert run("index", "plain", "--key", "side", "-f", "a=1", "--target", filled).code == 2
    assert run("index", "plain", "--measure", "nonsense", "--target", filled).code == 2


def test_recall_and_tune_print_figures(run: Run, filled: Path) -> None:
    assert "recall@2 1" in run("recall", "plain", "--target", filled).out
    assert json.loads(run("recall", "plain", "--json", "--target", filled).out)["recall"] == 1
    run("index", "plain", "--target", filled)
    tuned = run("tune", "plain", "--recall", 0.9, "--json", "--target", filled)
    assert (tuned.code, json.loads(tuned.out)["reached"]) == (0, True)


def test_a_search_may_start_from_records(run: Run, filled: Path) -> None:
    found = lines(run("search", "plain", "--like", "east", "--unlike", "south", "--json", "--target", filled))
    assert [match["id"] for match in found] == ["north"]
    assert run("search", "plain", "--target", filled).code == 2
    assert run("search", "plain", "x", "--like", "east", "--target", filled).code == 2
    assert run("search", "plain", "x", "--unlike", "east", "--target", filled).code == 2


def test_a_query_may_come_from_stdin(run: Run, filled: Path) -> None:
    found = lines(run("search", "plain", "-", "--mode", "keyword", "--json", "--target", filled, stdin="the sun\n"))
    assert [match["id"] for match in found] == ["east"]
    empty = run("search", "plain", "-", "--target", filled, stdin=" \n")
    assert (empty.code, empty.err) == (2, "vecs: stdin is empty: there is nothing to search for\n")


def test_filters_in_words_narrow_a_search(run: Run, filled: Path) -> None:
    found = run("search", "plain", "[1, 0.5]", "--filter", "side in [up, down]", "--json", "--target", filled)
    assert [match["id"] for match in lines(found)] == ["north", "south"]
    wrong = run("search", "plain", "[1, 0.5]", "--filter", "side", "--target", filled)
    assert (wrong.code, len(wrong.err.splitlines())) == (2, 1)


@pytest.mark.parametrize(
    "arguments",
    [
        ("get", "hostile"),
        ("get", "hostile", "--json"),
        ("search", "hostile", "[1, 0]"),
        ("search", "hostile", "[1, 0]", "--json"),
        ("export", "hostile"),
        ("info", "hostile"),
        ("ls",),
        ("get", "hostile", HOSTILE),
        ("get", HOSTILE),
        ("load", HOSTILE, HOSTILE),
    ],
    ids=range(10),
)
def test_nothing_that_is_stored_or_given_commands_the_terminal(
    run: Run, folder: Path, arguments: tuple[str, ...]
) -> None:
    with vecs.create_client(folder) as client:
        docs = client.create_collection("hostile", 2, text=True)
        docs.upsert([vecs.Record(f"id{HOSTILE}", [1, 0], f"text{HOSTILE}", {HOSTILE: HOSTILE}, f"d{HOSTILE}")])
    answer = run(*arguments, "--target", folder)
    assert all(each.isprintable() or each in "\n\t" for each in answer.out + answer.err)


def test_what_nobody_foresaw_is_one_line_too(run: Run, filled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object, **others: object) -> None:
        raise RuntimeError(f"two\nlines{HOSTILE}")

    monkeypatch.setattr("vecs.cli.get.print_records", fail)
    answer = run("get", "plain", "--target", filled)
    assert (answer.code, answer.err) == (
        1,
        "vecs: unexpected RuntimeError: two lines (VECS_TRACEBACK=1 shows where)\n",
    )
    monkeypatch.setenv("VECS_TRACEBACK", "1")
    assert "unexpected" not in run("get", "plain", "--target", filled).err


def vecs_command(*arguments: object, **environment: str) -> list[str]:
    return [sys.executable, "-m", "vecs", *map(str, arguments)]


@pytest.mark.parametrize("arguments", [("export", "big"), ("search", "big", "[1, 0]", "-n", "5000", "--json")])
def test_a_reader_that_has_seen_enough_is_no_failure(folder: Path, arguments: tuple[str, ...]) -> None:
    with vecs.create_client(folder) as client:
        client.create_collection("big", 2, text=True).upsert(
            [vecs.Record(f"{n}", [1, n], "words " * 50) for n in range(5000)]
        )
    process = subprocess.Popen(vecs_command(*arguments, "-t", folder), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stdout.readline()
    process.stdout.close()
    told = process.stderr.read()
    process.stderr.close()
    assert (process.wait(), told) == (0, b"")


def test_one_line_is_printed_to_a_reader_that_is_gone(filled: Path) -> None:
    command = vecs_command("get", "plain", "east", "--json", "-t", filled)
    done = subprocess.run(
        ["bash", "-c", '"$@" | true; echo "${PIPESTATUS[0]}"', "-", *command],
        capture_output=True,
        text=True,
        check=True,
    )
    assert (done.stdout, done.stderr) == ("0\n", "")


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_terminal_of_another_encoding_gets_numbers_of_characters(folder: Path, encoding: str) -> None:
    with vecs.create_client(folder) as client:
        client.create_collection("docs", 2, text=True).upsert([vecs.Record("日本", [1, 0], "naïve 日本")])
    environment = {**os.environ, "PYTHONIOENCODING": encoding}

    def printed(*arguments: str) -> str:
        done = subprocess.run(
            vecs_command("get", "docs", *arguments, "-t", folder), env=environment, capture_output=True, check=True
        )
        return done.stdout.decode(encoding)

    assert "\\u65e5\\u672c" in printed()
    assert json.loads(printed("--json"))["id"] == "日本"
