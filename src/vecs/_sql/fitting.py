"""Whether records that are not stored yet meet a filter: the server says it, so that both mean the same."""

from __future__ import annotations

from collections.abc import Sequence

from vecs._sql.binary import JSONB_OID, TEXT_OID, array_param
from vecs._sql.fragment import Fragment, qualified
from vecs._sql.unpacked import matching
from vecs.filters import Filter

# An id, a document's id, metadata in the binary form of jsonb, and a text.
Candidate = tuple[bytes, "bytes | None", bytes, "bytes | None"]


def find_unfit(candidates: Sequence[Candidate], filters: Filter) -> Fragment:
    """Find records that do not meet a filter, the first one that was given first."""
    ids, documents, metadata, texts = zip(*candidates, strict=True)
    return qualified(
        "select id from rows from (pg_catalog.unnest({ids}::pg_catalog.text[]), "
        "pg_catalog.unnest({documents}::pg_catalog.text[]), pg_catalog.unnest({metadata}::pg_catalog.jsonb[]), "
        "pg_catalog.unnest({texts}::pg_catalog.text[])) with ordinality "
        "as u (id, document_id, metadata, text, position) where ({matching}) is not true order by position limit 1",
        ids=array_param(TEXT_OID, ids),
        documents=array_param(TEXT_OID, documents),
        metadata=array_param(JSONB_OID, metadata),
        texts=array_param(TEXT_OID, texts),
        matching=matching(filters),
    )
