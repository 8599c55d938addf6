"""The documentation of the Python standard library, as every Python carries it."""

from __future__ import annotations

from vecs.cli.stdlib.corpus import stdlib_docs
from vecs.cli.stdlib.docs import Doc

__all__ = ["Doc", "stdlib_docs"]
