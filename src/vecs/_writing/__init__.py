"""Rows on their way to the server, and the transform in a table's comment."""
