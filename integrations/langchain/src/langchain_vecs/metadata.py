"""Metadata as records store it: as JSON, with the types that JSON lacks in the extra data. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from vecs import sharing
from vecs.sharing import OnNul, brief, storable

__all__ = ["CONTEXT_KEY", "HIGHLIGHTS_KEY", "TYPE_OF", "OnNul", "restored_metadata", "storable", "stored_metadata"]

# In a record's extra data, this and a metadata key: the type its value had, where JSON has no such type.
TYPE_OF = "langchain:"
# The metadata key of a document that was found with `context=`: its text with those next to it.
CONTEXT_KEY = "_context"
# That of a document that was found with `highlight=`: where the query's words are in its text, lists [start, end].
HIGHLIGHTS_KEY = "_highlights"
# Both belong to a search: where a document that was found is stored again, they are left out.
_OF_SEARCHES = (CONTEXT_KEY, HIGHLIGHTS_KEY)


def stored_metadata(metadata: Any, who: str, on_nul: OnNul) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the metadata and the extra data that are stored: without what a search added."""
    if isinstance(metadata, Mapping) and any(key in metadata for key in _OF_SEARCHES):
        given = cast("Mapping[Any, Any]", metadata)
        metadata = {key: value for key, value in given.items() if key not in _OF_SEARCHES}
    made, types = sharing.stored_metadata(metadata, f"the metadata of document {brief(who)}", on_nul)
    return made, {f"{TYPE_OF}{name}": type_of for name, type_of in types.items()}


def restored_metadata(metadata: dict[str, Any], extra: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return metadata with the values it had before it became JSON."""
    # Another program may have written something else than an object.
    if not extra or not isinstance(cast("Any", extra), Mapping):
        return metadata
    types = {key.removeprefix(TYPE_OF): type_of for key, type_of in extra.items() if key.startswith(TYPE_OF)}
    return sharing.restored_metadata(metadata, types)
