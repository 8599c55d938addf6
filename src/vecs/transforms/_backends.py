"""Which library runs a text model: PyTorch by sentence-transformers, or ONNX Runtime, which is far smaller."""

from __future__ import annotations

from vecs.transforms._require import is_installed

# What runs a model without PyTorch.
LIGHT = ("onnxruntime", "tokenizers", "huggingface_hub")


def chosen(backend: str | None) -> str:
    """Return the backend that was asked for, or of those that are installed: PyTorch before ONNX Runtime."""
    if backend is not None:
        return backend
    return "onnx" if not is_installed("sentence_transformers") and all(map(is_installed, LIGHT)) else "torch"


def needed(backend: str | None) -> dict[str, str]:
    """Return the packages that a backend cannot work without, and the extra of each."""
    return dict.fromkeys(LIGHT, "onnx") if chosen(backend) == "onnx" else {"sentence_transformers": "text"}


def described(backend: str | None) -> str:
    """Return the name of a backend in a description: "torch" also where none was asked for."""
    return backend or "torch"


def rebuilt(described: str | None) -> str | None:
    """
    Return the backend for a description: the one named there if it is installed, otherwise the one that is.

    All make the same vectors, so a collection opens where another is installed.
    """
    if described == "torch" or (described == "onnx" and chosen(None) == "torch" and not all(map(is_installed, LIGHT))):
        return None
    return described
