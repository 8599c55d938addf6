"""What every part of a store knows: its collection, its clients and its defaults."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from llama_index.vector_stores.vecs.filters import all_of, to_filters
from llama_index.vector_stores.vecs.search_arguments import Defaults
from vecs import AsyncClient, Client, IndexArgsHNSW, Transform
from vecs.exc import ArgError
from vecs.sharing import SharedClients


@dataclass(frozen=True)
class Settings:
    """How a store was made; `create` is whether it makes its collection, `index` and `keys` what it makes with it."""

    name: str
    transform: Transform | None
    dimension: int | None
    language: str | None
    precision: Any
    defaults: Defaults
    # Whether vectors are the collection's to make, though nodes may come with some.
    embeds: bool
    create: bool = True
    index: IndexArgsHNSW | None = None
    keys: tuple[tuple[str, str], ...] = ()


class Core:
    """The parts of a store that its methods stand on."""

    _settings: Settings
    _clients: SharedClients
    # The collection as each client sees it.
    _opened: dict[Any, Any]
    # The nodes added here that an index keeps in its index_struct, too.
    _object_ids: set[str]
    # The unknown arguments that were told of.
    _told: set[str]
    # Who shares the clients, in the store's place: a pydantic model cannot be hashed.
    _user: object

    async def _aclient(self) -> AsyncClient:
        # Held anew, after a close(): the others on the target are not to close what is in use.
        self._clients.hold(self._user)
        return await self._clients.async_client()

    def _client(self) -> Client:
        self._clients.hold(self._user)
        return self._clients.client()


def selected(what: str, node_ids: Sequence[str] | None, filters: Any, own: Mapping[str, Any] | None) -> Any:
    """Return the filter for the nodes with these ids that match the filters; raises ArgError without any."""
    if isinstance(node_ids, str):
        raise ArgError(f"node_ids must be a list of ids, not {node_ids!r}")
    made = all_of([None if node_ids is None else {"$id": {"$in": list(node_ids)}}, to_filters(filters), own or None])
    if made is None:
        raise ArgError(f"{what} needs node_ids, or filters that are not empty; clear() deletes everything")
    return made
