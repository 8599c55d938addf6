"""`vecs load`: what is stored, what is told, and what is left as it was."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.cli.made_files import pdf
from tests.standin import StandIn, standing_in

import vecs

Run = Callable[..., Any]


@pytest.fixture
def model() -> Iterator[StandIn]:
    """A server on this machine that makes vectors."""
    with standing_in() as server:
        yield server


@pytest.fixture
def load(run: Run, folder: Path, model: StandIn) -> Run:
    """Load into the collection `docs` with the model of this machine."""

    def load(*arguments: object, **others: Any) -> Any:
        return run("load", "docs", *arguments, "--model", "m", "--api", model.url, "--target", folder, **others)

    return load


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder `notes` of three documents, which is in the current one."""
    monkeypatch.chdir(tmp_path)
    notes = tmp_path / "notes"
    (notes / "sub").mkdir(parents=True)
    (notes / "a.md").write_text("# About soup\n\nBoil water.")
    (notes / "sub" / "b.txt").write_text("Bread needs time.")
    (notes / "c.pdf").write_bytes(pdf(["page one", "page two"]))
    return notes


def stored(folder: Path, name: str = "docs") -> dict[str, vecs.Record]:
    with vecs.create_client(folder) as client:
        return {str(record.id): record for record in client.get_collection(name)}


def names(folder: Path) -> list[str]:
    with vecs.create_client(folder) as client:
        return client.collection_names()


def test_a_folder_becomes_a_collection(load: Run, folder: Path, files: Path) -> None:
    answer = load("notes")

    assert (answer.code, answer.out) == (0, "")
    assert "Made the collection docs with the model m." in answer.err
    assert answer.err.splitlines()[-1] == "3 files: 4 stored."
    records = stored(folder)
    assert list(records) == ["a.md", "c.pdf#page=1", "c.pdf#page=2", "sub/b.txt"]
    assert records["a.md"].metadata == {"path": "a.md", "title": "About soup"}
    assert records["c.pdf#page=2"].metadata == {"path": "c.pdf", "page": 2, "pages": 2}
    assert str(files) not in str(records["a.md"].extra)


def test_a_second_run_embeds_what_has_changed_only(load: Run, folder: Path, files: Path, model: StandIn) -> None:
    load("notes")
    (files / "a.md").write_text("# About bread")
    os.utime(files / "sub" / "b.txt", (1, 1))
    model.bodies.clear()

    answer = load("notes")

    assert answer.err.splitlines()[-1] == "3 files: 1 stored, 3 unchanged."
    assert model.texts == [["# About bread"]]
    assert stored(folder)["a.md"].text == "# About bread"


def test_what_is_gone_is_deleted_by_sync_alone(load: Run, folder: Path, files: Path) -> None:
    other = files.parent / "others"
    other.mkdir()
    (other / "z.md").write_text("of another folder")
    load("notes", "others")
    with vecs.create_client(folder) as client:
        docs = client.get_collection("docs")
        docs.upsert([vecs.Record("mine", [1, 0, 0, 0], "by hand", {"path": "gone.md"})], skip_transform=True)
    (files / "a.md").unlink()
    (files / "c.pdf").write_bytes(pdf(["page one"]))

    # The other page says how many there are.
    assert load("notes").err.splitlines()[-1] == "2 files: 1 stored, 1 unchanged."
    assert "a.md" in stored(folder)
    assert load("notes", "--sync").err.splitlines()[-1] == "2 files: 2 unchanged, 2 deleted."
    assert list(stored(folder)) == ["c.pdf#page=1", "mine", "sub/b.txt", "z.md"]


def test_sync_keeps_what_a_file_held_that_cannot_be_read_now(load: Run, folder: Path, files: Path) -> None:
    load("notes")
    (files / "a.md").write_bytes(b"\xff\xfe\0")
    (files / "sub" / "b.txt").unlink()

    answer = load("notes", "--sync")

    assert answer.code == 1
    assert list(stored(folder)) == ["a.md", "c.pdf#page=1", "c.pdf#page=2"]


def test_an_empty_folder_deletes_only_where_that_is_said(load: Run, folder: Path, files: Path) -> None:
    load("notes")
    for file in [path for path in files.rglob("*") if path.is_file()]:
        file.unlink()

    kept = load("notes", "--sync")
    assert "nothing of it is deleted without --allow-empty" in kept.err
    assert len(stored(folder)) == 4
    assert load("notes", "--sync", "--allow-empty").err.splitlines()[-1] == "0 files: 4 deleted."
    assert stored(folder) == {}


