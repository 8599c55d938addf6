"""Scripts that close nothing end at once and silently, on every Python."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SYNC = "client = vecs.create_client(target); client.collection_names()"
ASYNC = (
    "client = vecs.create_async_client(target)\nasync def main():\n"
    "    await asyncio.gather(*(client.collection_names() for _ in range(5)))\n"
)
STORE = (
    "from langchain_core.embeddings import DeterministicFakeEmbedding\n"
    "from langchain_vecs import VecsVectorStore\n"
    "store = VecsVectorStore(DeterministicFakeEmbedding(size=2), url=target, collection='docs_' + sys.version[:4])\n"
)
# What a script does, how it goes on, and its exit code.
MAP = (
    "client = vecs.create_client(target)\n"
    "docs = client.get_or_create_collection('maps_' + sys.version[:4], dimension=2)\n"
    "docs.upsert([(str(at), [at, 1], {}) for at in range(9)])\natlas = docs.atlas(projection='pca')"
)
ASYNC_MAP = (
    "client = vecs.create_async_client(target)\nasync def main():\n"
    "    docs = await client.get_or_create_collection('amaps_' + sys.version[:4], dimension=2)\n"
    "    await docs.upsert([(str(at), [at, 1], {}) for at in range(9)])\n"
    "    (await docs.atlas(projection='pca')).wait()\n"
)
QUICK = {
    "a map": (f"{MAP}\natlas.wait()", "", 0),
    "a map that is being read": (MAP, "", 0),
    "an async map": (f"{ASYNC_MAP}asyncio.run(main())", "", 0),
    "a client": (SYNC, "", 0),
    "an async client": (f"{ASYNC}asyncio.run(main())", "", 0),
    "a store": (f"{STORE}store.add_texts(['one'])\nasyncio.run(store.asimilarity_search('one'))", "", 0),
    "an exception": (SYNC, "raise ValueError('mine')", 1),
}
FULL = {
    "an exit": (SYNC, "sys.exit(5)", 5),
    "an async exit": (f"{ASYNC}asyncio.run(main())", "sys.exit(5)", 5),
    "an async exception": (f"{ASYNC}asyncio.run(main())", "raise ValueError('mine')", 1),
    "an exception of a store": (f"{STORE}store.add_texts(['one'])", "raise ValueError('mine')", 1),
    "a cycle": (
        "class A: pass\na = A(); a.a = a; a.client = vecs.create_client(target); a.client.connect(); del a",
        "",
        0,
    ),
    "an atexit handler": (
        "import atexit\nclient = vecs.create_client(target); atexit.register(client.collection_names)",
        "",
        0,
    ),
    "threads": (
        "import threading\nclient = vecs.create_client(target)\n"
        "for _ in range(4): threading.Thread(target=client.collection_names).start()",
        "",
        0,
    ),
    "a borrowed connection": (
        "client = vecs.create_client(target); lent = client.connection(); lent.__enter__().execute('begin')",
        "",
        0,
    ),
    "a loop left open": (f"{ASYNC}loop = asyncio.new_event_loop(); loop.run_until_complete(main())", "", 0),
    "a task left behind": (
        "client = vecs.create_async_client(target)\nasync def use():\n"
        "    async with client.connection() as lent: await lent.execute('select pg_sleep(600)')\nasync def main():\n"
        "    task = asyncio.create_task(use()); await asyncio.sleep(0.5)\nasyncio.run(main())",
        "",
        0,
    ),
}
EXITS = {**QUICK, **FULL}


def ends_silently(python: str | Path, target: str, name: str) -> None:
    does, ends, code = EXITS[name]
    script = f"import asyncio, sys, vecs\ntarget = {target!r}\n{does}\n{ends}"
    # It takes a second. psycopg's pool waited for its threads, some 20 s for each; a machine may be slow.
    done = subprocess.run([python, "-c", script], capture_output=True, text=True, check=False, timeout=120)
    said = done.stderr.strip().splitlines()
    if "raise" in ends:
        assert (done.returncode, said[-1], len(said) < 6) == (code, "ValueError: mine", True)
    else:
        assert (done.returncode, said) == (code, [])


@pytest.mark.parametrize("name", QUICK)
def test_a_script_that_does_not_close_ends_at_once_and_silently(target: str, name: str) -> None:
    ends_silently(sys.executable, target, name)


@pytest.mark.full
@pytest.mark.parametrize("name", FULL)
def test_scripts_that_leave_something_open_end_at_once_and_silently(target: str, name: str) -> None:
    ends_silently(sys.executable, target, name)


@pytest.fixture(scope="module")
def other_pythons(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The other Pythons of this machine, of which there has to be one, each with vecs and its store for LangChain."""
    made: list[Path] = []
    for version in ("3.10", "3.11", "3.12", "3.13", "3.14"):
        found = [*Path.home().glob(f".pyenv/versions/{version}.*/bin/python"), shutil.which(f"python{version}")]
        python = next((each for each in found if each and _runs(each, version)), None)
        if python is None or version == f"{sys.version_info.major}.{sys.version_info.minor}":
            continue
        folder = tmp_path_factory.mktemp("python")
        subprocess.run([python, "-m", "venv", folder], check=True)
        install = ["-m", "pip", "install", "-q", "-c", "constraints.txt", "-e", ".", "-e", "integrations/langchain"]
        subprocess.run([folder / "bin" / "python", *install], check=True, cwd=ROOT)
        made.append(folder / "bin" / "python")
    assert made, "install another Python from 3.10 on, for example by pyenv"
    return made


def _runs(python: Path | str, version: str) -> bool:
    """Whether this is such a Python: a shim of pyenv may stand for one that is not installed."""
    done = subprocess.run([python, "--version"], capture_output=True, text=True, check=False)
    return done.stdout.startswith(f"Python {version}.")


@pytest.mark.full
@pytest.mark.parametrize("name", EXITS)
def test_on_other_pythons_scripts_end_at_once_and_silently(other_pythons: list[Path], target: str, name: str) -> None:
    for python in other_pythons:
        ends_silently(python, target, name)
