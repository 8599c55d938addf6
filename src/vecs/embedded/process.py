"""Run the programs of Postgres, as the user that they accept to run as."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from vecs.embedded import locks
from vecs.embedded.binaries import Binaries
from vecs.exc import ServerError

if sys.platform != "win32":
    import grp
    import pwd

_PASSED_ON = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "DYLD_FALLBACK_LIBRARY_PATH")

# What the kernel shows inside a user namespace for everybody who is not mapped into it.
_OVERFLOW_UID = 65534


@dataclass(frozen=True)
class Runner:
    """A user to run Postgres as, and the way to become that user."""

    name: str
    """What the server sees our own clients as."""
    uid: int
    """Who owns its files, seen from outside."""
    gid: int
    prefix: tuple[str, ...] = ()
    switch: bool = False
    """Give up root before the program starts; otherwise it keeps the user that this process has."""


class Detached(subprocess.Popen[bytes]):
    """A process that is meant to outlive this one."""

    def __del__(self, _maxsize: int = 0, _warn: object = None) -> None:
        # The inherited one warns that the process still runs.
        return


# Kept until they end, for `reap` to ask for their exit codes.
_running: list[Detached] = []


def reap() -> None:
    """Ask for the exit codes of our programs that have ended, so that they do not stay zombies."""
    _running[:] = [process for process in _running if process.poll() is None]


def spawn(command: Sequence[str], *, log: Path, runner: Runner | None = None, keep: Sequence[int] = ()) -> Detached:
    """Start a program that outlives us, writes to `log`, and inherits only the descriptors in `keep`."""
    reap()
    drop = runner if runner and runner.switch else None
    with open(log, "ab", opener=_open_log) as output, locks.inherited(keep):
        process = Detached(
            [*(runner.prefix if runner else ()), *command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            pass_fds=keep,
            cwd="/",
            env=environment(),
            # Ctrl-C in a terminal or a notebook must not reach the server.
            start_new_session=True,
            user=drop.uid if drop else None,
            group=drop.gid if drop else None,
            extra_groups=[] if drop else None,
            umask=0o077,
        )
    _running.append(process)
    return process


def environment() -> dict[str, str]:
    """
    Return what our programs get of our environment: what they need to be found and loaded.

    The rest would make a server differ from one caller to the next, and may hold secrets: others can read what the
    environment of a program of `nobody` is.
    """
    kept = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    return {**kept, "LC_ALL": "C", "TZ": "UTC"}


def choose_runner(binaries: Binaries, folder: Path) -> Runner:
    """
    Return the first way to run Postgres that works here; raise ServerError if there is none.

    Postgres refuses to run as root and for users without a name. A user namespace gives such a process
    another name and no more rights; where the kernel or a container forbids that, root can become
    `nobody`. VECS_PG_RUN_AS forces one of them.
    """
    uid = os.geteuid()
    name = _name_of(uid)
    if uid != 0 and name is not None:
        return Runner(name, uid, os.getegid())
    refusals: list[str] = []
    for way, runner in _candidates():
        if runner.switch:
            _open_to(folder, runner)
        refusal = _refusal(runner, binaries, folder)
        if refusal is None:
            return runner
        refusals.append(f"{way}: {refusal}")
    who = "as root" if uid == 0 else f"as user {uid}, who has no name in /etc/passwd"
    raise ServerError(f"cannot run PostgreSQL {who}; " + "; ".join(refusals or ["no way is known here"]))


def nobody_uid() -> int:
    """Return the user that root's servers may run as; ourselves where only we can be."""
    nobody = _passwd("nobody") if os.geteuid() == 0 else None
    return nobody.pw_uid if nobody else os.geteuid()


def major_version(binaries: Binaries, runner: Runner) -> int:
    """Return the major version of `postgres`, as the program says it."""
    try:
        answer = _try(runner, [binaries.postgres, "--version"])
        return int(answer.stdout.split()[2].split(b".")[0])
    except (OSError, ValueError, IndexError) as error:
        raise ServerError(f"{binaries.postgres} does not say its version: {error}") from error


def _candidates() -> Iterator[tuple[str, Runner]]:
    uid, gid = os.geteuid(), os.getegid()
    forced = os.environ.get("VECS_PG_RUN_AS")
    unshare = shutil.which("unshare")
    name = _stand_in()
    if forced in (None, "namespace") and unshare and name:
        group = grp.getgrgid(pwd.getpwnam(name).pw_gid).gr_name
        prefix = (unshare, "--user", f"--map-user={name}", f"--map-group={group}", "--")
        yield "in a user namespace", Runner(name, uid, gid, prefix)
    if forced in (None, "nobody") and uid == 0:
        nobody = _passwd("nobody")
        if nobody:
            yield "as nobody", Runner(_name_of(0) or "root", nobody.pw_uid, nobody.pw_gid, switch=True)


def _stand_in() -> str | None:
    """
    Return a user to be mapped to.

    Not `nobody`: that is how every *other* user appears inside the namespace, and peer authentication
    could not tell us apart.
    """
    for entry in pwd.getpwall():
        unlike_others = entry.pw_uid not in (0, os.geteuid(), _OVERFLOW_UID)
        if unlike_others and _name_of(entry.pw_uid) == entry.pw_name and _has_group(entry.pw_gid):
            return entry.pw_name
    return None


def _refusal(runner: Runner, binaries: Binaries, folder: Path) -> str | None:
    try:
        answer = _try(runner, [binaries.postgres, "--version"])
        if answer.returncode:
            return f"{binaries.postgres}: {answer.stderr.decode(errors='replace').strip()}"
        if _try(runner, ["test", "-x", f"{folder}/."]).returncode:
            return f"that user cannot enter a folder above {folder} (vecs does not change its permissions)"
    except PermissionError:
        return f"that user cannot enter the folder of {binaries.postgres} (vecs does not change its permissions)"
    except OSError as error:
        return str(error)
    return None


def _try(runner: Runner, command: Sequence[str]) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [*runner.prefix, *command],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        cwd="/",
        env=environment(),
        user=runner.uid if runner.switch else None,
        group=runner.gid if runner.switch else None,
        extra_groups=[] if runner.switch else None,
        check=False,
    )


def _open_to(folder: Path, runner: Runner) -> None:
    # Passing through is enough: everything but `pgdata` in the folder stays root's.
    os.chown(folder, -1, runner.gid)
    folder.chmod(0o710)


def _open_log(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW, 0o600)


def _name_of(uid: int) -> str | None:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return None


def _passwd(name: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None


def _has_group(gid: int) -> bool:
    try:
        grp.getgrgid(gid)
    except KeyError:
        return False
    return gid != 0
