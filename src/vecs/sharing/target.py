"""Where a store's collection is, as a value that means the same wherever it is used."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, cast

from vecs._async.client import AsyncClient
from vecs._async.collection.collection import AsyncCollection
from vecs._checks.settings import NONE_GIVEN, checked_settings
from vecs._checks.shown import brief
from vecs._connecting.options import Options
from vecs._connecting.secrets import seen, unseen, with_hidden_values
from vecs._connecting.target import FolderTarget, ServerTarget
from vecs._connecting.target import resolve_target as place_of
from vecs._sql.advice import shown
from vecs._sql.attaching import Attachment
from vecs._sql.tables import Table
from vecs._sync.client import Client
from vecs._sync.collection.collection import Collection
from vecs.exc import ArgError


@dataclass(frozen=True, eq=False)
class Target:
    """
    A database and a schema in it; `client` and `async_client` are clients that were handed in.

    Made by `resolve_target()`. It means the same database in any folder, environment and process: paths are
    absolute, and `$VECS_URL` was read already. A pickle of it has no clients, only what they connect to. `settings` are
    those of every request, checked: see `vecs.Client.with_settings`.
    """

    schema: str
    place: ServerTarget | FolderTarget
    options: Options = field(repr=False)
    client: Client | AsyncClient | None = None
    async_client: AsyncClient | None = None
    # Their values may be tokens.
    settings: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)

    def __reduce__(self) -> tuple[Any, ...]:
        # Clients belong to their process.
        return Target, (self.schema, self.place, self.options, None, None, dict(self.settings))

    def __copy__(self) -> Target:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Target:
        return self


def resolve_target(
    *,
    url: str | None = None,
    path: str | os.PathLike[str] | None = None,
    client: Client | AsyncClient | None = None,
    async_client: AsyncClient | None = None,
    schema: str | None = None,
    schema_argument: str = "schema",
    options: Mapping[str, Any] | None = None,
    settings: Mapping[str, Any] | None = None,
) -> Target:
    """
    Return the target that a store's arguments name; raises ArgError where they contradict each other.

    `url` is a server, `path` a folder for an embedded one; without both it is `$VECS_URL` as it is now, else the
    embedded server in the user's data folder. Clients that are open may be handed in instead: `client`, with an
    `async_client` or without, or an `async_client` alone. `options` are those of `create_client()`. Errors call the
    schema by the name of the store's argument, `schema_argument`. `settings` are those of every request.
    """
    url, path = unseen(url), unseen(path)
    own = with_hidden_values(checked_settings(settings))
    places = {"url": url, "path": path, "client": client, "async_client": async_client}
    given = [name for name, value in places.items() if value is not None]
    if client is not None and async_client is not None:
        given.remove("async_client")
    if len(given) > 1:
        raise ArgError(f"{' and '.join(given)} each say where the database is; give one of them")
    if client is not None or async_client is not None:
        _check_clients(client, async_client)
        found = _target_of_clients(client, async_client, {schema_argument: schema}, options or {})
        return replace(found, settings={**found.settings, **own})
    place: Any = _server(url) if path is None else _folder(path)
    found = target_of(Client(place, schema="vecs" if schema is None else schema, **(options or {})))
    return replace(found, settings=own)


def target_of(client: Client | AsyncClient) -> Target:
    """Return what a client connects to, without the client."""
    state = client.__getstate__()
    return Target(state["schema"], state["target"], state["options"], settings=state.get("settings", NONE_GIVEN))


def attachment_of(collection: Any) -> Attachment | None:
    """Return what was said of the table of a collection that is attached; None of any other collection."""
    return cast("Attachment | None", vars(cast("object", collection)).get("_attachment"))


def check_takes_namespace(collection: Any, key: str) -> None:
    """
    Raise ArgError for a table whose ids or metadata cannot hold a namespace, as far as an open collection knows it.

    The namespace is put before each id, and is the value of a `key` of the metadata.
    """
    table: Table | None = vars(cast("object", collection)).get("_known")
    mapped = None if table is None else table.mapped
    if table is None or mapped is None:
        return
    if mapped.key.kind != "text":
        raise ArgError(
            f"namespace= is put before each id, and column {brief(mapped.key.name)} of {shown(table)} is "
            f"{mapped.key.shown}: namespaces need ids of type text or varchar"
        )
    if "metadata" not in mapped.parts and all(column.name != key for column in mapped.declared):
        raise ArgError(
            f"namespace= is stored under the key {key!r} of the metadata: attach {shown(table)} with metadata=, or "
            f"with columns=[{key!r}]"
        )


def client_of(
    collection: Any, *, client: Any = None, url: Any = None, path: Any = None, wanted: str = "a vecs collection"
) -> Any:
    """
    Return the client of a collection that is open, for a store that is made of one.

    Raises ArgError for what is no collection, which says what is `wanted`, and where one of the other arguments
    of the store says that the collection is elsewhere.
    """
    if not isinstance(collection, Collection | AsyncCollection):
        raise ArgError(f"collection must be {wanted}, not {type(collection).__name__}")
    for name, place in (("path", path), ("url", url)):
        if place is not None:
            raise ArgError(f"{name} and collection each say where the collection is; give {name}= with its name alone")
    if client is not None and client is not collection.client:
        raise ArgError("the collection belongs to another client than client=; give one of them")
    return collection.client


def _check_clients(client: Any, async_client: Any) -> None:
    # Their values are not shown: a connection string may hold a password.
    if client is not None and not isinstance(client, Client | AsyncClient):
        wanted = "client must be a vecs.Client or a vecs.AsyncClient"
        raise ArgError(f"{wanted}, not {type(client).__name__}; a connection string is url=")
    if async_client is not None and not isinstance(async_client, AsyncClient):
        wanted = "async_client must be a vecs.AsyncClient"
        raise ArgError(f"{wanted}, not {type(async_client).__name__}; a connection string is url=")
    if isinstance(client, AsyncClient) and async_client is not None:
        raise ArgError("client and async_client are both async clients; give one of them")


def _target_of_clients(
    client: Any, async_client: Any, schema: Mapping[str, str | None], options: Mapping[str, Any]
) -> Target:
    first: Client | AsyncClient = async_client if client is None else client
    second: AsyncClient | None = None if client is None else async_client
    own = [*options, *(name for name, value in schema.items() if value not in (None, first.schema))]
    if own:
        raise ArgError(f"{'async_client' if client is None else 'client'}= has its own {', '.join(own)}")
    if second is not None and second.schema != first.schema:
        raise ArgError(f"client is on schema {first.schema!r} and async_client on {second.schema!r}; they must be one")
    return replace(target_of(first), client=first, async_client=second)


def _server(url: Any) -> ServerTarget | FolderTarget:
    # An empty string is not passed over: a setting that is missing would send documents to the embedded server.
    place = place_of(url, "url")
    if url is not None and isinstance(place, FolderTarget):
        raise ArgError("url is a connection string, and was given a folder; that is path=")
    return place


def _folder(path: Any) -> FolderTarget:
    if not isinstance(seen(path), str | os.PathLike):
        raise ArgError(f"path must be a folder, as a string or a Path, not {type(seen(path)).__name__}")
    place = _place_of_path(path)
    if isinstance(place, ServerTarget):
        raise ArgError("path is a folder, and was given a connection string; that is url=")
    return place


def _place_of_path(path: Any) -> ServerTarget | FolderTarget:
    try:
        return place_of(path, "path")
    except ArgError as error:
        refused = str(error)
    # After the block, so that the error has no frames below it.
    raise ArgError(f"{refused}; a server is url=" if "looks like a" in refused else refused)
