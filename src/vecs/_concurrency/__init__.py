"""How the sync and the async world each wait, lock, pool connections and call a user's function."""
