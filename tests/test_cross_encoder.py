"""Reranking by sentence-transformers' CrossEncoder, of random weights: it judges nothing, but is a real one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from vecs import Match
from vecs._sync.searching.refine import rerank
from vecs.exc import TransformError

pytestmark = pytest.mark.model
transformers = pytest.importorskip("transformers")
sentence_transformers = pytest.importorskip("sentence_transformers")
torch = pytest.importorskip("torch")

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "apples", "pears", "grow", "on", "trees", "ships", "sail"]
TEXTS = ["apples grow on trees", "ships sail", "pears grow", ""]
MATCHES = [Match(str(place), text, {}, None, 0.5, 0.5) for place, text in enumerate(TEXTS)]
PAIRS = [("apples grow", text) for text in TEXTS]


def cross_encoder(folder: Any, labels: int, **options: Any) -> Any:
    (folder / "vocab.txt").write_text("\n".join(WORDS))
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=len(WORDS),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=32,
        num_labels=labels,
        initializer_range=2.0,
    )
    transformers.BertForSequenceClassification(config).save_pretrained(folder)
    transformers.BertTokenizer(str(folder / "vocab.txt"), model_max_length=32).save_pretrained(folder)
    return sentence_transformers.CrossEncoder(str(folder), device="cpu", **options)


@pytest.mark.parametrize("activation", [None, torch.nn.Identity()])
def test_the_logistic_function_is_applied_once_whatever_the_models_own_activation(
    tmp_path: Any, activation: Any
) -> None:
    model = cross_encoder(tmp_path, 1, activation_fn=activation)
    logits = model.predict(PAIRS, activation_fn=torch.nn.Identity()).astype(float)

    found = rerank(MATCHES, "apples grow", model, 3)

    order = np.argsort(-logits, kind="stable")[:3]
    assert [match.id for match in found] == [str(place) for place in order]
    assert [match.score for match in found] == pytest.approx(list(1 / (1 + np.exp(-logits[order]))))
    assert min(logits) < 0 or max(logits) > 1


def test_a_model_of_several_labels_is_refused(tmp_path: Any) -> None:
    with pytest.raises(TransformError, match="the reranker CrossEncoder answered 3 numbers for text 0; expected one"):
        rerank(MATCHES, "apples grow", cross_encoder(tmp_path, 3), 3)
