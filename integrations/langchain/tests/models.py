"""Embeddings whose answers are known beforehand."""

from __future__ import annotations

import math
import zlib

import numpy as np
from langchain_core.embeddings import Embeddings


class Table(Embeddings):
    """Looks vectors up, and counts how often it is asked; unknown texts get a vector of their own."""

    def __init__(self, vectors: dict[str, list[float]] | None = None, dimension: int = 4) -> None:
        self.vectors = vectors or {}
        self.dimension = dimension
        self.calls: list[str] = []
        self.sizes: list[int] = []

    def _vector(self, text: str) -> list[float]:
        known = self.vectors.get(text)
        return known if known is not None else random_vector(text, self.dimension)

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        self.calls.append("embed_documents")
        self.sizes.append(len(texts))
        return [self._vector(text) for text in texts]

    def embed_query(self, text: str) -> list[float]:
        self.calls.append("embed_query")
        return self._vector(text)

    async def aembed_documents(self, texts: list[str]) -> list[list[float]]:
        self.calls.append("aembed_documents")
        self.sizes.append(len(texts))
        return [self._vector(text) for text in texts]

    async def aembed_query(self, text: str) -> list[float]:
        self.calls.append("aembed_query")
        return self._vector(text)


def random_vector(text: str, dimension: int) -> list[float]:
    """The same vector for the same text, of length 1."""
    numbers = np.random.default_rng(zlib.crc32(text.encode(errors="replace"))).normal(size=dimension)
    return [float(number) for number in numbers / np.linalg.norm(numbers)]


def at_angle(degrees: float, length: float = 1.0) -> list[float]:
    """A vector in the plane: by cosine, nearness to `at_angle(0)` is known."""
    return [length * math.cos(math.radians(degrees)), length * math.sin(math.radians(degrees))]
