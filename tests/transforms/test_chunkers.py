from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vecs.exc import ArgError
from vecs.records import Record
from vecs.transforms import MarkdownChunker, ParagraphChunker, RecursiveSplitter, TextPreprocessor
from vecs.transforms._cutting import cut

MARKDOWN = st.lists(
    st.sampled_from(
        ["# One", "## Two", "text", "a  b c", "```", "~~~", "", "    ", "- item", "# c", "supercalifragilistic"]
    )
).map("\n".join)
CHUNKERS = [
    ParagraphChunker(),
    MarkdownChunker(),
    MarkdownChunker(max_tokens=3),
    MarkdownChunker(max_tokens=7, tokenizer=len, headings=True),
    RecursiveSplitter(max_characters=12),
    RecursiveSplitter(max_characters=12, markdown=True, headings=True),
    RecursiveSplitter(4, overlap=1),
]


def texts(chunker, text):
    return [record.text for record in chunker.transform_records([Record("d", text=text)])]


def ids(chunker, text):
    return [record.id for record in chunker.transform_records([Record("d", text=text)])]


def letters(text):
    return re.sub(r"\s", "", text)


@pytest.mark.parametrize("chunker", CHUNKERS, ids=repr)
@given(text=MARKDOWN | st.text())
def test_chunks_have_ids_of_their_own_and_leave_the_input_alone(chunker, text):
    record = Record("d", text=text, metadata={"a": 1}, extra={"b": 2})

    chunks = chunker.transform_records([record, Record("e", text=text)])

    assert len({chunk.id for chunk in chunks}) == len(chunks) >= 2
    assert record == Record("d", text=text, metadata={"a": 1}, extra={"b": 2})
    assert {chunk.document_id for chunk in chunks} == {"d", "e"}


@pytest.mark.parametrize("chunker", [c for c in CHUNKERS if not getattr(c, "overlap", 0)], ids=repr)
@given(text=MARKDOWN | st.text())
def test_chunks_hold_all_that_is_not_whitespace(chunker, text):
    assert letters("".join(texts(chunker, text))) == letters(text)


@given(text=MARKDOWN | st.text(), limit=st.integers(1, 20))
def test_markdown_chunks_stay_within_their_limit(text, limit):
    by_character = MarkdownChunker(max_tokens=limit, tokenizer=len)
    by_word = MarkdownChunker(max_tokens=limit)

    # A text that is all blank stays one chunk.
    if text.strip():
        assert all(len(chunk) <= limit for chunk in texts(by_character, text))
        assert all(len(chunk.split(" ")) <= limit for chunk in texts(by_word, text))


@given(text=MARKDOWN | st.text(min_size=1), limit=st.integers(2, 20))
def test_split_chunks_stay_within_their_limit(text, limit):
    if text.strip():
        assert all(len(chunk) <= limit for chunk in texts(RecursiveSplitter(max_characters=limit), text))


@given(text=st.text(), limit=st.integers(1, 9))
def test_cut_pieces_join_to_the_text(text, limit):
    assert "".join(cut(text, limit, len)) == text


def test_cut_refuses_a_limit_below_one_character():
    with pytest.raises(ArgError, match=r"max_tokens=1 is too small: 'a' alone is 2 tokens"):
        cut("aa", 1, lambda text: 2 * len(text))


def test_paragraphs_keep_the_ids_of_vecs_0_4_though_empty_ones_are_dropped():
    assert ids(ParagraphChunker(), "a\n\n\n\nb\n\n \n\nc") == ["d_para_000", "d_para_002", "d_para_004"]
    assert texts(ParagraphChunker(), "a\n\n\nb") == ["a", "\nb"]


@pytest.mark.parametrize("chunker", CHUNKERS, ids=repr)
@pytest.mark.parametrize("text", ["", " \n\n\n "])
def test_a_blank_text_stays_one_record(chunker, text):
    assert texts(chunker, text) == [text]


def test_markdown_ids_count_blank_chunks_as_vecs_0_4_did():
    assert ids(MarkdownChunker(), "\n# A\n# B") == ["d_head_000", "d_head_001"]
    assert ids(MarkdownChunker(), "\n\n# A") == ["d_head_001"]


def test_a_heading_starts_a_chunk():
    text = "intro\n# A\nx\n####### no\n#no\n###### F\ny"
    assert texts(MarkdownChunker(), text) == ["intro\n", "# A\nx\n####### no\n#no\n", "###### F\ny"]


@pytest.mark.parametrize(
    "code",
    [
        "```\n# c\n```",
        "```py\n# c\n```",
        "~~~\n# c\n~~~",
        "````\n```\n# c\n````",
        "~~~\n```\n# c\n~~~",
        "  ```\n# c\n  ```",
        "    ```\n# c\n    ```",
        "- ```\n# c\n  ```",
        "1. ```sh\n# c\n   ```",
        "```\n# c\n``` no end\n# c\n```   ",
        "```\r\n# c\r\n```\r",
        "``` a\n\n# c\n\n```",
        "```\n> ```\n# c\n```",
    ],
)
def test_a_comment_in_fenced_code_starts_no_chunk(code):
    assert texts(MarkdownChunker(), f"# A\n{code}\n# B") == [f"# A\n{code}\n", "# B"]


