"""`vecs atlas`: the link on stdout, until Ctrl-C."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest


def test_it_serves_a_map_until_it_is_stopped(filled: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "vecs", "atlas", "plain", "-t", str(filled), "--color", "side", "--no-browser"]
    environment = {**os.environ, "VECS_CACHE": str(tmp_path)}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        url = process.stdout.readline().strip()
        assert url.startswith("http://127.0.0.1:")
        with urllib.request.urlopen(url, timeout=60) as page:
            assert b"vecs map" in page.read()
        while process.stderr.readline() != "The map is served until you press Ctrl-C.\n":
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (130, "", "The map is closed.\n")


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["missing"], 1, "missing"),
        (["plain", "--filter", "{"], 2, "is not JSON"),
        (["plain", "--filter", "[]"], 2, "is not a JSON object"),
        (["plain", "--port", "70000"], 1, "ports go up to 65535"),
        (["plain", "--limit", "0"], 2, "limit"),
    ],
)
def test_what_is_wrong_is_one_line(run: Any, filled: Path, arguments: list[str], code: int, said: str) -> None:
    answer = run("atlas", *arguments, "-t", filled)
    assert answer.code == code
    assert said in answer.err
    assert answer.out == ""
