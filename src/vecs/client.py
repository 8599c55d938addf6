"""Import path of vecs 0.4."""

from vecs._sync.client import Client

__all__ = ["Client"]
