"""Documents read by id and by condition."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from langchain_core.documents import Document

from langchain_vecs._core import Core
from langchain_vecs.documents import to_document
from langchain_vecs.filters import text_filters, to_filters
from langchain_vecs.namespaces import qualified
from vecs import Record
from vecs.exc import ArgError
from vecs.sharing import async_each, brief, checked_int, on_any_loop, takes_settings

INCLUDED = ("documents", "metadatas", "embeddings")


class AsyncReading(Core):
    """The methods that read."""

    @on_any_loop
    @takes_settings
    async def aget_by_ids(
        self, ids: Sequence[str], /, *, namespace: str | None = None, settings: Mapping[str, Any] | None = None
    ) -> list[Document]:
        """
        Read documents by id, in the order of the ids; ids that do not exist are left out.

        If the collection's transform split a document, its chunks are returned in reading order.
        """
        namespace = self._namespace(namespace)
        if isinstance(ids, str | bytes) or not isinstance(ids, Iterable):
            raise ArgError(f"get_by_ids takes a list of ids, not {brief(ids)}")
        records = await self._aread(ids, None, namespace, None, 0, include_vector=False)
        return await async_each(records, lambda record: to_document(record, namespace))

    @on_any_loop
    @takes_settings
    async def aget(
        self,
        ids: Sequence[str] | str | None = None,
        where: Any = None,
        limit: int | None = None,
        offset: int | None = None,
        where_document: Mapping[str, Any] | None = None,
        include: Sequence[str] | None = ("metadatas", "documents"),
        *,
        namespace: str | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """
        Read documents by id, filter or words in the text, in Chroma's shape: a dict of lists.

        Documents come in the order of the ids, or without ids, sorted by id, so that `limit` and `offset` can page
        through all of them. The dict has the keys `ids`, `documents`, `metadatas` and `embeddings` (float32 arrays);
        those that are not in `include` are None. A document must match all conditions.
        """
        include = ("metadatas", "documents") if include is None else include
        unknown = [name for name in include if name not in INCLUDED]
        if unknown:
            raise ArgError(f"unknown {unknown[0]!r} in include; expected some of {', '.join(INCLUDED)}")
        limit = None if limit is None else checked_int(limit, "limit", 0)
        offset = 0 if offset is None else checked_int(offset, "offset", 0)
        namespace = self._namespace(namespace)
        within, of_text = namespace if ids is None else None, text_filters(where_document)
        filters = to_filters(where, within, of_text, columns=self._settings.defaults.columns)
        ids = [ids] if isinstance(ids, str) else ids
        records = await self._aread(ids, filters, namespace, limit, offset, include_vector="embeddings" in include)
        documents = await async_each(records, lambda record: to_document(record, namespace))
        return {
            "ids": [document.id for document in documents],
            "documents": [document.page_content for document in documents] if "documents" in include else None,
            "metadatas": [document.metadata for document in documents] if "metadatas" in include else None,
            "embeddings": [record.vec for record in records] if "embeddings" in include else None,
        }

    async def _aread(
        self,
        ids: Sequence[str] | None,
        filters: dict[str, Any] | None,
        namespace: str | None,
        limit: int | None,
        offset: int,
        *,
        include_vector: bool,
    ) -> list[Record]:
        stored = None if ids is None else [qualified(id, namespace) for id in ids]
        return await self._shared.aon(
            lambda collection: collection.get(
                stored, filters=filters, limit=limit, offset=offset, include_vector=include_vector
            ),
            list[Record](),
        )

    @on_any_loop
    @takes_settings
    async def acount(
        self, filter: Any = None, *, namespace: str | None = None, settings: Mapping[str, Any] | None = None
    ) -> int:
        """Count the documents, or those that match a filter; the number is exact, not an estimate."""
        filters = to_filters(filter, self._namespace(namespace), columns=self._settings.defaults.columns)
        return await self._shared.aon(lambda collection: collection.count(filters), 0)
