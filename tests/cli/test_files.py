"""Files read as records, and what is wrong with them."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.cli.made_files import docx, pdf

import vecs
from vecs.cli.files.columns import Columns, parse_columns, parse_types
from vecs.cli.files.documents import documents_of
from vecs.cli.files.encodings import checked_encoding, decoded
from vecs.cli.files.finding import find_files
from vecs.cli.files.problems import BadFile
from vecs.cli.files.reading import Problem, Read, ReadOptions, read_files
from vecs.cli.files.typed import typed


def read(
    path: Path, options: ReadOptions | None = None, format: str | None = None
) -> tuple[list[vecs.Record], list[str]]:
    """The records of a file or folder, and what is wrong."""
    found = find_files([str(path)], [], format, None)
    items = list(read_files(found.files, options or ReadOptions()))
    records = [item.record for item in items if isinstance(item, Read)]
    return records, [*found.problems, *(item.why for item in items if isinstance(item, Problem))]


def document(content: bytes, format: str, *encodings: str) -> Any:
    (only,) = documents_of(content, format, encodings)
    return only


@pytest.mark.parametrize("text", ["plain", "naïve “quotes”", "日本語", "a\r\nb\rc"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_texts_say_their_encoding_themselves(text: str, encoding: str) -> None:
    assert decoded(text.encode(encoding), ["cp1252"] if encoding != "utf-8" else []) == (
        text.replace("\r\n", "\n").replace("\r", "\n")
    )


def test_encodings_are_tried_in_their_order() -> None:
    assert decoded("naïve".encode("cp1252"), ["utf-8", "cp1252"]) == "naïve"
    assert decoded("日本".encode("shift_jis"), ["ascii", "shift_jis"]) == "日本"


@pytest.mark.parametrize(
    ("content", "encodings", "part"),
    [
        ("naïve".encode("cp1252"), [], "not UTF-8: invalid continuation byte near byte 2"),
        (b"a\0b", [], "NUL"),
        ("ab".encode("utf-16-le"), [], "NUL"),
        (b"\xff", ["ascii", "utf-8"], "it is not UTF-8: invalid start byte near byte 0, nor ascii"),
        (b"a" * (1 << 20) + b"\xff", [], "near byte 1,048,576"),
        (b"abc\xe3\x81", [], "unexpected end of data"),
    ],
)
def test_what_is_no_text_is_told_with_its_place(content: bytes, encodings: list[str], part: str) -> None:
    with pytest.raises(BadFile) as caught:
        decoded(content, encodings)
    assert part in str(caught.value)
    assert "--encoding" in str(caught.value)


@pytest.mark.parametrize("name", ["nonsense", "base64", "zip", ""])
def test_names_that_are_no_encoding_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="no encoding of texts"):
        checked_encoding(name)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("5", 5), ("-5", -5), ("5.0", 5.0), ("1e3", 1000.0), ("true", True), ("false", False), ("0", 0),
        ("007", "007"), ("+49", "+49"), ("True", "True"), ("", ""), (" 5", " 5"), ("1_000", "1_000"), (".5", ".5"),
        ("5.", "5."), ("inf", "inf"), ("nan", "nan"), ("1e999", "1e999"), ("٣", "٣"), ("9" * 5000, "9" * 5000),
        ("null", "null"), ("12345678901234567890123", 12345678901234567890123),
    ],
)  # fmt: skip
def test_values_without_a_type_are_what_json_reads(text: str, value: Any) -> None:
    assert typed(text) == value
    assert type(typed(text)) is type(value)


def test_rows_of_csv_are_records_with_typed_metadata(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    file.write_bytes('\ufeffid,text,year,zip,empty\r\na,"two\r\nlines",2020,01234,\r\n'.encode())

    ((record,), wrong) = read(file)

    assert wrong == []
    assert (record.id, record.text, record.metadata) == ("a", "two\r\nlines", {"year": 2020, "zip": "01234"})


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.csv", "id;text\na;x,y\n"),
        ("t.tsv", "id\ttext\na\tx,y\n"),
        ("t.jsonl", '\n{"id": "a", "text": "x,y"}\n\n'),
        ("t.ndjson", '{"id": "a", "text": "x,y"}'),
        ("t.json", '[{"id": "a", "text": "x,y"}]'),
        ("t.json", '{"id": "a", "text": "x,y"}'),
    ],
)
def test_tables_of_all_kinds_say_the_same(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content)
    ((record,), wrong) = read(tmp_path / name)
    assert (record.id, record.text, record.metadata, wrong) == ("a", "x,y", {}, [])


def test_parquet_keeps_types_and_vectors(tmp_path: Path) -> None:
    arrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    rows = [{"id": n, "vec": [0.5, n], "text": f"text {n}", "metadata": '{"a": 1}', "tags": ["x"]} for n in range(2500)]
    parquet.write_table(arrow.Table.from_pylist(rows), tmp_path / "t.parquet")

    records, wrong = read(tmp_path / "t.parquet")

    assert wrong == []
    assert len(records) == 2500
    assert records[-1].id == "2499"
    assert records[-1].vec == [0.5, 2499]
    assert records[-1].metadata == {"a": 1, "tags": ["x"]}


def test_columns_are_named_and_types_are_said(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("key,body,nr,ok\nk,hello,5,TRUE\n")
    default, types = parse_types("nr=text,ok=boolean")
    options = ReadOptions(Columns(parse_columns("text=body,id=key"), types, default), id_prefix="p/")

    ((record,), wrong) = read(tmp_path / "t.csv", options)

    assert (record.id, record.text, record.metadata, wrong) == ("p/k", "hello", {"nr": "5", "ok": True}, [])


def test_all_columns_stay_text_where_that_is_said(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("text,nr\nhello,5\n")
    ((record,), _) = read(tmp_path / "t.csv", ReadOptions(Columns({}, {}, "text")))
    assert record.metadata == {"nr": "5"}


def test_rows_without_an_id_have_the_files_name_and_their_number(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("text\none\n\ntwo\n")
    records, _ = read(tmp_path)
    assert [record.id for record in records] == ["t.csv#1", "t.csv#2"]


@pytest.mark.parametrize(
    ("name", "content", "count", "parts"),
    [
        ("t.csv", "", 0, ["its first line should name the columns"]),
        ("t.csv", "text,text\na,b\n", 0, ["has the column 'text' twice"]),
        ("t.csv", "id,text\na,b,c\nd,e\nf\n", 1, ["line 2: it has 3 values for 2 columns", "line 4: it has 1 value"]),
        ("t.csv", "id,body\na,b\n", 0, ["line 2: there is no text: the columns are id, body; say which it is"]),
        ("t.csv", "id,text\na,\nb,x\n", 1, ["line 2: its text is empty"]),
        ("t.csv", 'id,text\na,"x', 0, ["line 2: unexpected end of data"]),
        ("t.jsonl", '{"text": "a"}\n{"text"\n[1]\n5\n{"text": "b"}', 2, ["line 2: it is not JSON", "line 3", "line 4"]),
        ("t.jsonl", "[" * 100_000, 0, ["line 1: it is not JSON"]),
        ("t.json", '{"a": 1}\n{"a": 2}', 0, ["if each line is, give --format jsonl"]),
        ("t.json", "[1]", 0, ["element 1: it is not a JSON object"]),
        ("t.parquet", "PAR1", 0, ["cannot be read as Parquet"]),
        ("t.jsonl", '{"text": "a", "metadata": "x"}', 0, ["its column for metadata is not JSON"]),
        ("t.jsonl", '{"text": "a", "metadata": [1]}', 0, ["not a JSON object"]),
        ("t.jsonl", '{"vec": "[1, 2"}', 0, ["its vector is not a JSON list"]),
        ("t.jsonl", '{"vec": {"a": 1}}', 0, ["its vector is not like"]),
    ],
)  # fmt: skip
def test_a_wrong_row_is_told_and_the_rest_is_read(
    tmp_path: Path, name: str, content: str, count: int, parts: list[str]
) -> None:
    (tmp_path / name).write_text(content)
    records, wrong = read(tmp_path)
    assert len(records) == count
    assert len(wrong) == len(parts)
    for part, why in zip(parts, wrong, strict=True):
        assert part in why


def test_a_column_that_is_not_there_is_told(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("id,text\na,b\n")
    _, wrong = read(tmp_path, ReadOptions(Columns({"text": "body"})))
    assert wrong == ["line 2: there is no column 'body'; it has id, text"]


@pytest.mark.parametrize("given", ["body", "text=", "=body", "words=body", ""])
def test_wrong_columns_and_types_are_refused(given: str) -> None:
    with pytest.raises(ValueError, match=r"should be like|no part"):
        parse_columns(given)
    with pytest.raises(ValueError, match=r"should be like|no type"):
        parse_types(given)


def test_a_vector_may_be_sparse_or_text(tmp_path: Path) -> None:
    rows = [{"vec": {"dimension": 9, "indices": [1], "values": [0.5]}}, {"vec": "[1, 2]"}]
    (tmp_path / "t.jsonl").write_text("\n".join(map(json.dumps, rows)))
    records, wrong = read(tmp_path)
    assert wrong == []
    assert [record.vec for record in records] == [vecs.SparseVector(9, [1], [0.5]), [1, 2]]


def test_markdown_tells_its_title_and_its_front_matter() -> None:
    made = document(b"---\ntitle: A title\ntags: [a, b]\nnothing:\n---\n# Heading\n\nText\n", "markdown")
    assert made.metadata == {"title": "A title", "tags": ["a", "b"]}
    assert made.text == "# Heading\n\nText\n"


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("# One\ntext", "One"),
        ("text\n\n## Two ##\n", "Two"),
        ("Three\n=====\ntext", "Three"),
        ("```\n# code\n```\n# Four", "Four"),
        ("no heading", None),
        ("#hashtag", None),
        ("---\n\n# After a rule", "After a rule"),
        ("---\nno mapping\n---\n# Five", "no mapping"),
    ],
)
def test_the_first_heading_is_the_title(text: str, title: str | None) -> None:
    assert document(text.encode(), "markdown").metadata.get("title") == title


@pytest.mark.parametrize(
    ("matter", "part"),
    [("a: [1", "line 2"), ("a: &x 1\nb: *x", "aliases"), ("a: !!python/object:os.system 1", "not YAML")],
)
def test_front_matter_that_is_none_is_told(matter: str, part: str) -> None:
    with pytest.raises(BadFile, match="front matter") as caught:
        document(f"---\n{matter}\n---\ntext".encode(), "markdown")
    assert part in str(caught.value)


PAGE = """<!doctype html><html><head><title>My
 page</title><style>p {}</style></head><body><header>site</header><nav>menu</nav>
