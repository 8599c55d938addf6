from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len

import vecs
from vecs.cli.matches import excerpt

Run = Callable[..., Any]


def test_version_is_the_packages(run: Run) -> None:
    assert run("--version").out == f"vecs {vecs.__version__}\n"


@pytest.mark.parametrize("verb", ["demo", "ls", "search"])
def test_help_names_every_verb_and_its_target(run: Run, verb: str) -> None:
    assert verb in run("--help").out
    answer = run(verb, "--help")
    assert answer.code == 0
    assert "--target" in answer.out


def test_a_wrong_option_is_a_usage_error(run: Run) -> None:
    assert run("ls", "--nonsense").code == 2


@pytest.mark.parametrize("verb", [(), ("ls",), ("search",), ("search", "docs"), ("demo",)], ids=range(5))
def test_a_target_among_the_words_is_told_and_not_shown(run: Run, verb: tuple[str, ...]) -> None:
    answer = run(*verb, "postgresql://user:secret@host/x")
    assert answer.code == 2
    assert "give it with -t" in " ".join(f"{answer.out}{answer.err}".split())
    assert "secret" not in f"{answer.out}{answer.err}"


def test_ls_of_an_empty_server_says_how_to_make_a_collection(run: Run, folder: Path) -> None:
    answer = run("ls", "--target", folder)

    assert answer.code == 0
    assert "vecs demo" in answer.out
    assert "get_or_create_collection" in answer.out


def test_ls_makes_no_folder(run: Run, tmp_path: Path) -> None:
    answer = run("ls", "--target", tmp_path / "absent")

    assert answer.code == 0
    assert f"There is no folder {tmp_path / 'absent'}." in answer.out
    assert f"create_client({str(tmp_path / 'absent')!r})" in answer.out
    assert not (tmp_path / "absent").exists()


def test_ls_prints_a_line_for_each_collection(run: Run, filled: Path) -> None:
    with vecs.create_client(filled) as client:
        client.get_collection("plain").index()

    head, line = run("ls", "--folder", filled).out.splitlines()

    assert head.split() == ["name", "dimension", "records", "text", "transform", "indexes", "size"]
    assert line.split()[:7] == ["plain", "2", "3", "yes", "-", "hnsw", "cosine"]


def test_ls_shows_indexes_on_a_part_of_the_records(run: Run, filled: Path) -> None:
    with vecs.create_client(filled) as client:
        docs = client.create_collection("parts", 2)
        docs.upsert([(f"{n}", [1, n], {"even": n % 2 == 0}) for n in range(30)])
        docs.index(measure="max_inner_product", filters={"even": True})
        docs.index(measure="l2_distance", filters={"even": False}, replace=False)

    line = next(line for line in run("ls", "--folder", filled).out.splitlines() if line.startswith("parts"))

    assert {"hnsw max_inner_product of 15 records", "hnsw l2 of 15 records"} == set(
        re.findall(r"hnsw \w+ of \d+ records", line)
    )


def test_python_runs_the_command_as_a_module() -> None:
    done = subprocess.run([sys.executable, "-m", "vecs", "--version"], capture_output=True, text=True, check=False)
    assert done.stdout == f"vecs {vecs.__version__}\n", done.stderr


def test_the_target_may_be_a_connection_string(run: Run, target: str) -> None:
    assert run("ls", "--target", target).code == 0


def test_search_prints_id_score_and_text(run: Run, filled: Path) -> None:
    answer = run("search", "plain", "[0.9, 0.1]", "--limit", 1, "--target", filled)

    assert answer.code == 0
    assert answer.out.splitlines() == ["east  0.997", "   where the sun rises"]
    assert answer.err == ""


def test_json_output_is_a_line_for_each_match_and_nothing_else(run: Run, filled: Path) -> None:
    answer = run("search", "plain", "[1, 0.5]", "--json", "--target", filled)

    matches = [json.loads(line) for line in answer.out.splitlines()]
    assert [match["id"] for match in matches] == ["east", "north", "south"]
    assert matches[0]["metadata"] == {"side": "right"}
    assert answer.err == ""


def test_filter_and_threshold_narrow_a_search(run: Run, filled: Path) -> None:
    common = ("search", "plain", "[1, 0.5]", "--json", "--target", filled)

    by_filter = run(*common, "--filter", '{"side": {"$in": ["up", "down"]}}').out
    by_score = run(*common, "--threshold", 0.9).out

    assert [json.loads(line)["id"] for line in by_filter.splitlines()] == ["north", "south"]
    assert [json.loads(line)["id"] for line in by_score.splitlines()] == ["east"]


