"""Decide the settings that a server is started with."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from vecs.exc import ArgError

_MEGABYTE = 1 << 20
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*")

# The lifecycle depends on these.
_OURS = frozenset(
    {
        "config_file",
        "data_directory",
        "external_pid_file",
        "hba_file",
        "ident_file",
        "listen_addresses",
        "logging_collector",
        "port",
        "unix_socket_directories",
        "unix_socket_group",
        "unix_socket_permissions",
    }
)


def asked_settings(settings: Mapping[str, str] | None) -> dict[str, str]:
    """Return what the caller decides of the server's settings; raise ArgError for what cannot be given."""
    asked = {"synchronous_commit": "on"}
    for name, value in (settings or {}).items():
        if not _NAME.fullmatch(name) or "\0" in str(value):
            raise ArgError(f"{name!r} = {value!r} cannot be a setting of Postgres")
        if name.lower() in _OURS:
            raise ArgError(f"the setting {name!r} is the embedded server's own and cannot be changed")
        asked[name.lower()] = str(value)
    return asked


def start_settings(asked: Mapping[str, str], major: int) -> dict[str, str]:
    """Return the settings for the command line: the defaults of an embedded server, then what was asked for."""
    # Most reads find their pages in the machine's cache. There a worker process for reading, new in Postgres 18, costs
    # more than the read: it took half the time of a keyword search among a million texts on two cores.
    return {
        "listen_addresses": "",
        "unix_socket_permissions": "0700",
        "logging_collector": "off",
        "max_connections": "100",
        "shared_buffers": f"{shared_megabytes(memory())}MB",
        **({"io_method": "sync"} if major >= 18 else {}),
        "maintenance_work_mem": f"{maintenance_megabytes(memory())}MB",
        "max_parallel_maintenance_workers": "2",
        # Parallel index builds need more than the 64 MB that containers give to /dev/shm.
        "dynamic_shared_memory_type": "mmap",
        "jit": "off",
        "random_page_cost": "1.1",
        **asked,
    }


def unlike_running(asked: Mapping[str, str], pgdata: Path) -> list[str]:
    """Return the asked settings, as `name=value`, that are not on the command line of the running server."""
    try:
        command = (pgdata / "postmaster.opts").read_text(errors="replace")
    except FileNotFoundError:
        return []
    pairs = [f"{name}={value}" for name, value in asked.items()]
    return [pair for pair in pairs if f'"{pair}"' not in command]


def maintenance_megabytes(available: int) -> int:
    """Return a quarter of the memory, between 64 MB and 1 GB: a graph that does not fit builds many times slower."""
    return min(max(available // 4 // _MEGABYTE, 64), 1024)


def shared_megabytes(available: int) -> int:
    """Return an eighth of the memory, between 32 MB and 1 GB; the machine gives it as it is used."""
    return min(max(available // 8 // _MEGABYTE, 32), 1024)


def memory() -> int:
    """Return the bytes of memory that this machine or its container may use."""
    physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    with suppress(OSError, ValueError):
        return min(physical, int(Path("/sys/fs/cgroup/memory.max").read_text()))
    return physical
