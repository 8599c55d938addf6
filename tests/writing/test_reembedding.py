"""What is decided about a change of the model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from vecs._sql.extension import Extension
from vecs._sql.reembedding import Dependant, Pending
from vecs._sql.tables import Table
from vecs._writing import reembedding
from vecs._writing.hashes import fingerprint
from vecs.exc import ArgError
from vecs.records import Record
from vecs.transforms import Embedding, MarkdownChunker, NoOp, ParagraphChunker, Pipeline, TextPreprocessor, Transform


def embed(texts: Sequence[str]) -> list[list[float]]:
    return [[1.0] for _ in texts]


class Own:
    """A step of somebody's, which may make several records of one."""

    dimension = 1

    def transform_records(self, records: Sequence[Record]) -> Sequence[Record]:
        return records

    def transform_query(self, query: Any) -> Any:
        return query


EMBEDDING = Embedding(embed, 1, name="model")
COMMENT = {"transform": {"class": "Embedding"}, "identity": {"class": "Embedding"}, "language": "german", "other": 1}
TABLE = Table("vecs", "docs", 1, Extension("public", (0, 8), 1), has_text=True, comment=COMMENT, language="german")


def test_chunkers_are_left_out() -> None:
    assert reembedding.embedder_for(EMBEDDING) is EMBEDDING
    assert reembedding.embedder_for(Pipeline([ParagraphChunker(), EMBEDDING])) is EMBEDDING
    both = reembedding.embedder_for(Pipeline([MarkdownChunker(), NoOp(1), EMBEDDING]))
    assert len(getattr(both, "steps", ())) == 2


@pytest.mark.parametrize(
    ("transform", "message"),
    [
        (ParagraphChunker(), "makes no vectors"),
        (NoOp(1), "makes no vectors"),
        (Pipeline([Own(), EMBEDDING]), "Own may make several records of one"),
        (Embedding(embed, 1), "has no name"),
    ],
)
def test_what_does_not_just_embed_is_refused(transform: Transform, message: str) -> None:
    with pytest.raises(ArgError, match=message):
        reembedding.embedder_for(transform)


def test_titles_are_embedded_if_a_chunker_says_so() -> None:
    assert reembedding.embeds_titles(TextPreprocessor(headings=True))
    assert reembedding.embeds_titles(Pipeline([MarkdownChunker(headings=True), EMBEDDING]))
    assert not reembedding.embeds_titles(TextPreprocessor())


def pending(text: str | None, **metadata: Any) -> Pending:
    return Pending("a", text, metadata, "d", {"e": 1}, b"source")


@pytest.mark.parametrize(
    ("given", "media"),
    [
        (pending("text", headings=["A", "B"]), "A > B\n\ntext"),
        (pending("# B\n\ntext", headings=["A", "B"]), "A\n\n# B\n\ntext"),
        (pending("# B\n\ntext", headings=["B"]), None),
        (pending("text", headings=["", 7]), None),
        (pending("text", headings="A"), None),
        (pending("text"), None),
        (pending(None, headings=["A"]), None),
    ],
)
def test_titles_stand_before_the_text(given: Pending, media: str | None) -> None:
    [record] = reembedding.records_of([given], titles=True)
    assert (record.media, record.text, record.document_id, record.extra) == (media, given.text, "d", {"e": 1})
    [plain] = reembedding.records_of([given], titles=False)
    assert plain.media is None


def test_new_rows_are_sorted_by_the_bytes_of_their_ids() -> None:
    each = [pending("b")._replace(id=id, of=id.encode()) for id in ("é", "b", "a")]
    given = reembedding.records_of(each, titles=False)
    made = [Record(r.id, [1.0], r.text, r.metadata, r.document_id, r.extra) for r in given]
    rows = reembedding.new_rows(TABLE, fingerprint(EMBEDDING), each, given, made)
    assert [(row[0], row[3]) for row in rows] == [(id.encode(), id.encode()) for id in ("a", "b", "é")]
    assert None not in [row[2] for row in rows]


def test_descriptions_of_a_collection_change_at_the_switch_alone() -> None:
    begun = reembedding.described_start(TABLE, EMBEDDING)
    assert begun.items() >= COMMENT.items()
    table = Table("vecs", "docs", 1, TABLE.extension, has_text=True, comment=begun, language="german")
    assert (reembedding.is_under_way(TABLE), reembedding.is_under_way(table)) == (False, True)
    assert reembedding.described_stop(table) == COMMENT
    done = reembedding.described_switch(table, EMBEDDING)
    assert (done["language"], done["other"], done["identity"]["name"]) == ("german", 1, "model")
    reembedding.check_same(table, EMBEDDING)
    with pytest.raises(ArgError, match="is being embedded by"):
        reembedding.check_same(table, Embedding(embed, 1, name="another"))
    damaged = Table("vecs", "docs", 1, TABLE.extension, comment={"reembedding": 7})
    with pytest.raises(ArgError, match="is being embedded by None"):
        reembedding.check_same(damaged, EMBEDDING)
    with pytest.raises(ArgError, match="somebody else has cancelled"):
        reembedding.check_done(TABLE, EMBEDDING)
    reembedding.check_done(Table("vecs", "docs", 1, TABLE.extension, comment=done), EMBEDDING)


def test_records_without_text_are_counted() -> None:
    reembedding.check_may_be_embedded(TABLE, 0)
    with pytest.raises(ArgError, match="1 record of collection 'docs' has no text"):
        reembedding.check_may_be_embedded(TABLE, 1)
    with pytest.raises(ArgError, match="2 records of collection 'docs' have no text"):
        reembedding.check_may_be_embedded(TABLE, 2)


def test_what_depends_on_the_vectors_is_named() -> None:
    found = [Dependant("ix", "index ix"), Dependant(None, "view v"), Dependant(None, "view w")]
    reembedding.check_dependants(TABLE, found[:1], ["ix"])
    with pytest.raises(ArgError, match=r"view v depends on .*: drop it before"):
        reembedding.check_dependants(TABLE, found[:2], ["ix"])
    with pytest.raises(ArgError, match=r"index ix, view v, view w depend on .*: drop them before"):
        reembedding.check_dependants(TABLE, found, [])


def test_vectors_are_told_apart_by_what_makes_them() -> None:
    one, same, other = (reembedding.named(Embedding(embed, 1, name=name)) for name in ("a", "a", "b"))
    assert one == same != other
