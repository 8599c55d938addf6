"""Sends statements: sessions, connections, lending, the executor."""
