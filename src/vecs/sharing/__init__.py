"""What integrations of vecs stand on: clients that many objects share, for any thread and event loop."""

from vecs.sharing.clients import SharedClients, needs_threads, shared_clients

__all__ = ["SharedClients", "needs_threads", "shared_clients"]
