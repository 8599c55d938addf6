"""What the tools of `vecs serve-mcp` take and return: the types that their JSON schemas are made of."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, Field

FILTERS = (
    'A condition on metadata, as an object. Equality: {"kind": "repair"}. Operators: {"year": {"$gte": 1990}}; there '
    "are $eq, $ne, $gt, $gte, $lt, $lte, $between, $in, $nin, $exists, $like, $ilike, $contains, $contains_any, "
    '$contains_all. Keys are joined by "and"; {"$or": [..]}, {"$and": [..]} and {"$not": {..}} combine conditions. A '
    'dot in a key goes into an object: {"author.name": "Ann"}. Leave it out if you do not know the keys.'
)
MODE = (
    "vector: by meaning. keyword: by words. hybrid: by both. Leave it out for what the collection can do best; "
    "list_collections names the modes of each."
)

Collection = Annotated[str, Field(description="The name of a collection, one of those that list_collections returns.")]
Query = Annotated[str, Field(description="What is looked for, in plain words.", min_length=1, max_length=10_000)]
SearchMode: TypeAlias = Literal["vector", "keyword", "hybrid"]
Mode = Annotated[SearchMode | None, Field(description=MODE)]
Limit = Annotated[int, Field(description="The largest number of matches.", ge=1, le=50)]
Filters = Annotated[dict[str, Any] | None, Field(description=FILTERS)]
Ids = Annotated[
    list[str],
    Field(description="Ids of records, or of documents, which mean all their parts.", min_length=1, max_length=50),
]


class FoundMatch(BaseModel):
    """One match; a text that was cut is read as a whole with `get`."""

    id: str
    score: float | None = Field(description="Larger is better; comparable within one answer only.")
    text: str | None
    text_is_cut: bool = Field(description="Whether the text goes on: get() with this id returns all of it.")
    metadata: dict[str, Any] | None
    document_id: str | None


class SearchResult(BaseModel):
    """The matches of a search, best first."""

    mode: SearchMode = Field(description="How it was searched.")
    matches: list[FoundMatch]


class StoredRecord(BaseModel):
    """One record with its whole text."""

    id: str
    text: str | None
    metadata: dict[str, Any] | None
    document_id: str | None


class GetResult(BaseModel):
    """Records by id."""

    records: list[StoredRecord]
    missing: list[str] = Field(description="Ids that do not exist.")
    left_out: list[str] = Field(description="Ids of records that did not fit into this answer: ask for them again.")


class CollectionFacts(BaseModel):
    """One collection: what it holds, and how it can be searched."""

    name: str
    records: int
    dimension: int | None
    modes: list[SearchMode] = Field(description="The modes in which a text can be searched for.")
    language: str | None = Field(description="The language of its keywords.")
    transform: str | None = Field(description="What makes vectors of texts; null if nothing does.")


class Collections(BaseModel):
    """All collections that can be searched."""

    collections: list[CollectionFacts]


class NewRecord(BaseModel):
    """A record to be written; one with the same id is replaced."""

    id: str = Field(min_length=1)
    text: str
    metadata: dict[str, Any] = Field(default_factory=dict[str, Any])


class UpsertResult(BaseModel):
    """How much was written."""

    documents: int
    records: int


NewRecords = Annotated[
    list[NewRecord], Field(description="What is written, in one transaction.", min_length=1, max_length=100)
]
