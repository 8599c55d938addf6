"""
Collections of other vector stores, read into collections of vecs.

    with importing.chroma("chroma-data") as found:
        for incoming in found:
            importing.load(client, incoming)

The stores are only read. Ids, vectors, texts and metadata are kept. Running it again writes the same records again, so
an import that was interrupted is finished by a second run. `aload()` is for an `AsyncClient`.
"""

from __future__ import annotations

from vecs.importing.from_chroma import chroma
from vecs.importing.from_lancedb import lancedb
from vecs.importing.from_supabase import supabase
from vecs.importing.incoming import Imported, Incoming
from vecs.importing.loading import aload, load

__all__ = ["Imported", "Incoming", "aload", "chroma", "lancedb", "load", "supabase"]
