"""The tables of docs/filters.md, which say what a value of each type becomes: read, with their values made."""

from __future__ import annotations

import re
from collections import OrderedDict
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum
from fractions import Fraction
from pathlib import Path, PurePosixPath
from typing import Any
from uuid import UUID

import numpy as np
import pandas as pd


@dataclass
class Point:
    """A caller's own dataclass."""

    x: int
    y: int


class Model:
    """What vecs sees of pydantic's models."""

    def model_dump(self) -> None:
        """Return its fields."""


_NAMES: dict[str, Any] = {
    cls.__name__: cls
    for cls in (
        OrderedDict, date, datetime, time, timedelta, timezone, Decimal, Enum, IntEnum, Fraction, PurePosixPath, UUID,
        Point, Model,
    )
} | {"np": np, "pd": pd}  # fmt: skip
_ROW = re.compile(r"^\| `(.+?)` \| (.+?) \|", re.MULTILINE)
_SECTION = (Path(__file__).parents[1] / "docs/filters.md").read_text().partition("## Types")[2].partition("\n## ")[0]
_STORED, _, _REFUSED = _SECTION.partition("These values raise an error")


def stored() -> dict[str, tuple[Any, Any]]:
    """Return, by how it is written, each value with what it is stored as."""
    return {code: (_made(code), _made(becomes.strip("`"))) for code, becomes in _ROW.findall(_STORED)}


def refused() -> dict[str, tuple[Any, str]]:
    """Return, by how it is written, each value that is refused with what to write instead."""
    return {code: (_made(code), advice) for code, advice in _ROW.findall(_REFUSED)}


def _made(code: str) -> Any:
    return eval(code, dict(_NAMES))
