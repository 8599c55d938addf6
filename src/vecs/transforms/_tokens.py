"""Counting tokens, and cutting text into pieces of at most so many."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol, TypeAlias, cast, runtime_checkable

from vecs._checks.shown import brief
from vecs.exc import ArgError


@runtime_checkable
class CountsTokens(Protocol):
    """What counts tokens as a model does; every TextEmbedding is one."""

    def count_tokens(self, text: str, /) -> int:
        """Count the tokens of a text."""
        ...


# A function, an embedder, or a `tokenizers.Tokenizer` (an optional package: Any).
Tokenizer: TypeAlias = "Callable[[str], int] | CountsTokens | Any"


def counter(tokenizer: Tokenizer) -> Callable[[str], int]:
    """Return the function that counts tokens: words, as vecs 0.4 split them, without a tokenizer."""
    if tokenizer is None:
        return count_words
    if isinstance(tokenizer, CountsTokens):
        return tokenizer.count_tokens
    fast = plain_tokenizer(tokenizer)
    if fast is not None:
        return partial(count_fast, fast)
    if callable(tokenizer):
        return cast("Callable[[str], int]", tokenizer)
    raise ArgError(
        f"{brief(tokenizer)} cannot count tokens; expected a function from text to int, "
        "an embedder, or a tokenizers.Tokenizer"
    )


def plain_tokenizer(tokenizer: Any) -> Any:
    """Return a copy of a `tokenizers.Tokenizer`, or of the one inside a transformers tokenizer; else None."""
    inner: Any = getattr(tokenizer, "backend_tokenizer", tokenizer)
    if not (hasattr(inner, "no_truncation") and hasattr(inner, "to_str")):
        return None
    # Files of tokenizers switch on truncation (all-MiniLM-L6-v2: at 128), which would hide the excess; the
    # copy leaves the tokenizer's owner undisturbed.
    copy: Any = inner.from_str(inner.to_str())
    copy.no_truncation()
    copy.no_padding()
    return copy


def count_fast(fast: Any, text: str) -> int:
    """Count the tokens of a text by a `tokenizers.Tokenizer`, special ones left out."""
    return len(fast.encode(text, add_special_tokens=False).ids)


def has_limit(tokenizer: Tokenizer) -> bool:
    """Tell, without loading it, whether a tokenizer is an embedder that knows its own limit."""
    kind: type[object] = type(cast("object", tokenizer))
    return hasattr(kind, "max_tokens")


def model_limit(tokenizer: Tokenizer) -> int | None:
    """Return how many tokens the embedder that counts them can read; None without a limit."""
    limit = getattr(tokenizer, "max_tokens", None)
    return limit if isinstance(limit, int) else None


def count_words(text: str) -> int:
    """Count words as vecs 0.4 did: what single spaces separate."""
    return len(text.split(" "))


def cut_words(text: str, limit: int) -> list[str]:
    """Cut text into pieces of at most `limit` words; the spaces at the cuts are lost, as in vecs 0.4."""
    words = text.split(" ")
    return [" ".join(words[ix : ix + limit]) for ix in range(0, len(words), limit)]


def units_of(text: str) -> list[str]:
    """Return the words of a text, each with the whitespace after it."""
    return re.findall(r"\S+\s*|\s+", text)


def longest(left: int, fits: Callable[[int], bool]) -> int:
    """Return how many of the remaining items fit, found by doubling and halving; 0 if not even one fits."""
    found, size = 0, 1
    while size <= left and fits(size):
        found, size = size, size * 2
    low, high = found + 1, min(size - 1, left)
    while low <= high:
        middle = (low + high) // 2
        if fits(middle):
            found, low = middle, middle + 1
        else:
            high = middle - 1
    return found
