from __future__ import annotations

import re

import markdown_it
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from vecs.exc import ArgError
from vecs.records import Record
from vecs.transforms import (
    AdapterContext,
    Embedding,
    MarkdownChunker,
    ParagraphChunker,
    Pipeline,
    RecursiveSplitter,
    TextEmbedding,
    TextPreprocessor,
    _blocks,
)
from vecs.transforms._blocks import Heading, find_headings, find_tables
from vecs.transforms._cutting import cut
from vecs.transforms._preprocessor import Paragraphs

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


@pytest.mark.parametrize(
    ("text", "titles"),
    [
        ("Title\n=====\n\nx\n\nSub\n---\ny", ["Title", "Sub"]),
        ("Title\r\n===\r\nx\r\n## B\r\n", ["Title", "B"]),
        ("# A\rx\rB\r--\r", ["A", "x B"]),
        ("# A\u2028x\x85\u2029## B\f# C", ["A", "B", "C"]),
        ("two\nlines\n===", ["two lines"]),
        ("   # A\n    # code\n\n    # code", ["A"]),
        ("\ufeff# A", ["A"]),
        ("# A ##\n## B#\n#\tC # #", ["A", "B#", "C #"]),
        ("#hashtag\n#5\n####### seven\n\\# A", []),
        ("- item\n---\n> quote\n---\n\n---\n***", []),
        ("- item\n\n  more\n---\nText\n---", ["Text"]),
        ("| a |\n|---|\n| b |\n---", []),
        ("a | b\n- | -\n---", []),
        ("[x]: /url\n===\n\n    code\n---", []),
        ("<div>\nx\n---\n\nA\n---", ["A"]),
        ("word " * 50 + "\n---", []),
        ("<!-- # a\n# b -->\n# C\n<!--\n# d\n\n# e\n-->\n# F", ["C", "F"]),
        ("<pre>\n# a\n\n# b\n</pre>\n# C", ["C"]),
        ("<!-- never closed\n# a", []),
        ("~~~~ x\n~~~\n# a\n~~~~~\n# B", ["B"]),
        ("---\ntitle: x\n# c\ntags:\n- a\nlong: |\n  # d\n---\n# A", ["A"]),
        ("---\r\ntitle: x\r\n# c\r\n...\r\n# A", ["A"]),
        ("\ufeff---  \ntitle: x\n# c\n---\n# A", ["A"]),
        ("+++\ntitle = 1\n# c\n[x]\n+++\n# A", ["A"]),
        ("---\n# A\n\ntext\n\n---\n# B", ["A", "B"]),
        *(
            (text.replace("\n", end), ["R"])
            for end in ("\n", "\r\n")
            for text in (
                "\ufeff---\n# c\n---\n# R",
                "---  \n# c\n---  \n# R",
                "---\t\n# c\n# d\n---\t\n# R",
                "---\n# c\n...\n# R",
                "+++\n# c\n+++\n# R",
            )
        ),
        ("---\n# A\n# R", ["A", "R"]),
        ("---\n# A\n\n---\n# R", ["A", "R"]),
        ("---\n# A\ntext\n---\n# R", ["A", "text", "R"]),
        ("---\ntitle: x\n# A", ["A"]),
        ("\n---\ntitle: x\n# A\n---", ["A"]),
        ("<div>\n# a\n</div>\n\n# B", ["B"]),
        ("<b>\n# a\n\ntext\n<b>\n# B", ["B"]),
        ("- x\n\n  <div>\nB\n---", ["B"]),
        ("-\nB\n---", ["B"]),
        ("- # a\nB\n---", ["B"]),
        ("> # a\nB\n---", ["B"]),
    ],
    ids=range(46),
)
def test_headings_are_those_of_commonmark(text, titles):
    assert [heading.title for heading in find_headings(text)] == titles
    assert letters("".join(texts(MarkdownChunker(), text))) == letters(text)


MARKDOWN_LINES = st.lists(
    st.sampled_from(
        ["# A", "## B ##", "text", "===", "---", "--", "", "- item", "  in it", "1. one", "2. two", "> quote", "```",
         "    code", "<!-- c", "-->", "| a | b |", "|---|---|", "#tag", "***", "**b**", "a|b", "-", "- # B",
         "> # C", "<div>", "<b>"]
    ),
    max_size=7,
).map("\n".join)  # fmt: skip


