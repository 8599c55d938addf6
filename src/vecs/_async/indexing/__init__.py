"""Builds indexes, one client at a time."""
