"""`vecs copy`, `vecs import`, `vecs upgrade` and `vecs backup`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import vecs

Run = Callable[..., Any]


def test_copy_takes_all_collections_to_a_new_folder_and_again_refuses(run: Run, filled: Path, tmp_path: Path) -> None:
    new = tmp_path / "new"
    done = run("copy", filled, new)
    assert done.code == 0, done.err
    assert "plain: 3 records, 2 indexes, checksum" in done.out
    with vecs.create_client(new) as client:
        assert client.get_collection("plain").count() == 3
    again = run("copy", filled, new)
    assert (again.code, "--replace" in again.err) == (1, True)
    assert run("copy", filled, new, "--replace", "-c", "plain").code == 0
    assert run("copy", filled, filled, "-c", "plain", "--new-name", "other").code == 0
    with vecs.create_client(filled) as client:
        assert client.collection_names() == ["other", "plain"]


def test_copy_to_a_server_does_not_show_its_password(run: Run, filled: Path, target: str) -> None:
    answer = run("copy", filled, "postgresql://user:secret@127.0.0.1:1/x")
    assert answer.code == 1
    assert "secret" not in answer.out + answer.err
    answer = run("copy", "postgresql://u:secret@a/x", "postgresql://u:secret@b/x", "postgresql://u:secret@c/x")
    assert (answer.code, "secret" in answer.out + answer.err) == (2, False)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("copy", "{absent}", "{new}"), "nothing is stored in"),
        (("copy", "{filled}", "{new}", "-c", "no"), "no collection 'no'"),
        (("copy", "{filled}", "{new}", "--new-name", "x"), "--new-name needs one --collection"),
        (("upgrade", "{absent}"), "there is no folder"),
        (("backup", "{absent}", "{new}"), "there is no folder"),
        (("import", "chroma", "{absent}", "-t", "{new}"), "is not the folder of a Chroma PersistentClient"),
        (("import", "lancedb", "{absent}", "-t", "{new}"), "is not a folder of LanceDB"),
        (("import", "supabase", "x", "--from", "{absent}", "-t", "{new}"), "nothing is stored in"),
        (("import", "supabase", "plain", "--from", "{filled}", "-t", "{filled}"), "needs another name"),
    ],
    ids=range(9),
)
def test_what_is_wrong_is_told_in_a_line_and_nothing_is_made(
    run: Run, filled: Path, tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    places = {"absent": tmp_path / "absent", "new": tmp_path / "new", "filled": filled}
    answer = run(*(each.format(**places) for each in arguments))
    assert answer.code in (1, 2)
    assert message in " ".join(answer.err.split())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("store", "mark"), [("chroma", "chroma.sqlite3"), ("lancedb", "docs.lance")])
def test_a_missing_package_is_named_and_nothing_is_made(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store: str, mark: str
) -> None:
    def absent(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(f"vecs.importing.from_{store}.import_module", absent)
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / mark).touch()
    answer = run("import", store, tmp_path / "old", "-t", tmp_path / "new")
    assert answer.code == 1
    assert f"pip install {'chromadb' if store == 'chroma' else 'lancedb'}" in answer.err
    assert not (tmp_path / "new").exists()


def test_upgrade_of_a_folder_that_is_new_says_so(run: Run, tmp_path: Path) -> None:
    with vecs.create_client(tmp_path / "data") as client:
        client.create_collection("docs", 2)
    answer = run("upgrade", tmp_path / "data")
    assert (answer.code, "is of PostgreSQL 18 already" in " ".join(answer.out.split())) == (0, True)
    assert "The backup is in" in run("backup", tmp_path / "data", tmp_path / "saved").out


def test_a_server_may_be_what_nodes_are_read_from(run: Run, tmp_path: Path) -> None:
    answer = run("import", "supabase", "x", "--from", "postgresql://u:secret@127.0.0.1:1/x", "-t", tmp_path / "new")
    assert (answer.code, "secret" in answer.err, "cannot connect" in answer.err) == (1, False, True)
    assert list(tmp_path.iterdir()) == []
