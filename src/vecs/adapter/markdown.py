"""The import path of vecs 0.4; re-exports only."""

from __future__ import annotations

from vecs.transforms import MarkdownChunker

__all__ = ["MarkdownChunker"]