def test_code_that_is_never_closed_runs_to_the_end():
    assert texts(MarkdownChunker(), "# A\n```\n# c\n~~~\n# d") == ["# A\n```\n# c\n~~~\n# d"]


@pytest.mark.parametrize("no_code", ["`# c`", "``` a`", "- ```", "> ```\n> x", "``", "    ```"])
def test_what_only_looks_like_a_fence_hides_no_heading(no_code):
    assert texts(MarkdownChunker(), f"# A\n{no_code}\n# B") == [f"# A\n{no_code}\n", "# B"]


def test_headings_go_into_metadata_on_request():
    text = "top\n# A #\n## B\nx\n# C\n### D\ny"
    chunker = MarkdownChunker(headings=True)

    chunks = chunker.transform_records([Record("d", text=text, metadata={"k": 1})])

    assert [chunk.metadata for chunk in chunks] == [
        {"k": 1, "headings": []},
        {"k": 1, "headings": ["A"]},
        {"k": 1, "headings": ["A", "B"]},
        {"k": 1, "headings": ["C"]},
        {"k": 1, "headings": ["C", "D"]},
    ]
    assert "headings" not in MarkdownChunker().transform_records([Record("d", text=text)])[0].metadata


def test_the_split_chunks_of_markdown_know_their_headings():
    splitter = RecursiveSplitter(max_characters=12, markdown=True, headings=True)

    chunks = splitter.transform_records([Record("d", text="# A\nhello\n\n## B\nworld out there")])

    assert [(chunk.text, chunk.metadata["headings"]) for chunk in chunks] == [
        ("# A\nhello", ["A"]),
        ("## B", ["A", "B"]),
        ("world out", ["A", "B"]),
        ("there", ["A", "B"]),
    ]


def test_every_chunk_has_metadata_of_its_own():
    metadata = {"a": 1}
    one, two = ParagraphChunker().transform_records([Record("d", text="x\n\ny", metadata=metadata)])

    one.metadata["b"] = 2

    assert (two.metadata, metadata) == ({"a": 1}, {"a": 1})


@pytest.mark.parametrize("chunker", CHUNKERS, ids=repr)
@pytest.mark.parametrize(
    "record",
    [Record("v", vec=[1.0]), Record("v", vec=[1.0], text="a\n\nb # c " * 9), Record("i", media=b"image")],
)
def test_records_with_a_vector_or_without_text_pass_unchanged(chunker, record):
    assert chunker.transform_records([record]) == [record]


def test_text_given_as_media_is_cut():
    assert [c.text for c in ParagraphChunker().transform_records([Record("d", media="a\n\nb")])] == ["a", "b"]


def test_a_chunk_of_a_chunk_belongs_to_the_document():
    (chunk,) = ParagraphChunker().transform_records([Record("c", text="a", document_id="d")])
    assert chunk.document_id == "d"


def test_a_query_is_not_cut_unless_asked():
    assert ParagraphChunker().transform_query("a\n\nb") == "a\n\nb"
    assert ParagraphChunker(skip_during_query=False).transform_query("a") == "a"
    with pytest.raises(ArgError, match="Failed to produce exactly one query vector from input"):
        ParagraphChunker(skip_during_query=False).transform_query("a\n\nb")


def test_a_text_of_one_split_chunk_keeps_its_id_and_its_whitespace():
    splitter = RecursiveSplitter(max_characters=12)
    (record,) = splitter.transform_records([Record("d", text=" short \n")])
    assert (record.id, record.document_id, record.text) == ("d", "d", " short \n")
    assert ids(splitter, "a longer text") == ["d#000", "d#001"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "a limit is needed"),
        ({"max_characters": 5, "max_tokens": 5}, "not both"),
        ({"max_tokens": 0}, "max_tokens must be a positive"),
        ({"max_tokens": 5, "overlap": 5}, "overlap must be from 0"),
        ({"max_tokens": 5, "tokenizer": object()}, "cannot count tokens"),
    ],
)
def test_a_splitter_refuses_limits_that_make_no_sense(arguments, message):
    with pytest.raises(ArgError, match=message):
        RecursiveSplitter(**arguments)


@pytest.mark.parametrize("limit", [0, -1, True])
def test_markdown_refuses_a_limit_that_is_not_positive(limit):
    with pytest.raises(ValueError, match="max_tokens must be a positive whole number"):
        MarkdownChunker(max_tokens=limit)


def test_a_preprocessor_with_a_chunker_of_ones_own_takes_no_limits():
    with pytest.raises(ArgError, match="named chunkers"):
        TextPreprocessor(chunker=ParagraphChunker(), max_tokens=5)
    with pytest.raises(ArgError, match="unknown chunker 'sentence'"):
        TextPreprocessor(chunker="sentence")
