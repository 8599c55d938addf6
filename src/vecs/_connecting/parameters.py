"""libpq's parameters for a server: those of its connection string, and what vecs adds to them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# A network that swallows everything is noticed after a minute and a half, by a call that waits for its answer and by
# one whose request was never acknowledged. libpq leaves them out for Unix sockets.
_KEEPALIVES = {
    "keepalives": "1",
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "6",
    "tcp_user_timeout": "90000",
}


def server_parameters(given: Mapping[str, Any], connect_timeout: int) -> dict[str, Any]:
    """
    Return the parameters of a connection to a server, for a target's `given` ones; `connect_timeout` in seconds.

    Everything here is safe behind a pooler: PgBouncer refuses `options`, and follows `client_encoding`.
    """
    defaults: dict[str, Any] = {"connect_timeout": str(connect_timeout), "application_name": "vecs"}
    # One of them changes what the others do, so the connection string chooses all of them or none.
    if not any(name in given for name in _KEEPALIVES):
        defaults |= _KEEPALIVES
    # Texts are sent and read as UTF-8, whatever the environment, the role and the database say.
    return {**defaults, **given, "client_encoding": "UTF8"}
