"""
What integrations of vecs stand on: a collection that a framework's objects share, in any thread and event loop.

An integration resolves its arguments to a `Target`, derives its settings from `CollectionSettings`, and holds a
`SharedCollection` (or, without a collection, a `Lease`) as `_shared`; `Lifetime` gives it `close()` and the like.
What is left to it are conversions.
"""

from vecs._checks.arguments import one_of
from vecs._checks.numbers import checked_int, checked_number, plain_rows
from vecs._checks.shown import brief
from vecs._connecting.secrets import seen, unseen
from vecs._searching.request import SearchOptions
from vecs.sharing.arguments import CLIENT_OPTIONS, check_client_options, checked_collection_name, hidden
from vecs.sharing.clients import SharedClients, shared_clients
from vecs.sharing.collection import SharedCollection
from vecs.sharing.lease import Lease, Lifetime
from vecs.sharing.loops import needs_threads, on_any_loop
from vecs.sharing.per_call import takes_settings
from vecs.sharing.settings import CollectionSettings
from vecs.sharing.target import Target, client_of, resolve_target
from vecs.sharing.threads import async_each, async_take, each, take

__all__ = [
    "CLIENT_OPTIONS",
    "CollectionSettings",
    "Lease",
    "Lifetime",
    "SearchOptions",
    "SharedClients",
    "SharedCollection",
    "Target",
    "async_each",
    "async_take",
    "brief",
    "check_client_options",
    "checked_collection_name",
    "checked_int",
    "checked_number",
    "client_of",
    "each",
    "hidden",
    "needs_threads",
    "on_any_loop",
    "one_of",
    "plain_rows",
    "resolve_target",
    "seen",
    "shared_clients",
    "take",
    "takes_settings",
    "unseen",
]
