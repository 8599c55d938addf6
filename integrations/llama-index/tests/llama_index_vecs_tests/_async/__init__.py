"""Behaviour in both worlds: written here, generated into `_sync`."""