@pytest.mark.parametrize(
    ("arguments", "code", "part"),
    [
        (("absent", "x"), 1, "it has plain"),
        (("plain", "a text"), 1, "has no transform"),
        (("plain", "[1,2"), 1, "the query '[1,2' is not valid JSON"),
        (("plain", "[1, 2, 3]"), 1, "dimension 3"),
        (("plain", "[1, 2]", "--filter", "{side"), 2, "is not JSON"),
        (("plain", "[1, 2]", "--filter", "[1]"), 2, "is not a JSON object"),
        (("plain", "[1, 2]", "--filter", '{"$nor": []}'), 1, "unknown operator '$nor'"),
        (("plain", "[1, 2]", "--threshold", "7"), 1, "threshold must be"),
    ],
)
def test_an_error_of_a_search_is_one_line(
    run: Run, filled: Path, arguments: tuple[str, ...], code: int, part: str
) -> None:
    answer = run("search", *arguments, "--target", filled)

    assert (answer.code, answer.out) == (code, "")
    (line,) = answer.err.splitlines()
    assert line.startswith("vecs: ")
    assert part in line


@pytest.mark.parametrize(
    "target",
    [
        "postgresql://me:secret@127.0.0.1:1/db",
        "mysql://me:secret@127.0.0.1/db",
        "me:secret@127.0.0.1/db",
        '"postgresql://me:secret@127.0.0.1:1/db"',
        "psql postgresql://me:secret@127.0.0.1:1/db",
        "127.0.0.1:1:db:me:secret",
        "//me:secret@127.0.0.1:1/db",
        "127.0.0.1/db?password=secret",
        "host=127.0.0.1 port=1 user=me password=secret",
    ],
)
def test_an_unreachable_target_is_one_line_without_the_password(
    run: Run, target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    answer = run("search", "docs", "x", "--target", target)

    assert (answer.code, answer.out) == (1, "")
    (line,) = answer.err.splitlines()
    assert line.startswith("vecs: ")
    assert "secret" not in line
    assert list(Path.cwd().iterdir()) == []


def test_a_missing_extra_is_named_in_one_line(run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with vecs.create_client(folder) as client:
        client.create_collection("text", transform=vecs.TextPreprocessor("all-MiniLM-L6-v2"))
    monkeypatch.setattr("vecs.transforms._models._loaded", {})
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)

    answer = run("search", "text", "x", "--json", "--target", folder)

    assert answer.code == 1
    (line,) = answer.err.splitlines()
    assert "pip install 'vecs[text]'" in line


def test_the_command_without_its_extra_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "vecs.cli.app", None)

    with pytest.raises(SystemExit, match=r"pip install 'vecs\[cli\]'"):
        import_module("vecs.cli").main()


@pytest.mark.parametrize("width", [30, 80, 200])
def test_an_excerpt_is_no_wider_than_the_terminal(width: int) -> None:
    lines = excerpt("word " * 200 + "\n\n    indented\n", width)

    assert len(lines) == 5
    assert max(map(len, lines)) <= width


@pytest.mark.parametrize("width", [30, 41])
def test_characters_that_take_two_cells_are_counted_so(width: int) -> None:
    lines = excerpt("これは非常に長い日本語の文章です。" * 3 + " and words 日本 " * 9, width, 99)
    assert max(map(cell_len, lines)) in (width, width - 1)
    assert "".join("".join(lines).split()) == "これは非常に長い日本語の文章です。" * 3 + "andwords日本" * 9


def test_search_shows_one_match_per_group_with_the_chunks_next_to_it(run: Run, filled: Path) -> None:
    with vecs.create_client(filled) as client:
        docs = client.create_collection("chunked", 2, text=True)
        docs.upsert([vecs.Record(f"d#{n}", [1, n], f"chunk {n}", {"even": n % 2 == 0}, "d") for n in range(3)])

    common = ("search", "chunked", "[1, 1]", "--group-by", "$document_id", "--context", 1, "--target", filled)

    assert run(*common).out.split() == ["d#1", "1.000", "chunk", "0", "chunk", "1", "chunk", "2"]
    (match,) = map(json.loads, run(*common, "--json").out.splitlines())
    assert (match["group"], match["context"]["text"]) == ("d", "chunk 0\n\nchunk 1\n\nchunk 2")


def test_search_gives_the_places_of_words_as_json_where_there_are_words(run: Run, filled: Path) -> None:
    with vecs.create_client(filled) as client:
        client.create_collection("bare", 2).upsert([("a", [1, 0], {})])

    def places(*arguments: object) -> list[Any]:
        answer = run("search", *arguments, "--json", "--target", filled)
        return [json.loads(line).get("highlights") for line in answer.out.splitlines()]

    assert places("plain", "the sun", "--mode", "keyword") == [[[10, 13]]]
    assert places("plain", "[1, 0]", "-n", 1) == [None]
    assert places("bare", "[1, 0]") == [None]
