"""The engine: the only hand-written code that awaits. `vecs._sync` is generated from it."""
