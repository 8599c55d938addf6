"""The version of the distribution, read from its metadata."""

from importlib.metadata import version

__version__ = version("vecs")
