"""What every part of a store knows: its embeddings, its collection, its clients and its defaults."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from langchain_core.embeddings import Embeddings

from langchain_vecs.filters import to_filters
from langchain_vecs.namespaces import SEPARATOR, checked_namespace, qualified
from langchain_vecs.search_arguments import Defaults
from vecs.exc import ArgError, CallError
from vecs.sharing import CollectionSettings, Lifetime, OnNul, SharedCollection, argument_meant, brief, words
from vecs.sql import Identifier


@dataclass(frozen=True, kw_only=True)
class Settings(CollectionSettings):
    """How a store was made."""

    embedding: Embeddings | None
    defaults: Defaults
    batch_size: int
    on_nul: OnNul
    records: str = "documents"


def check_rest(rest: Mapping[str, Any], known: Sequence[str]) -> None:
    """Refuse a misspelled argument where LangChain passes on all sorts of them: it may have been a namespace."""
    for name in rest:
        meant = argument_meant(name, known)
        if meant is not None:
            raise CallError(f"unknown argument {brief(name)}; did you mean {meant!r}?")


def checked_embedding(given: Any) -> Embeddings | None:
    """Return what makes a store's vectors, or raise ArgError."""
    missing = [name for name in dir(Embeddings) if "embed_" in name and not hasattr(given, name)]
    if inspect.isclass(given) and not missing:
        name = given.__name__
        raise ArgError(f"embedding must be an object, not the class {name}; write {name}()")
    if given is not None and missing:
        instead = ""
        if hasattr(given, "transform_records"):
            instead = (
                "; a transform of vecs belongs to a collection: "
                "VecsVectorStore(None, client.get_or_create_collection(name, transform=...))"
            )
        raise ArgError(
            # Its value is not shown: it may be a connection string.
            f"embedding must be a langchain_core Embeddings, not {type(given).__name__}, which has no {missing[0]}()"
            f"{instead}"
        )
    return cast("Embeddings | None", given)


# What tells models of one class apart, where an Embeddings has it.
_OF_MODELS = ("model", "model_name", "model_id", "deployment", "dimensions", "size")


def identity_of(embedding: Embeddings) -> str:
    """Return the name of an Embeddings' model, as far as its public attributes tell: of the same name, same vectors."""
    kind = type(embedding)
    found = {name: getattr(embedding, name, None) for name in _OF_MODELS}
    told = [f"{name}={value}" for name, value in found.items() if isinstance(value, str | int)]
    return " ".join(["langchain", f"{kind.__module__}.{kind.__qualname__}", *told])


class Core(Lifetime):
    """The parts of a store that its methods stand on."""

    _shared: SharedCollection[Settings]
    _instead = words(
        ("upsert insert add put write", "add_documents(documents), or add_texts(texts)"),
        ("query find retrieve", "similarity_search(text, k=4)"),
        ("hybrid_search keyword_search", 'similarity_search(text, mode="hybrid"), or mode="keyword"'),
        ("persist save_local commit", "each call commits before it returns: leave it out"),
        ("delete_collection drop_tables delete_table", "drop()"),
        ("clear truncate delete_all", "delete(delete_all=True)"),
        ("index apply_vector_index create_vector_index reindex", "create_index()"),
        ("peek count scan explain recall tune info indexes", "the same method of the store's .collection"),
    )

    @property
    def _settings(self) -> Settings:
        return self._shared.settings

    def _namespace(self, given: str | None) -> str | None:
        return self._settings.defaults.namespace if given is None else checked_namespace(given)

    def _stored(self, ids: Sequence[str] | None, namespace: str | None) -> list[str] | None:
        """Return ids as they are stored."""
        if isinstance(ids, str | bytes):
            raise ArgError(f"ids must be a list of strings, not {brief(ids)}")
        return None if ids is None else [qualified(id, namespace) for id in ids]

    def _selected(
        self, what: str, stored: Sequence[str] | None, filter: Any, namespace: str | None
    ) -> dict[str, Any] | None:
        """Return the filter that documents must match besides their ids; raises ArgError without ids and filter."""
        nothing_asked = filter is not None and to_filters(filter, columns=self._settings.defaults.columns) is None
        if nothing_asked or (filter is None and stored is None):
            alternatives = "ids=, filter= or delete_all=True" if what == "delete" else "ids= or filter="
            given = f", and the filter {brief(filter)} has no condition" if nothing_asked else ""
            raise ArgError(f"{what} needs {alternatives} to say which documents{given}")
        # Stored ids are those of the namespace, so that no condition on the namespace is needed.
        return to_filters(filter, namespace if stored is None else None, columns=self._settings.defaults.columns)

    def _records_name(self) -> str:
        """Return the record manager's namespace for this store: its collection or table, and its part of it."""
        namespace, attached = self._settings.defaults.namespace, self._settings.attached
        of_namespace = "" if namespace is None else f"{SEPARATOR}{namespace}"
        if attached is None:
            return f"vecs/{self._shared.target.schema}.{self._settings.name}{of_namespace}"
        # Of another column of vectors the rows may still have none.
        names = (attached.schema, attached.name, dict(attached.parts).get("vec"))
        return f"vecs-table/{Identifier(*filter(None, names)).sql}{of_namespace}"
