"""A loaded sentence-transformers model."""

from __future__ import annotations

import os
import re
import sys
from importlib import import_module
from typing import Any

from vecs.exc import TransformError
from vecs.transforms._tokens import count_fast, plain_tokenizer

# The names under which sentence-transformers looks for the prompts of queries and documents.
_PROMPT_NAMES = ("query", "document", "passage", "corpus")


class Model:
    """A loaded model, with what vecs asks of it."""

    def __init__(self, model: Any) -> None:
        self.model = model  # a SentenceTransformer, or an OnnxEncoder
        self._process = os.getpid()
        new_name = getattr(model, "get_embedding_dimension", None)
        self.dimension: int | None = (new_name or model.get_sentence_embedding_dimension)()
        self.prompts: dict[str, str] = dict(getattr(model, "prompts", None) or {})
        tokenizer = getattr(model, "tokenizer", None)
        self.tokenizer: Any = plain_tokenizer(tokenizer)
        self._slow: Any = tokenizer if self.tokenizer is None else None
        limit = getattr(model, "max_seq_length", None)
        # Tokenizers without a limit say 10^30.
        self.max_seq_length: int | None = limit if isinstance(limit, int) and limit < 10**9 else None

    def __reduce__(self) -> tuple[type[Model], tuple[Any]]:
        return Model, (self.model,)

    def own_prompt(self, *, query: bool) -> str | None:
        """Return the model's own prompt for queries or documents; None if it has no prompts in its files."""
        names = ("query",) if query else ("document", "passage", "corpus")
        default = getattr(self.model, "default_prompt_name", None)
        told = {name: text for name, text in self.prompts.items() if name in {*_PROMPT_NAMES, default} and text}
        if not told:
            return None
        chosen = next((name for name in names if name in self.prompts), default)
        return self.prompts.get(chosen or "", "")

    def encode(self, inputs: list[Any], *, query: bool, **options: Any) -> Any:
        """Return the vectors of inputs, prompted as queries or as documents."""
        if os.getpid() != self._process:
            # OpenMP's threads did not survive the fork, and waiting for them would never end.
            if sys.modules.get("torch"):
                import_module("torch").set_num_threads(1)
            self._process = os.getpid()
        # sentence-transformers has had a method for each since version 5.
        encode = getattr(self.model, "encode_query" if query else "encode_document", self.model.encode)
        return encode(inputs, show_progress_bar=False, convert_to_numpy=True, **options)

    def count_tokens(self, text: str) -> int:
        """Count the tokens of a text, special ones left out, however long it is."""
        if self.tokenizer is not None:
            return count_fast(self.tokenizer, text)
        if not hasattr(self._slow, "encode"):
            raise TransformError("this model has no tokenizer that can count: it is not a model of text")
        return len(self._slow.encode(text, add_special_tokens=False, verbose=False))

    @property
    def special_tokens(self) -> int:
        """How many tokens the model adds to every text."""
        if self.tokenizer is not None:
            return self.tokenizer.num_special_tokens_to_add(False)
        if not hasattr(self._slow, "num_special_tokens_to_add"):
            return 0
        return self._slow.num_special_tokens_to_add()


def name_of_loaded(model: Any) -> str:
    """Return the name or the folder that a model was loaded from; "" if it is not known."""
    try:
        name = str(model[0].auto_model.config.name_or_path or "")
    except Exception:  # The maker of a model decides what it contains.
        name = ""
    name = name or str(getattr(getattr(model, "model_card_data", None), "base_model", None) or "")
    cached = re.search(r"[/\\]models--([^/\\]+?)--([^/\\]+)[/\\]snapshots[/\\]", name)
    if cached:
        return f"{cached[1]}/{cached[2]}"
    return os.path.abspath(name) if name and os.path.isdir(name) else name