<p>press a key</p><main><article><header><h1>Top</h1></header><p>A <b>bold</b> <a href="x">link</a>.</p>
<ul><li>one</li></ul><table><tr><th>a</th><th>b</th></tr><tr><td>1</td><td>2</td></tr></table>
<img src="data:image/png;base64,AAAA" alt="a picture"></article></main><aside>ads</aside>
<script>x()</script><footer>imprint</footer></body></html>"""


def test_of_a_page_only_its_text_is_kept() -> None:
    made = document(PAGE.encode(), "html")
    assert made.metadata == {"title": "My page"}
    assert "# Top" in made.text
    assert "A **bold** [link](x)." in made.text
    assert "- one" in made.text
    assert "| 1 | 2 |" in made.text
    assert "a picture" in made.text
    for around in ("site", "menu", "press a key", "ads", "imprint", "x()", "base64", "My page"):
        assert around not in made.text


def test_a_page_without_main_is_kept_whole() -> None:
    for page in ("<header>site</header><p>text</p><footer>x</footer>", "<main> </main><p>text</p>", "text"):
        assert document(page.encode(), "html").text == "text"


def test_a_page_says_its_encoding() -> None:
    page = '<meta charset="iso-8859-1"><p>café “quoted”</p>'
    assert "café “quoted”" in document(page.encode("cp1252"), "html").text


def test_a_page_that_is_nested_too_deeply_is_told() -> None:
    with pytest.raises(BadFile, match="nested too deeply"):
        document(("<div>" * 20_000 + "x").encode(), "html")


def test_each_page_of_a_pdf_is_a_document(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(pdf(["first page", "", "third page"], "The title"))

    records, wrong = read(tmp_path)

    assert wrong == []
    assert [record.id for record in records] == ["a.pdf#page=1", "a.pdf#page=3"]
    assert [record.text for record in records] == ["first page", "third page"]
    assert records[1].metadata == {"title": "The title", "page": 3, "pages": 3, "path": "a.pdf"}


def test_a_word_document_is_markdown() -> None:
    made = document(docx([("Heading1", "A heading"), ("", "Some “text” 日本")]), "docx")
    assert made.text == "# A heading\n\nSome “text” 日本"
    assert made.metadata == {"title": "A heading"}


@pytest.mark.parametrize(
    ("content", "format", "part"),
    [
        (pdf([""]), "pdf", "OCR"),
        (b"%PDF-1.4 broken", "pdf", "cannot be read as PDF"),
        (b"", "pdf", "cannot be read as PDF"),
        (b"PK broken", "docx", "cannot be read as docx"),
        (b"", "text", "no text"),
        (b" \n", "markdown", "no text"),
        (b"<nav>only</nav>", "html", "no text"),
    ],
)
def test_a_broken_or_empty_document_is_told(content: bytes, format: str, part: str) -> None:
    with pytest.raises(BadFile, match=part):
        list(documents_of(content, format, ()))


@pytest.mark.parametrize(
    ("name", "content", "module"),
    [
        ("a.pdf", pdf(["x"]), "pypdfium2"),
        ("a.docx", docx([("", "x")]), "mammoth"),
        ("a.html", b"<p>x", "markdownify"),
        ("a.md", b"---\na: 1\n---\nx", "yaml"),
    ],
)
def test_a_missing_package_is_told_for_that_file_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, content: bytes, module: str
) -> None:
    (tmp_path / name).write_bytes(content)
    (tmp_path / "b.txt").write_text("text")
    monkeypatch.setitem(sys.modules, module, None)

    records, (why,) = read(tmp_path)

    assert [record.id for record in records] == ["b.txt"]
    assert "pip install 'vecs[files]'" in why


def test_files_of_a_folder_are_found_in_order_and_hidden_ones_are_not(tmp_path: Path) -> None:
    for name in ("b.md", "a/z.txt", ".git/x.md", ".hidden.md", "c.zip", "a/日本.HTML"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")

    found = find_files([str(tmp_path)], [], None, None)

    assert [file.name for file in found.files] == ["b.md", "a/z.txt", "a/日本.HTML"]
    assert [file.format for file in found.files] == ["markdown", "text", "html"]
    assert len(found.passed_over) == 1


@pytest.mark.parametrize(
    ("pattern", "names"), [("*.py", ["x.py", "a/y.py"]), ("a/*.py", ["a/y.py"]), ("**/*.md", ["b.md"]), ("*.no", [])]
)
def test_patterns_choose_among_the_files_of_a_folder(tmp_path: Path, pattern: str, names: list[str]) -> None:
    for name in ("x.py", "a/y.py", "b.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    found = find_files([str(tmp_path)], [pattern], None, None)
    assert sorted(file.name for file in found.files) == sorted(names)


def test_names_may_be_patterns_and_missing_ones_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a.md", "b.md", "[c].md"):
        Path(name).write_text("x")

    found = find_files(["*.md", "./a.md", "[c].md", "no.md", "no*"], [], None, None)

    assert [file.name for file in found.files] == ["[c].md", "a.md", "b.md"]
    assert found.problems == ["no.md: there is no such file or folder", "no*: no file matches"]


def test_a_folder_may_hold_a_link_to_itself_and_a_file_twice_is_read_once(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("x")
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "b.md").symlink_to(tmp_path / "a.md")
    assert [file.name for file in find_files([str(tmp_path)], [], None, None).files] == ["a.md"]


def test_a_dangling_link_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.md").symlink_to(tmp_path / "gone")
    _, (why,) = read(tmp_path)
    assert "No such file" in why


def test_csv_is_read_as_a_stream() -> None:
    from vecs.cli.files.tables import rows_of

    class Counting(io.BytesIO):
        most = 0

        def read(self, size: int | None = -1, /) -> bytes:
            given = super().read(size)
            self.most = max(self.most, len(given))
            return given

    file = Counting(b"text\n" + b"some words\n" * 200_000)
    assert sum(1 for _ in rows_of(file, "csv", (), None)) == 200_000
    assert file.most <= 1 << 20