@given(text=MARKDOWN_LINES)
def test_headings_are_those_that_markdown_it_finds(text):
    found = markdown_it.MarkdownIt("commonmark").enable("table").parse(text)
    # Front matter is none to it, and it counts what is in lists and quotations, too.
    assume(not text.startswith("---"))
    starts = [token.map[0] for token in found if token.type == "heading_open" and not token.level]

    assert [text[: heading.start].count("\n") for heading in find_headings(text)] == starts


@pytest.mark.parametrize(
    "gap",
    ["\n\n", "\r\n\r\n", "\r\r", "\n \t\n", "\r\n\u00a0\u3000\r\n", "\n\u200b\n", "\u2028\u2028", "\u2029", "\x85\x85",
     "\n\f\n", "\f", "\n\r\n", "\r\n\n", "\x0b\x0b", "\n\x1f\n"],
)  # fmt: skip
def test_paragraphs_end_at_every_kind_of_empty_line(gap):
    for chunker in (ParagraphChunker(), Paragraphs(RecursiveSplitter(max_characters=50))):
        assert [piece.strip() for piece in texts(chunker, f"a b{gap}c{gap}")] == ["a b", "c"]


@pytest.mark.parametrize("gap", ["\n\x0c\nb", "\r\n\x0c\r\nb", "\x0c\n\nb", "\n \u2029 \n\nb", "\n\n\x0c\n\r\nb"])
def test_the_end_of_a_page_takes_the_ends_of_lines_around_it(gap):
    assert texts(ParagraphChunker(), f"a{gap}") == ["a", "b"]


@pytest.mark.parametrize("line", ["a\r\nb", "a\nb", "a\rb", "a\u2028b", "a \n b", "a\u00a0b"])
def test_a_single_end_of_a_line_ends_no_paragraph(line):
    assert texts(ParagraphChunker(), line) == [line]


@given(text=st.text(alphabet="ab \n"))
def test_paragraphs_of_simple_texts_are_those_of_vecs_0_4(text):
    assume(not re.search(r"\n +\n", text))
    assert texts(ParagraphChunker(), text) == ([part for part in text.split("\n\n") if part.strip()] or [text])


HEADER = "| name | n |\n|:--|--:|\n"
TABLE = HEADER + "".join(f"| row {ix} | {ix} |\n" for ix in range(9))


@pytest.mark.parametrize(
    "chunker",
    [
        MarkdownChunker(max_tokens=20),
        MarkdownChunker(max_tokens=60, tokenizer=len),
        RecursiveSplitter(max_characters=60, markdown=True),
        RecursiveSplitter(20, markdown=True),
    ],
    ids=repr,
)
@pytest.mark.parametrize("text", [TABLE, f"# T\n\nbefore\n\n{TABLE}\nafter", TABLE.replace("\n", "\r\n")], ids=range(3))
def test_every_piece_of_a_table_has_its_header(chunker, text):
    pieces = texts(chunker, text)

    assert all(chunker._count(piece.strip()) <= 60 for piece in pieces)
    with_rows = [piece for piece in pieces if "row" in piece]
    assert len(with_rows) > 2
    assert all(piece.count("| name | n |") == 1 for piece in with_rows)
    assert re.findall(r"row \d", "".join(pieces)) == [f"row {ix}" for ix in range(9)]
    assert all(line.endswith("|") for piece in with_rows for line in piece.split() if line.startswith("| row"))


def test_a_table_that_fits_or_stands_in_code_is_left_alone():
    assert texts(RecursiveSplitter(max_characters=500, markdown=True), TABLE) == [TABLE]
    code = f"```\n{TABLE}```"
    assert "".join(texts(MarkdownChunker(max_tokens=60, tokenizer=len), code)) == code


def test_a_header_that_leaves_no_room_is_not_repeated_and_a_long_row_is_cut():
    assert "".join(texts(MarkdownChunker(max_tokens=25, tokenizer=len), TABLE)) == TABLE
    long = f"{HEADER}| {'word ' * 20}| 1 |\n"
    pieces = texts(MarkdownChunker(max_tokens=60, tokenizer=len), long)
    assert all(piece.startswith(HEADER) and len(piece) <= 60 for piece in pieces)
    assert "".join(piece.removeprefix(HEADER) for piece in pieces) == long.removeprefix(HEADER)


@pytest.mark.parametrize(
    "chunker",
    [
        MarkdownChunker(headings=True, max_tokens=12, tokenizer=len),
        RecursiveSplitter(max_characters=12, markdown=True, headings=True),
    ],
    ids=repr,
)
def test_headings_are_looked_at_a_few_times_however_many_there_are(monkeypatch, chunker):
    looks = []

    class Counted(Heading):
        def __getattribute__(self, name):
            looks.append(name)
            return super().__getattribute__(name)

    monkeypatch.setattr(_blocks, "Heading", Counted)
    assert len(texts(chunker, "# A\n\nb\n\n" * 300)) == 300
    assert len(looks) < 300 * 100


