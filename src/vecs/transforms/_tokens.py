"""Counting tokens, and cutting text into pieces of at most so many."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
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


def check_limit(name: str, value: int | None) -> int | None:
    """Refuse a limit that is not a positive whole number."""
    if value is not None and (isinstance(value, bool) or value < 1):
        raise ArgError(f"{name} must be a positive whole number, not {brief(value)}")
    return value


def count_words(text: str) -> int:
    """Count words as vecs 0.4 did: what single spaces separate."""
    return len(text.split(" "))


def cut_words(text: str, limit: int) -> list[str]:
    """Cut text into pieces of at most `limit` words; the spaces at the cuts are lost, as in vecs 0.4."""
    words = text.split(" ")
    return [" ".join(words[ix : ix + limit]) for ix in range(0, len(words), limit)]


def cut(text: str, limit: int, count: Callable[[str], int]) -> list[str]:
    """
    Cut text into pieces of at most `limit` tokens that join to the text again.

    The cuts are after whitespace; a word that is too long is cut inside.
    """
    if count(text) <= limit:
        return [text]
    return list(_pack(re.findall(r"\S+\s*|\s+", text), limit, count))


def _pack(units: Sequence[str], limit: int, count: Callable[[str], int]) -> Iterator[str]:
    start = 0
    while start < len(units):
        size = _longest(units, start, limit, count)
        if size:
            yield "".join(units[start : start + size])
            start += size
            continue
        unit = units[start]
        if len(unit) == 1:
            raise ArgError(f"max_tokens={limit} is too small: {brief(unit)} alone is {count(unit)} tokens")
        yield from _pack(unit, limit, count)
        start += 1


def _longest(units: Sequence[str], start: int, limit: int, count: Callable[[str], int]) -> int:
    """Return how many units from `start` on fit, found by doubling and halving; 0 if not even one does."""

    def fit(size: int) -> bool:
        return count("".join(units[start : start + size])) <= limit

    left = len(units) - start
    fits, size = 0, 1
    while size <= left and fit(size):
        fits, size = size, size * 2
    low, high = fits + 1, min(size - 1, left)
    while low <= high:
        middle = (low + high) // 2
        if fit(middle):
            fits, low = middle, middle + 1
        else:
            high = middle - 1
    return fits
