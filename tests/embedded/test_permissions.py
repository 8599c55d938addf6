"""Folders stay private, those of others stay untouched, and no two users meet."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import stat
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from vecs.embedded import EmbeddedServer, default_folder, open_server, sockets
from vecs.exc import ServerError

if TYPE_CHECKING:
    from conftest import Probe

Opened = Callable[..., EmbeddedServer]
Place = Callable[[str], Path]

STAY = """
import sys
from vecs.embedded import open_server
server = open_server(sys.argv[1], linger=0)
print("open", flush=True)
sys.stdin.read()
"""

# Prints why the folder does not open.
REFUSAL = """
import sys
from vecs.embedded import open_server
from vecs.exc import ServerError
try:
    open_server(sys.argv[1], linger=0)
except ServerError as error:
    print(error)
"""

# Prints why a connection to the socket in the given folder is refused.
INTRUDE = """
import sys, psycopg
for user in ("vecs", "postgres"):
    try:
        psycopg.connect(host=sys.argv[2], dbname="vecs", user=user)
        print("connected")
    except psycopg.OperationalError as error:
        print(error)
"""


def test_folder_and_socket_are_closed_to_others(new_folder: Path, opened: Opened) -> None:
    before = os.umask(0)
    try:
        server = opened(new_folder)
    finally:
        os.umask(before)
    for path in (new_folder, new_folder / "pgdata", Path(server.conninfo["host"])):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700
    for path in new_folder.iterdir():
        assert not stat.S_IMODE(path.stat().st_mode) & 0o077


def test_default_folder_is_named_vecs() -> None:
    assert default_folder().name == "vecs"


@pytest.mark.parametrize("name", ["something.txt", "pgdata"])
def test_folder_that_holds_something_else_is_refused_and_left_alone(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    with pytest.raises(ServerError, match="not empty and not a vecs folder"):
        open_server(tmp_path)
    assert os.listdir(tmp_path) == [name]


def test_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ServerError, match="file"):
        open_server(tmp_path / "file")


def test_folder_of_another_user_is_refused(public_place: Place) -> None:
    with pytest.raises(ServerError, match="belongs to user"):
        open_server(public_place("games"))


def test_read_only_folder_is_refused(public_place: Place, probe: Probe) -> None:
    place = public_place("games")
    place.chmod(0o500)
    assert "cannot write to" in probe.run(place, REFUSAL, user="games")
    assert "Permission denied" in probe.run(place / "new", REFUSAL, user="games")


@pytest.mark.skipif(os.geteuid() == 0, reason="root can write everywhere")
def test_folder_that_its_own_user_cannot_write_to_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(ServerError, match="cannot write to"):
        open_server(tmp_path)
    with pytest.raises(ServerError, match="Permission denied"):
        open_server(tmp_path / "new")


def test_socket_folder_that_was_opened_to_others_is_refused(folder: Path, opened: Opened) -> None:
    server = opened(folder)
    Path(server.conninfo["host"]).chmod(0o755)
    with pytest.raises(ServerError, match="open to others"):
        opened(folder)
    Path(server.conninfo["host"]).chmod(0o700)
    opened(folder)


def test_two_users_of_one_machine_have_a_server_each(public_place: Place, probe: Probe) -> None:
    folders = {user: public_place(user) / "data" for user in ("games", "mail")}
    with ExitStack() as stack:
        clients = [stack.enter_context(probe.client(f, user=user)) for user, f in folders.items()]
        for client in clients:
            assert client.stdout
            assert client.stdout.readline() == "open\n", client.communicate()[1]
        for client in clients:
            client.communicate()
    assert all(probe.stops(folder) for folder in folders.values())


def test_another_user_cannot_reach_the_socket(folder: Path, opened: Opened, probe: Probe, as_root: None) -> None:
    server = opened(folder)
    output = probe.run(folder, INTRUDE, server.conninfo["host"], user="games")
    assert output.count("Permission denied") == 2


@pytest.mark.parametrize("way", ["namespace", "nobody"])
def test_another_user_is_refused_even_at_an_open_socket(
    way: str,
    template: Path,
    public_place: Place,
    probe: Probe,
    monkeypatch: pytest.MonkeyPatch,
    opened: Opened,
) -> None:
    monkeypatch.setenv("VECS_PG_RUN_AS", way)
    folder = public_place("root") / "data"
    folder.parent.chmod(0o711)
    shutil.copytree(template, folder)
    server = opened(folder)
    place = Path(server.conninfo["host"])
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in (place.parent, place)}
    try:
        for path in (*modes, sockets.socket_path(place)):
            path.chmod(0o777 if path.is_socket() else 0o755)
        for user in ("games", "nobody", "daemon"):
            output = probe.run(folder, INTRUDE, str(place), user=user)
            assert output.count("Peer authentication failed") == 2
    finally:
        for path, mode in modes.items():
            path.chmod(mode)
    assert probe.execute(server, "select 1") == [(1,)]


def test_socket_folder_made_by_somebody_else_is_not_used(
    as_root: None, folder: Path, opened: Opened, probe: Probe
) -> None:
    server = opened(folder)
    place = Path(server.conninfo["host"])
    server.close()
    assert probe.stops(folder)
    place.mkdir(mode=0o700)
    os.chown(place, 5, 5)
    try:
        other = opened(folder)
        assert other.conninfo["host"] != str(place)
        assert probe.execute(other, "select 1") == [(1,)]
        assert os.listdir(place) == []
    finally:
        place.rmdir()


def test_private_means_a_folder_and_not_a_link_to_one(tmp_path: Path) -> None:
    place = tmp_path / "place"
    place.mkdir(mode=0o700)
    (tmp_path / "link").symlink_to(place)
    assert sockets.is_private(place, {os.geteuid()})
    assert not sockets.is_private(tmp_path / "link", {os.geteuid()})
    place.chmod(0o750)
    assert not sockets.is_private(place, {os.geteuid()})


@pytest.mark.usefixtures("as_root")
class TestRoot:
    """As root, whom Postgres itself refuses."""

    def test_works_below_a_closed_folder_and_leaves_it_closed(self, folder: Path, opened: Opened, probe: Probe) -> None:
        folder.parent.chmod(0o700)
        before = modes_above(folder)
        server = opened(folder)
        assert probe.execute(server, "select 1") == [(1,)]
        assert modes_above(folder) == before
        assert all(path.stat().st_uid == 0 for path in folder.rglob("*"))

    def test_nobody_below_a_closed_folder_is_an_error_and_leaves_it_closed(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        folder.parent.chmod(0o700)
        before = modes_above(folder)
        monkeypatch.setenv("VECS_PG_RUN_AS", "nobody")
        with pytest.raises(ServerError, match="that user cannot enter"):
            open_server(folder, linger=0)
        assert modes_above(folder) == before

    def test_nobody_without_reach_of_the_binaries_is_an_error(
        self, public_place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from vecs.embedded.binaries import find_binaries

        (tmp_path / "bin").symlink_to(find_binaries().folder)
        tmp_path.chmod(0o700)
        monkeypatch.setenv("VECS_PG_BINDIR", str(tmp_path / "bin"))
        monkeypatch.setenv("VECS_PG_RUN_AS", "nobody")
        with pytest.raises(ServerError, match="that user cannot enter the folder of .*postgres"):
            open_server(public_place("root") / "data", linger=0)

    def test_folder_changes_between_namespace_and_nobody(
        self, public_place: Place, probe: Probe, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        place = public_place("root")
        place.chmod(0o711)
        folder = place / "data"
        for way, owner in (("nobody", "nobody"), ("namespace", "root"), ("nobody", "nobody")):
            monkeypatch.setenv("VECS_PG_RUN_AS", way)
            with open_server(folder, linger=0) as server:
                assert probe.execute(server, "select current_user") == [("vecs",)]
                assert (folder / "pgdata").owner() == owner
                assert folder.owner() == "root"
            assert probe.stops(folder)

    def test_full_disk_is_a_readable_error(self, small_file_system: Callable[[int], Path]) -> None:
        disk = small_file_system(12)
        with pytest.raises(ServerError, match="^the disk of .* is full") as caught:
            open_server(disk / "data", linger=0)
        assert "\n" not in str(caught.value)

    def test_user_without_a_name_gets_one(self, public_place: Place, probe: Probe) -> None:
        place = public_place("root")
        os.chown(place, 54321, 54321)
        code = "import os\nos.setgid(54321)\nos.setuid(54321)\n" + STAY
        python = probe.interpreter("games")
        with probe.client(place / "data", code, python=python) as client:
            output, errors = client.communicate(timeout=600)
        assert output == "open\n", errors
        assert probe.stops(place / "data")


def modes_above(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_mode for path in folder.parents}


def test_file_system_without_locks_is_named(new_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(descriptor: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(ServerError, match="no file locks"):
        open_server(new_folder, linger=0)


def test_locks_that_lock_nothing_are_noticed(new_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fcntl, "flock", lambda *_: None)  # pyright: ignore[reportUnknownLambdaType]
    with pytest.raises(ServerError, match="locks do not work"):
        open_server(new_folder, linger=0)
