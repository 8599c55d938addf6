"""
A PostgreSQL with pgvector that lives in a folder and needs no administrator.

    with open_server("my-data") as server:
        psycopg.connect(**server.conninfo)

Any number of processes of one user can open one folder at the same time. The first starts the server, and the
others connect to it. It stops a few seconds after the last process has closed it or has ended in any way. It
listens only on a private Unix socket.
"""

from __future__ import annotations

from vecs.embedded.backups import backup
from vecs.embedded.folders import default_folder
from vecs.embedded.server import EmbeddedServer, open_server
from vecs.embedded.upgrading import UpgradeReport, upgrade

__all__ = ["EmbeddedServer", "UpgradeReport", "backup", "default_folder", "open_server", "upgrade"]
