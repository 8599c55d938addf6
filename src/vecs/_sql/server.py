"""What a server is: its version, and who asks it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from vecs._sql.fragment import Fragment, qualified


class ServerFacts(NamedTuple):
    """What `server_facts` selects."""

    version: str
    in_recovery: bool
    database: str
    user: str


def server_facts() -> Fragment:
    """Read what the server is."""
    return qualified(
        """
        select pg_catalog.current_setting('server_version'), pg_catalog.pg_is_in_recovery(),
               pg_catalog.current_database()::pg_catalog.text, current_user::pg_catalog.text
        """
    )


def read_server_facts(rows: Sequence[tuple[Any, ...]]) -> ServerFacts:
    """Read the answer of `server_facts`."""
    return ServerFacts(*rows[0])
