"""Files that are documents: their text, their title and other facts that they tell of themselves."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any, cast

from vecs.cli.files.encodings import decoded
from vecs.cli.files.markup import html_text, to_markdown
from vecs.cli.files.problems import BadFile
from vecs.transforms._require import require

_FRONT_MATTER = re.compile(r"---[ \t]*\n(.*?)(?:\n|^)(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL | re.MULTILINE)
_MOST_FRONT_MATTER = 100_000
_HEADING = re.compile(r"^#{1,6}[ \t]+(.+?)[ \t#]*$|^([^\n]*\S[^\n]*)\n(?:={3,}|-{3,})[ \t]*$", re.MULTILINE)
_FENCED = re.compile(r"^(```|~~~).*?^\1", re.DOTALL | re.MULTILINE)
# pdfium writes these where a word is divided at the end of a line.
_DIVIDED = re.compile("[\ufffe\x02]\n?")
_CONTROLS = re.compile("[\0\x01\x03-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff]")


@dataclass(frozen=True)
class Document:
    """One document, or a page of one; `suffix` is put behind the file's name to make its id."""

    text: str
    metadata: Mapping[str, Any] = field(default_factory=dict[str, Any])
    suffix: str = ""


def documents_of(content: bytes, format: str, encodings: Sequence[str]) -> Iterator[Document]:
    """Yield the documents of a file, pages of a PDF one by one; raises BadFile where there is none."""
    readers: Mapping[str, Callable[[bytes, Sequence[str]], Iterator[Document]]] = {
        "markdown": _markdown,
        "html": _html,
        "pdf": _pdf,
        "docx": _docx,
    }
    some = False
    for document in readers.get(format, _text)(content, encodings):
        if document.text.strip():
            some = True
            yield document
    if not some:
        scanned = "; are its pages pictures? Make text of them first (OCR)" if format == "pdf" else ""
        raise BadFile(f"it has no text{scanned}")


def _text(content: bytes, encodings: Sequence[str]) -> Iterator[Document]:
    yield Document(decoded(content, encodings))


def _markdown(content: bytes, encodings: Sequence[str]) -> Iterator[Document]:
    text = decoded(content, encodings)
    told, text = _front_matter(text)
    title = told.get("title") or _heading(text)
    yield Document(text, {**told, **_titled(title)})


def _html(content: bytes, encodings: Sequence[str]) -> Iterator[Document]:
    text, title = html_text(content, encodings)
    yield Document(text, _titled(title or _heading(text)))


def _docx(content: bytes, encodings: Sequence[str]) -> Iterator[Document]:
    mammoth = require("mammoth", extra="files")
    try:
        page = mammoth.convert_to_html(BytesIO(content)).value
    except Exception as error:
        raise BadFile(f"it cannot be read as docx ({_said(error)})") from error
    text, _ = to_markdown(page)
    yield Document(text, _titled(_heading(text)))


def _pdf(content: bytes, encodings: Sequence[str]) -> Iterator[Document]:
    pdfium = require("pypdfium2", extra="files")
    try:
        pdf = pdfium.PdfDocument(content)
    except pdfium.PdfiumError as error:
        raise BadFile(f"it cannot be read as PDF ({_said(error)})") from error
    try:
        title = _CONTROLS.sub("", pdf.get_metadata_value("Title") or "").strip()
        pages = len(pdf)
        for number in range(pages):
            page = pdf[number]
            text = page.get_textpage().get_text_range()
            page.close()
            yield Document(_seen(text), {**_titled(title), "page": number + 1, "pages": pages}, f"#page={number + 1}")
    except pdfium.PdfiumError as error:
        raise BadFile(f"it cannot be read as PDF ({_said(error)})") from error
    finally:
        pdf.close()


def _seen(text: str) -> str:
    return _CONTROLS.sub("", _DIVIDED.sub("", text.replace("\r\n", "\n")))


def _front_matter(text: str) -> tuple[dict[str, Any], str]:
    """Divide a text into what its front matter says, and the rest; a line --- alone is none."""
    found = _FRONT_MATTER.match(text, 0, _MOST_FRONT_MATTER)
    if found is None or ":" not in found[1]:
        return {}, text
    yaml = require("yaml", extra="files")
    try:
        # A name that is used again and again makes gigabytes of a few lines.
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(found[1], yaml.SafeLoader)):
            raise BadFile("its front matter uses aliases (*name), which are not read")
        told = yaml.safe_load(found[1])
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 2}" if mark is not None else "line 1"
        raise BadFile(f"its front matter is not YAML ({where}: {getattr(error, 'problem', error)})") from error
    if not isinstance(told, dict):
        return {}, text
    named = cast("dict[Any, Any]", told)
    return {str(key): value for key, value in named.items() if value is not None}, text[found.end() :]


def _heading(text: str) -> str | None:
    found = _HEADING.search(_FENCED.sub("", text[:20_000]))
    return None if found is None else (found[1] or found[2]).strip()


def _titled(title: object) -> dict[str, Any]:
    return {"title": str(title)} if title else {}


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:200]
