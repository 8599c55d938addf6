"""In which encoding a text is written: its own mark, else what a person says, else UTF-8."""

from __future__ import annotations

import codecs
import io
from collections.abc import Sequence
from typing import BinaryIO

from vecs.cli.files.problems import BadFile

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_BLOCK = 1 << 20


def checked_encoding(name: str) -> str:
    """Return a name of an encoding of texts; raises ValueError for others."""
    try:
        "".encode(name)
        return codecs.lookup(name).name
    except LookupError:
        raise ValueError(
            f"{name!r} is no encoding of texts; known ones are utf-8, cp1252, utf-16-le, gb18030"
        ) from None


def opened_text(file: BinaryIO, encodings: Sequence[str]) -> io.TextIOWrapper:
    """Return a file's text, which is sure to be readable to its end; raises BadFile otherwise."""
    encoding = _encoding(file, encodings)
    file.seek(0)
    return io.TextIOWrapper(file, encoding, newline="")


def decoded(content: bytes, encodings: Sequence[str]) -> str:
    """Return the text that these bytes are, with line ends as \\n."""
    with opened_text(io.BytesIO(content), encodings) as text:
        return text.read().replace("\r\n", "\n").replace("\r", "\n")


def _encoding(file: BinaryIO, encodings: Sequence[str]) -> str:
    start = file.read(4)
    marked = next((name for mark, name in _MARKS if start.startswith(mark)), None)
    # What is UTF-8 is hardly ever anything else.
    tried = [marked] if marked else list(dict.fromkeys(["utf-8", *encodings]))
    why = ""
    for name in tried:
        file.seek(0)
        wrong = _why_not(file, name)
        if wrong is None:
            return name
        why = why or f"it is not {name.upper()}: {wrong}"
    others = f", nor {', '.join(tried[1:])}" if len(tried) > 1 else ""
    raise BadFile(f"{why}{others}; name its encoding, such as --encoding cp1252")


def _why_not(file: BinaryIO, name: str) -> str | None:
    decoder = codecs.getincrementaldecoder(name)()
    before = 0
    while True:
        block = file.read(_BLOCK)
        try:
            text = decoder.decode(block, final=not block)
        except UnicodeError as error:
            at = before + getattr(error, "start", 0)
            return f"{getattr(error, 'reason', error)} near byte {at:,}"
        if "\0" in text:
            # Postgres stores none, and texts have none.
            return "it has NUL characters, as programs and texts of other encodings have"
        if not block:
            return None
        before += len(block)
