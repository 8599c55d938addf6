"""Well-known models of embedding APIs: their dimensions, limits, and names at servers other than the hub."""

from __future__ import annotations

from vecs.transforms._dimensions import Prompts, known_dimension, known_prompts

_DIMENSIONS = {
    "text-embedding-3-small": 1536,
    "text-embedding-3-large": 3072,
    "text-embedding-ada-002": 1536,
}
_MOST_TOKENS = 8191
# Ollama's names, of which each has one model behind it, and the model's name on the hub.
_HUB_NAMES = {
    "all-minilm": "all-MiniLM-L6-v2",
    "bge-large": "BAAI/bge-large-en-v1.5",
    "bge-m3": "BAAI/bge-m3",
    "embeddinggemma": "google/embeddinggemma-300m",
    "mxbai-embed-large": "mixedbread-ai/mxbai-embed-large-v1",
    "nomic-embed-text": "nomic-ai/nomic-embed-text-v1.5",
    "nomic-embed-text-v2-moe": "nomic-ai/nomic-embed-text-v2-moe",
    "qwen3-embedding:0.6b": "Qwen/Qwen3-Embedding-0.6B",
    "qwen3-embedding:4b": "Qwen/Qwen3-Embedding-4B",
    "snowflake-arctic-embed": "Snowflake/snowflake-arctic-embed-l",
    "snowflake-arctic-embed2": "Snowflake/snowflake-arctic-embed-l-v2.0",
}


def _hub_name(model: str) -> str:
    bare = model.removesuffix(":latest")
    return _HUB_NAMES.get(bare, bare)


def api_dimension(model: str) -> int | None:
    """Return the dimension of a well-known model; None for another one."""
    return _DIMENSIONS.get(model) or known_dimension(_hub_name(model))


def api_prompts(model: str) -> Prompts:
    """Return the prompts that a well-known model needs; servers of this API add none."""
    return known_prompts(_hub_name(model))


def api_max_tokens(model: str) -> int | None:
    """Return how many tokens of a text a model of OpenAI reads; None for another one, whose server decides that."""
    return _MOST_TOKENS if model in _DIMENSIONS else None


def estimated_tokens(text: str) -> int:
    """Return about how many tokens a text has, rather too many: one for three letters of English, or one of Chinese."""
    others = len(text.encode("utf-8", "replace")) - len(text)
    return -(-len(text) // 3) + -(-others // 2)
