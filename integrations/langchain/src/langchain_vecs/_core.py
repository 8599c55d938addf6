"""What every part of a store knows: its embeddings, its collection, its clients and its defaults."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from langchain_core.embeddings import Embeddings

from langchain_vecs.asking import Defaults
from langchain_vecs.conversions import OnNul, checked_namespace, id_filters, qualified, to_filters
from vecs import Transform
from vecs.exc import ArgError
from vecs.sharing import SharedClients


@dataclass(frozen=True)
class Settings:
    """How a store was made."""

    embedding: Embeddings | None
    name: str
    transform: Transform | None
    dimension: int | None
    language: str | None
    defaults: Defaults
    batch_size: int
    on_nul: OnNul


class Core:
    """The parts of a store that its methods stand on."""

    _settings: Settings
    _clients: SharedClients
    # The collection as each client sees it.
    _opened: dict[Any, Any]

    def _namespace(self, given: str | None) -> str | None:
        return self._settings.defaults.namespace if given is None else checked_namespace(given)

    @property
    def _splits(self) -> bool:
        """Whether one document may be several records: the collection's own transform may split it."""
        return self._settings.embedding is None

    def _selected(self, what: str, ids: Sequence[str] | None, filter: Any, namespace: str | None) -> dict[str, Any]:
        """Return the filter for the documents with these ids that match a filter; raises ArgError without either."""
        if isinstance(ids, str | bytes):
            raise ArgError(f"ids must be a list of strings, not {ids!r}")
        of_ids = None
        if ids is not None:
            of_ids = id_filters([qualified(id, namespace) for id in ids], chunks=self._splits)
        elif not filter:
            raise ArgError(
                f"{what} needs ids=, filter= or delete_all=True"
                if what == "delete"
                else f"{what} needs ids= or filter="
            )
        selected = to_filters(filter, None, of_ids)
        if selected is None:
            raise ArgError(f"{what} needs ids= or filter= to say which documents")
        # Ids of a namespace are its alone.
        return selected if namespace is None or ids is not None else {"$and": [to_filters(None, namespace), selected]}
