"""The decisions of a search; nothing here awaits."""