def test_a_table_without_rows_deletes_only_where_that_is_said(load: Run, folder: Path, files: Path) -> None:
    table = files / "t.csv"
    table.write_text("id,text\na,one\n")
    load("notes/t.csv")
    table.write_text("id,text\n")

    assert load("notes/t.csv").err.splitlines()[-1] == "vecs: the files hold no rows, so nothing was made or changed"
    assert "without --allow-empty" in load("notes/t.csv", "--sync").err
    assert list(stored(folder)) == ["a"]
    assert load("notes/t.csv", "--sync", "--allow-empty").code == 0
    assert stored(folder) == {}


def test_rows_that_are_gone_and_chunks_of_long_texts_are_known_by_sync(load: Run, folder: Path, files: Path) -> None:
    table = files / "t.jsonl"
    rows = [{"id": f"r{n}", "text": "word " * 1000} for n in range(3)]
    table.write_text("\n".join(map(json.dumps, rows)))
    assert load("notes/t.jsonl", "--sync").code == 0
    before = stored(folder)
    assert len(before) > 3

    again = load("notes/t.jsonl", "--sync")
    table.write_text("\n".join(map(json.dumps, rows[1:])))
    after = load("notes/t.jsonl", "--sync")

    assert again.err.splitlines()[-1] == "1 file: 3 unchanged."
    assert after.err.splitlines()[-1] == "1 file: 2 unchanged, 1 deleted."
    assert stored(folder).keys() == {id for id in before if not id.startswith("r0")}


def test_a_source_has_one_name_on_all_machines_if_it_is_given(load: Run, folder: Path, files: Path) -> None:
    load("notes", "--source", "handbook")
    moved = files.rename(files.parent / "elsewhere")
    (moved / "a.md").unlink()
    assert load("elsewhere", "--source", "handbook", "--sync").err.splitlines()[-1] == (
        "2 files: 3 unchanged, 1 deleted."
    )


def test_a_bad_file_is_told_and_does_not_stop_the_rest(load: Run, folder: Path, files: Path) -> None:
    (files / "bad.txt").write_bytes("naïve".encode("cp1252"))
    (files / "t.csv").write_text("id,text\n" + "x\n" * 9 + "good,a row\n")

    answer = load("notes", "missing.md")

    assert answer.code == 1
    lines = answer.err.splitlines()
    assert "vecs: missing.md: there is no such file or folder" in lines
    assert "vecs: notes/t.csv: 4 more like these" in lines
    assert sum("notes/t.csv: line" in line for line in lines) == 5
    assert any(line.startswith("vecs: notes/bad.txt: it is not UTF-8") for line in lines)
    assert {"a.md", "good", "sub/b.txt"} <= stored(folder).keys()
    assert load("notes/bad.txt", "--encoding", "ascii", "--encoding", "cp1252").code == 0
    assert stored(folder)["notes/bad.txt"].text == "naïve"


