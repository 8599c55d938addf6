"""
What cannot be generated: how the sync and the async world each wait, lock, pool connections and call functions.

Everything is there twice: code in `_async` folders uses `async_name` and `AsyncName`, and tools/unasync.py writes
`name` and `Name` instead in the `_sync` folders.
"""
