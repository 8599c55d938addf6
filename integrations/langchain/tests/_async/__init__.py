"""Hand-written: each test of a store's async methods; `_sync` is generated from it."""
