"""Points that took long to find, kept between processes by what they were made of."""

from __future__ import annotations

import contextlib
import os
import tempfile
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from vecs._atlas.projection import Points

_MOST_FILES = 100


def _folder() -> Path:
    """Return the folder of the cache; $VECS_CACHE names another one."""
    given = os.environ.get("VECS_CACHE")
    if given:
        return Path(given) / "maps"
    try:
        platformdirs: Any = import_module("platformdirs")
    except ImportError:
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "vecs" / "maps"
    return Path(platformdirs.user_cache_path("vecs", appauthor=False)) / "maps"


def recalled(digest: str, count: int) -> Points | None:
    """Return the points of these records, if they were kept; None where they were not, or cannot be read."""
    try:
        with (_folder() / f"{digest}.npy").open("rb") as file:
            points = np.load(file, allow_pickle=False)
    except (OSError, ValueError, EOFError, RuntimeError):
        # Whatever is wrong with it, points can be found anew.
        return None
    fits = points.shape == (count, 2) and points.dtype == np.float32 and bool(np.isfinite(points).all())
    return points if fits else None


def keep(digest: str, points: Points) -> None:
    """Keep points; the oldest ones are deleted. Where nothing can be written, nothing is kept."""
    # A full disk, a home that is read-only: to find them anew takes longer, and is no error.
    with contextlib.suppress(OSError, RuntimeError):
        folder = _folder()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, suffix=".part", delete=False) as file:
            try:
                np.save(file, points, allow_pickle=False)
                file.close()
                Path(file.name).replace(folder / f"{digest}.npy")
            except BaseException:
                Path(file.name).unlink(missing_ok=True)
                raise
        for path in sorted(folder.glob("*.npy"), key=lambda path: path.stat().st_mtime)[:-_MOST_FILES]:
            path.unlink(missing_ok=True)
