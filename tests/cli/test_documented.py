"""docs/cli.md says what `--help` says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import typer.main

from vecs.cli.app import app

PAGE = (Path(__file__).parent.parent.parent / "docs" / "cli.md").read_text()
SECTIONS = dict(re.findall(r"^## ([a-z-]+)\n(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE))
_GROUP: Any = typer.main.get_command(app)
COMMANDS: dict[str, Any] = _GROUP.commands
_OPTION = re.compile(r"`(--?[a-z][a-z-]*)`")


def options(command: Any) -> set[str]:
    shown = [each for each in command.params if each.param_type_name == "option" and not each.hidden]
    return {name for each in shown for name in (*each.opts, *each.secondary_opts)} - {"--help", "-h"}


def test_every_command_has_a_section() -> None:
    assert list(SECTIONS) == list(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_of_a_command_is_described_and_no_other(name: str) -> None:
    rows = [line.split(" | ")[0] for line in SECTIONS[name].splitlines() if line.startswith("| `-")]
    assert {option for row in rows for option in _OPTION.findall(row)} == options(COMMANDS[name])


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_option_has_a_help(name: str) -> None:
    command = COMMANDS[name]
    assert command.help
    assert [each.name for each in command.params if not each.hidden and not each.help] == []
