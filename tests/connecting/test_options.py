"""What a client is told at its creation; no server here."""

from __future__ import annotations

from typing import Any

import pytest

from vecs._connecting.options import Options
from vecs.exc import ArgError


@pytest.mark.parametrize("pooler", [True, False, None])
def test_a_pooler_is_there_or_not_or_unknown(pooler: bool | None) -> None:
    assert Options(pooler=pooler).pooler is pooler


@pytest.mark.parametrize("pooler", ["yes", 1, "transaction"])
def test_anything_else_said_of_a_pooler_is_refused(pooler: Any) -> None:
    with pytest.raises(ArgError, match="pooler must be True, False, or None"):
        Options(pooler=pooler)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"server_settings": "max_connections=200"}, "server_settings must be a dict such as"),
        ({"report": True}, "report must be a function that takes a text, such as print, not True"),
        ({"keep_running": "yes"}, "keep_running must be True or False, not 'yes'"),
    ],
)
def test_options_of_another_type_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgError, match=message):
        Options(**options)
    Options(server_settings={"a": "b"}, report=print, keep_running=True)
