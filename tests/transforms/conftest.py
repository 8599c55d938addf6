from __future__ import annotations

import pytest

from vecs.transforms import TextEmbedding


@pytest.fixture(scope="session")
def minilm() -> TextEmbedding:
    """all-MiniLM-L6-v2, loaded once, by the real way of a machine without network where there is none."""
    embedding = TextEmbedding("all-MiniLM-L6-v2")
    embedding.transform_query("warm up")
    return embedding
