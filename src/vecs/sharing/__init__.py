"""
The foundation of vecs' integrations: a collection that a framework's objects share, in any thread and event loop.

An integration resolves its arguments to a `Target`, derives its settings from `CollectionSettings`, and holds a
`SharedCollection` (or, without a collection, a `Lease`) as `_shared`; `Lifetime` gives it `close()` and the like.
What is left to it are conversions.
"""

from vecs._async.collection.attached import async_keeps
from vecs._async.collection.handle import async_filter_of_ids
from vecs._async.searching.context import async_contexts_of
from vecs._checks.arguments import one_of
from vecs._checks.meant import argument_meant, words
from vecs._checks.numbers import checked_flag, checked_int, checked_number
from vecs._checks.shown import brief
from vecs._connecting.secrets import seen, unseen
from vecs._searching.request import SearchOptions
from vecs._sync.collection.attached import keeps
from vecs._sync.collection.handle import filter_of_ids
from vecs._sync.searching.context import contexts_of
from vecs.sharing._async.adding import AsyncEmbedder, async_transform_embedder
from vecs.sharing._sync.adding import Embedder, transform_embedder
from vecs.sharing.arguments import (
    CLIENT_OPTIONS,
    check_client_options,
    check_known,
    checked_choice,
    checked_collection_name,
    checked_name_of_others,
    explains_wrong_calls,
    hidden,
)
from vecs.sharing.clients import SharedClients, shared_clients
from vecs.sharing.collection import SharedCollection
from vecs.sharing.lease import Lease, Lifetime
from vecs.sharing.loops import needs_threads, on_any_loop
from vecs.sharing.metadata import ON_NUL, OnNul, restored_metadata, storable, stored_metadata
from vecs.sharing.per_call import takes_settings
from vecs.sharing.settings import COMMITS, CollectionSettings, Commit
from vecs.sharing.target import Target, attachment_of, check_takes_namespace, client_of, resolve_target
from vecs.sharing.threads import async_each, async_take, each, take
from vecs.sharing.vectors import checked_query_vector, checked_vectors
from vecs.transforms._chunker import Chunker

__all__ = [
    "CLIENT_OPTIONS",
    "COMMITS",
    "ON_NUL",
    "AsyncEmbedder",
    "Chunker",
    "CollectionSettings",
    "Commit",
    "Embedder",
    "Lease",
    "Lifetime",
    "OnNul",
    "SearchOptions",
    "SharedClients",
    "SharedCollection",
    "Target",
    "argument_meant",
    "async_contexts_of",
    "async_each",
    "async_filter_of_ids",
    "async_keeps",
    "async_take",
    "async_transform_embedder",
    "attachment_of",
    "brief",
    "check_client_options",
    "check_known",
    "check_takes_namespace",
    "checked_choice",
    "checked_collection_name",
    "checked_flag",
    "checked_int",
    "checked_name_of_others",
    "checked_number",
    "checked_query_vector",
    "checked_vectors",
    "client_of",
    "contexts_of",
    "each",
    "explains_wrong_calls",
    "filter_of_ids",
    "hidden",
    "keeps",
    "needs_threads",
    "on_any_loop",
    "one_of",
    "resolve_target",
    "restored_metadata",
    "seen",
    "shared_clients",
    "storable",
    "stored_metadata",
    "take",
    "takes_settings",
    "transform_embedder",
    "unseen",
    "words",
]
