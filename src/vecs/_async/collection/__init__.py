"""A collection: what users call, in rooms by what it does."""

from vecs._async.collection.collection import AsyncCollection

__all__ = ["AsyncCollection"]