def test_a_long_line_below_what_may_be_a_header_is_read_at_once():
    # With a pattern that can match in many ways, this takes minutes.
    assert find_tables(f"| a |\n|-{' ' * 200_000}x\n") == []


@pytest.mark.parametrize(
    "chunker",
    [
        MarkdownChunker(headings=True, max_tokens=12, tokenizer=len),
        RecursiveSplitter(max_characters=12, markdown=True, headings=True),
    ],
    ids=repr,
)
def test_headings_are_embedded_with_a_chunk_and_not_stored(chunker):
    seen = []
    embedding = Embedding(lambda batch: seen.extend(batch) or [[1.0]] * len(batch), 1)

    made = Pipeline([chunker, embedding]).transform_records([Record("d", text="# A\n\n## B\nworld out there")])

    assert [text for text in seen if text.startswith("A > B\n\n")]
    assert all("A" in text for text in seen)
    assert all("B" in text for text in seen[1:])
    assert not [record for record in made if " > " in record.text]
    assert letters("".join(record.text for record in made)) == "#A##Bworldoutthere"
    assert {record.media for record in made} == {None}


def test_chunks_leave_room_for_the_headings_that_their_embedder_reads():
    class Counting:
        max_tokens = 40

        def count_tokens(self, text):
            return len(text)

    text = "# Outer\n## Inner\n" + "word " * 40 + "\n# " + "endless " * 9 + "\n" + "word " * 20
    for chunker in (
        MarkdownChunker(headings=True, tokenizer=Counting()),
        RecursiveSplitter(headings=True, markdown=True, tokenizer=Counting()),
    ):
        made = chunker.transform_records([Record("d", text=text)])
        assert all(len(record.media or record.text) <= 40 for record in made)
        assert any((record.media or "").startswith("Outer > Inner\n\n") for record in made)


def test_a_preprocessor_embeds_headings_of_markdown_alone():
    transform = TextPreprocessor(headings=True)
    assert transform.config()["headings"] is True
    assert "headings" not in TextPreprocessor().config()
    for chunker in ("paragraph", ParagraphChunker()):
        with pytest.raises(ArgError, match="headings=True is for chunker='markdown'"):
            TextPreprocessor(chunker=chunker, headings=True)


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
        *(({"max_tokens": bad}, "max_tokens must be an integer at least 1, not ") for bad in (0, "100", 1.5, True)),
        ({"max_characters": "5"}, "max_characters must be an integer at least 1, not '5'"),
        *(({"max_tokens": 50, "overlap": bad}, "overlap must be an integer at least") for bad in (-1, "10", None, 1.5)),
        ({"tokenizer": TextEmbedding("m"), "overlap": -1}, "overlap must be an integer at least 0, not -1"),
        ({"max_tokens": 5, "overlap": 5}, "overlap must be less than the limit of 5, not 5"),
        ({"max_tokens": 5, "tokenizer": object()}, "cannot count tokens"),
    ],
)
def test_a_splitter_refuses_limits_that_make_no_sense(arguments, message):
    with pytest.raises(ArgError, match=message):
        RecursiveSplitter(**arguments)


@pytest.mark.parametrize("limit", [0, -1, True, "100", 1.5])
def test_markdown_refuses_a_limit_that_is_not_positive(limit):
    with pytest.raises(ValueError, match="max_tokens must be an integer at least 1"):
        MarkdownChunker(max_tokens=limit)
    with pytest.raises(ValueError, match="max_tokens must be an integer at least 1"):
        list(MarkdownChunker()([], AdapterContext.upsert, limit))
    with pytest.raises(ValueError, match="max_tokens must be an integer at least 1"):
        TextPreprocessor(max_tokens=limit)
    for name in ("batch_size", "truncate_dim"):
        with pytest.raises(ValueError, match=f"{name} must be an integer at least 1"):
            TextEmbedding(**{name: limit})


def test_a_preprocessor_with_a_chunker_of_ones_own_takes_no_limits():
    with pytest.raises(ArgError, match="named chunkers"):
        TextPreprocessor(chunker=ParagraphChunker(), max_tokens=5)
    with pytest.raises(ArgError, match="unknown chunker 'sentence'"):
        TextPreprocessor(chunker="sentence")
