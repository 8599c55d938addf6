"""Filling a collection with documentation, from wherever an earlier run came to."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

import vecs
from vecs.cli.terminal import bar, step

MODEL = "all-MiniLM-L6-v2"
# Committed at once: what an interruption can lose is a second or two of work.
_BATCH = 128


def open_collection(client: vecs.Client, name: str) -> vecs.Collection:
    """Open the collection of this model, or create it."""
    # The default, and not the name: that would be a folder's where the current one has such a folder.
    return client.get_or_create_collection(name, transform=vecs.TextPreprocessor())


def missing_docs(collection: vecs.Collection, docs: Sequence[vecs.Record]) -> list[vecs.Record]:
    """Return those that are not there: by id, so that a collection filled in part is never taken for whole."""
    present = {record.document_id or record.id for record in collection.scan()}
    # Shuffled: in the order of names long texts would follow each other, and the time left would be estimated wrongly.
    return sorted((doc for doc in docs if doc.id not in present), key=lambda doc: _shuffled(str(doc.id)))


def load_model(collection: vecs.Collection) -> None:
    """Load the model now, so that the time it takes is not taken for that of the first text."""
    with step(f"Loading the model {MODEL}"):
        if collection.transform is not None:
            collection.transform.transform_query("warm up")


def write_docs(collection: vecs.Collection, docs: Sequence[vecs.Record]) -> None:
    """Embed and write, a batch at a time."""
    with bar("Embedding", len(docs)) as progress:
        collection.upsert(docs, batch_size=_BATCH, progress=progress)


def build_index(collection: vecs.Collection) -> None:
    """Build the index unless it is there."""
    if not collection.is_indexed_for_measure("cosine_distance"):
        with step("Building the index"):
            collection.index()


def _shuffled(id: str) -> bytes:
    return sha256(id.encode()).digest()
