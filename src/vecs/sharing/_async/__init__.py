"""Hand-written: what awaits; `_sync` is generated from it."""
