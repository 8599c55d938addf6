"""
A PostgreSQL with pgvector that lives in a folder and needs no administrator.

    with open_server("my-data") as server:
        psycopg.connect(**server.conninfo)

Any number of processes of one user may open one folder at once: the first starts the server, the others
join, and it stops a few seconds after the last has gone, however that one ended. It listens on a private
Unix socket only.
"""

from __future__ import annotations

from vecs.embedded.folders import default_folder
from vecs.embedded.server import EmbeddedServer, open_server

__all__ = ["EmbeddedServer", "default_folder", "open_server"]
