"""Names of prepared statements that no other connection has."""

from __future__ import annotations

import secrets
from typing import Any


def name_uniquely(connection: Any) -> None:
    """
    Have psycopg number a connection's prepared statements from a random number on.

    It numbers them from 0 on every connection of every process. Behind a transaction pooler that nobody knows of,
    a name would then run what another program prepared under it. A name that no other connection has fails there.
    """
    manager: Any = getattr(connection, "_prepared", None)
    if hasattr(manager, "_prepared_idx"):
        manager._prepared_idx = secrets.randbits(62)
