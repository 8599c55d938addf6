"""The decisions of an index build; nothing here awaits."""
