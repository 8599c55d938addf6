"""What every part of a store knows: its collection, its clients and its defaults."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from llama_index.vector_stores.vecs.filters import all_of, to_filters
from llama_index.vector_stores.vecs.search_arguments import Defaults
from llama_index.vector_stores.vecs.transforms import drop_chunkers
from vecs import sharing
from vecs.exc import ArgError, CallError
from vecs.filters import is_empty
from vecs.sharing import (
    COMMITS,
    CollectionSettings,
    Commit,
    Lifetime,
    OnNul,
    SharedCollection,
    argument_meant,
    brief,
    checked_choice,
    checked_flag,
    checked_int,
    words,
)


@dataclass(frozen=True, kw_only=True)
class Settings(CollectionSettings):
    """How a store was made."""

    defaults: Defaults
    on_nul: OnNul = "strip"
    prepare: Callable[[Any], None] | None = drop_chunkers
    records: str = "nodes"


class Core(Lifetime):
    """The parts of a store that its methods stand on."""

    _shared: SharedCollection[Settings]
    # The ids of all image nodes and index nodes that were added through this object. An index keeps the same list.
    _objects: set[str]
    _instead = words(
        ("upsert insert add_nodes add_documents add_texts put", "add(nodes)"),
        ("search similarity_search retrieve find", "query(VectorStoreQuery(...)), or the retriever of an index"),
        ("get_by_ids fetch", "get_nodes(node_ids)"),
        ("save commit", "each call commits before it returns: leave it out"),
        ("truncate delete_all", "clear()"),
        ("index create_vector_index reindex", "create_index()"),
        ("as_retriever as_query_engine", "the same method of VectorStoreIndex.from_vector_store(store)"),
        ("peek count scan explain recall tune info indexes", "the same method of the store's .collection"),
    )

    @property
    def _settings(self) -> Settings:
        return self._shared.settings


def _is_passing() -> bool:
    """
    Whether the running event loop may end without notice.

    Inside another loop, as in a notebook, LlamaIndex runs coroutines on a loop in a thread and closes it with whatever
    is pending: a pool's workers would be destroyed, aloud, and its connections be left to the garbage collector.
    """
    return threading.current_thread() is not threading.main_thread()


on_any_loop = sharing.on_any_loop(threads_when=_is_passing)


def of_ids(node_ids: Sequence[str] | None) -> dict[str, Any] | None:
    """Return the filter for the nodes with these ids, if any are given."""
    if isinstance(node_ids, str):
        raise ArgError(f"node_ids must be a list of ids, not {brief(node_ids)}")
    return None if node_ids is None else {"$id": {"$in": list(node_ids)}}


def selected(what: str, which: dict[str, Any] | None, filters: Any, own: Mapping[str, Any] | None) -> Any:
    """Return the filter for those of these nodes that match the filters; raises ArgError without any."""
    conditions = to_filters(filters)
    made = all_of([which, conditions, own])
    # A filter without a condition is an error also if ids are given: the caller probably meant another filter.
    empty = (filters is not None and conditions is None) or (own is not None and is_empty(own))
    if made is None or empty:
        raise ArgError(
            f"{what} needs {'node_ids, or ' if what == 'delete_nodes' else ''}filters that are not empty; "
            "clear() deletes everything"
        )
    return made


def batches(given: Mapping[str, Any]) -> tuple[int, Commit, bool]:
    """Read from the arguments of `add()` how many nodes a batch has, whether it is committed, and what is skipped."""
    for name in given:
        # An index passes on many other arguments. But if one of these is misspelled, paid vectors may be lost.
        if name not in _OF_ADD and (meant := argument_meant(name, _OF_ADD)):
            raise CallError(f"unknown argument {brief(name)}; did you mean {meant!r}?")
    size = given.get("batch_size")
    commit = checked_choice("commit", given.get("commit", "all"), COMMITS)
    skips = checked_flag(given.get("skip_unchanged", False), "skip_unchanged")
    return _BATCH if size is None else checked_int(size, "batch_size", 1), commit, skips


_OF_ADD = ("batch_size", "commit", "skip_unchanged")
_BATCH = 128