@pytest.mark.parametrize("content", [b"\xff", b""])
def test_nothing_is_made_where_no_file_can_be_read(load: Run, folder: Path, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.txt").write_bytes(content)
    answer = load(tmp_path)
    assert answer.code == 1
    assert answer.err.splitlines()[-1] == "vecs: nothing could be read, so nothing was made or changed"
    assert names(folder) == []


def test_no_files_is_an_error_that_says_which_are_read(load: Run, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "x.zip").write_text("x")
    (line,) = load(tmp_path).err.splitlines()
    assert line.startswith("vecs: there are no files to load (by default .csv")
    assert line.endswith("1 files of other kinds are there, see --glob")
    assert names(folder) == []


def test_nothing_is_made_without_the_model(
    run: Run, folder: Path, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("sentence_transformers", "onnxruntime"):
        monkeypatch.setitem(sys.modules, name, None)
    answer = run("load", "docs", "notes", "--target", folder)
    assert answer.code == 1
    assert "pip install 'vecs[text]'" in answer.err.splitlines()[-1]
    assert names(folder) == []


@pytest.mark.usefixtures("files")
def test_no_folder_is_made_for_what_fails(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("sentence_transformers", "onnxruntime"):
        monkeypatch.setitem(sys.modules, name, None)
    (tmp_path / "v.jsonl").write_text('{"vec": ["a"]}')
    for source in ("notes", "absent", "v.jsonl"):
        assert run("load", "docs", source, "--target", tmp_path / "new").code == 1
    assert run("create", "docs", "--target", tmp_path / "new").code == 1
    assert not (tmp_path / "new").exists()


def test_nothing_is_made_where_the_model_refuses(load: Run, folder: Path, files: Path, model: StandIn) -> None:
    from tests.standin import refused

    model.always = lambda body: refused(404, "no such model")
    answer = load("notes")
    assert answer.code == 1
    assert "no such model" in answer.err.splitlines()[-1]
    assert names(folder) == []


def test_another_model_than_the_collections_is_refused(load: Run, run: Run, folder: Path, files: Path) -> None:
    load("notes")
    answer = run("load", "docs", "notes", "--model", "other", "--target", folder)
    assert (answer.code, answer.err.splitlines()[-1]) == (
        1,
        "vecs: the collection 'docs' has the model 'm': leave --model out, or take a collection of another name",
    )


def test_texts_into_a_collection_without_a_model_are_refused(run: Run, filled: Path, files: Path) -> None:
    answer = run("load", "plain", "notes", "--target", filled)
    assert answer.code == 1
    assert "has no model that makes vectors of texts" in answer.err.splitlines()[-1]
    assert len(stored(filled, "plain")) == 3


def test_rows_with_vectors_need_no_model(run: Run, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "v.csv").write_text('id,text,vec,year\na,one,"[1, 0]",1999\nb,,"[0, 1]",\n')

    answer = run("load", "points", tmp_path / "v.csv", "--target", folder)

    assert answer.code == 0, answer.err
    assert "Made the collection points for vectors of 2 numbers." in answer.err
    records = stored(folder, "points")
    assert {id: record.metadata for id, record in records.items()} == {"a": {"year": 1999}, "b": {}}
    (line,) = run("search", "points", "[1, 0]", "-n", 1, "--json", "--target", folder).out.splitlines()
    assert json.loads(line)["id"] == "a"


@pytest.mark.parametrize(
    ("vec", "what"),
    [
        ({"dimension": 9, "indices": [1], "values": [0.5]}, "sparse vectors of 9"),
        ([True, False, True], "vectors of 3 bits"),
    ],
)
def test_the_first_vector_says_what_a_new_collection_holds(
    run: Run, folder: Path, tmp_path: Path, vec: Any, what: str
) -> None:
    (tmp_path / "v.jsonl").write_text(json.dumps({"id": "a", "vec": vec}))
    answer = run("load", "v", tmp_path / "v.jsonl", "--target", folder)
    assert (answer.code, what in answer.err) == (0, True)
    (record,) = run("get", "v", "--vectors", "--json", "--target", folder).out.splitlines()
    assert json.loads(record)["vec"] == vec


@pytest.mark.parametrize("vec", [5, [], ["a"], [None], [1e999], "[]", {"a": 1}, "[1, 2"])
def test_a_first_vector_that_is_none_makes_nothing(run: Run, folder: Path, tmp_path: Path, vec: Any) -> None:
    (tmp_path / "v.jsonl").write_text(json.dumps({"id": "a", "vec": vec}))
    answer = run("load", "v", tmp_path / "v.jsonl", "--target", folder)
    assert answer.code == 1
    assert len(answer.err.splitlines()[-1:]) == 1
    assert names(folder) == []


def test_rows_go_into_a_collection_without_texts(run: Run, folder: Path, tmp_path: Path) -> None:
    run("create", "bare", "--dimension", 2, "--no-text", "--target", folder)
    (tmp_path / "v.jsonl").write_text('{"id": "a", "vec": [1, 0], "year": 5}')
    assert run("load", "bare", tmp_path / "v.jsonl", "--target", folder).code == 0
    assert stored(folder, "bare")["a"].metadata == {"year": 5}
    refused = run("load", "bare", tmp_path / "v.jsonl", "--sync", "--target", folder)
    assert (refused.code, "--sync" in refused.err) == (1, True)


def test_a_record_that_the_collection_refuses_is_told_with_its_line(run: Run, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "v.jsonl").write_text('{"id": "a", "vec": [1, 0]}\n{"id": "b", "vec": [1]}\n{"id": "c", "vec": [0, 1]}')

    answer = run("load", "points", tmp_path / "v.jsonl", "--target", folder)

    assert answer.code == 1
    assert "v.jsonl: line 2: " in answer.err
    assert list(stored(folder, "points")) == ["a", "c"]


def test_stdin_is_read_as_what_is_said(load: Run, folder: Path) -> None:
    assert load("-").code == 2
    assert load("-", "-", "--format", "csv").code == 2
    assert load("-", "--format", "jsonl", stdin='{"id": "x", "text": "café"}\n').code == 0
    assert load("-", "--format", "markdown", "--id-prefix", "in/", stdin="# Head").code == 0
    assert {id: record.text for id, record in stored(folder).items()} == {"in/stdin": "# Head", "x": "café"}


def test_columns_prefix_and_stop_after(load: Run, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "t.tsv").write_text("key\tbody\tn\n" + "".join(f"k{n}\ttext {n}\t{n}\n" for n in range(5)))

    answer = load(tmp_path / "t.tsv", "--columns", "id=key,text=body", "--id-prefix", "t/", "--stop-after", 2)

    assert answer.err.splitlines()[-1] == "1 file: 2 stored."
    assert {id: record.metadata for id, record in stored(folder).items()} == {"t/k0": {"n": 0}, "t/k1": {"n": 1}}


def test_two_files_of_one_id_do_not_replace_each_other(load: Run, folder: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.md").write_text(name)
    answer = load(tmp_path / "one", tmp_path / "two")
    assert answer.code == 1
    assert "--id-prefix" in answer.err
    assert stored(folder)["a.md"].text == "one"


@pytest.mark.parametrize(
    "arguments",
    [
        ("--format", "nonsense"),
        ("--encoding", "nonsense"),
        ("--columns", "a"),
        ("--types", "x=y"),
        ("--delimiter", "ab"),
        ("--sync", "--stop-after", "1"),
        ("--stop-after", "0"),
        ("--nonsense",),
    ],
)
def test_a_wrong_command_line_is_one_line_and_2(
    run: Run, folder: Path, files: Path, arguments: tuple[str, ...]
) -> None:
    answer = run("load", "docs", "notes", *arguments, "--target", folder)
    (line,) = answer.err.splitlines()
    assert (answer.code, answer.out, line[:6]) == (2, "", "vecs: ")
    assert names(folder) == []


def test_what_was_done_is_told_as_json(load: Run, files: Path) -> None:
    (files / "bad.txt").write_bytes(b"\xff")
    told = json.loads(load("notes", "--json").out)
    problems = told.pop("problems")
    assert told == {"files": 4, "stored": 4, "unchanged": 0, "deleted": 0, "wrong": 1}
    assert problems[0].startswith("notes/bad.txt: it is not UTF-8")


def test_an_interrupted_load_keeps_what_it_stored_and_goes_on(folder: Path, model: StandIn, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("text\n" + "".join(f"{n} {'words ' * 1000}\n" for n in range(100)))
    named = ["--api", model.url, "--model", "m", "-t", str(folder)]
    command = [sys.executable, "-m", "vecs", "load", "docs", "t.csv", *named]
    model.always = lambda body: time.sleep(0.3)

    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    while len(model.bodies) < 4:
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)

    assert process.returncode == 130
    assert told.splitlines()[-1] == "Stopped. What is stored so far stays: the same command goes on from there."
    assert "Traceback" not in told
    some = len({record.document_id for record in stored(folder).values()})
    assert 0 < some < 100
    model.always = lambda body: None
    done = subprocess.run(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True, check=True)
    assert done.stderr.splitlines()[-1] == f"1 file: {100 - some} stored, {some} unchanged."


def test_sync_deletes_nothing_where_a_source_is_missing_or_not_chosen(load: Run, folder: Path, files: Path) -> None:
    for name in ("one", "two"):
        (files.parent / name).mkdir()
        (files.parent / name / f"{name}.txt").write_text(f"The text of {name}.")
        (files.parent / name / "row.jsonl").write_text(f'{{"id": "row of {name}", "text": "a row"}}')
    assert load("one", "two", "--source", "nightly").code == 0
    assert len(stored(folder)) == 4

    (files.parent / "two").rename(files.parent / "away")
    assert "nothing is deleted" in load("one", "two", "--source", "nightly", "--sync").err
    assert len(stored(folder)) == 4
    (files.parent / "two").mkdir()
    assert "nothing is deleted" in load("one", "two", "--source", "nightly", "--sync").err
    assert len(stored(folder)) == 4

    (files.parent / "two").rmdir()
    (files.parent / "away").rename(files.parent / "two")
    assert load("one", "two", "--source", "nightly", "--sync", "--glob", "*.txt").code == 0
    assert len(stored(folder)) == 4
    (files.parent / "two" / "two.txt").rename(files.parent / "two" / "new.txt")
    assert load("one", "two", "--source", "nightly", "--sync", "--glob", "*.txt").code == 0
    assert sorted(stored(folder)) == ["new.txt", "one.txt", "row of one", "row of two"]


def test_utf_8_comes_before_the_encodings_that_are_named(load: Run, folder: Path, files: Path) -> None:
    (files / "utf8.txt").write_bytes("Ann Müller".encode())
    (files / "latin1.txt").write_bytes("Ann Müller".encode("latin-1"))
    assert load("notes", "--encoding", "latin1").code == 0
    texts = {id: record.text for id, record in stored(folder).items()}
    assert texts["utf8.txt"] == texts["latin1.txt"] == "Ann Müller"
