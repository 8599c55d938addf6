"""Text of others without what a terminal would obey: it is printed, and does nothing else."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator

# What joins emoji and the letters of some scripts, where it stands behind one of them.
_JOINERS = "\u200c\u200d"
# Up to here, and in Greek and Cyrillic, nothing is joined.
_LATIN = 0x52F
_ENDS = "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"
# Controls, formats (bidirectional ones, zero widths, tags), surrogates, and line and paragraph separators.
_HIDDEN = frozenset(("Cc", "Cf", "Cs", "Zl", "Zp"))
_SUSPECT = re.compile(r"[^\x20-\x7e\n]")
# An escape sequence is taken out whole: left without its first character, the rest would be litter.
_SEQUENCE = re.compile(
    r"(?:\x1b\]|\x9d)[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?"  # OSC: titles, links, the clipboard
    r"|(?:\x1b[PX^_]|[\x90\x98\x9e\x9f])[^\x1b\x9c]*(?:\x1b\\|\x9c)?"  # other strings
    r"|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"  # CSI: colours, the cursor, clearing
    r"|\x1b[ -/]*[0-~]?"
)


def plain(text: object, *, lines: bool = False) -> str:
    """
    Return a text without escape sequences and invisible characters, for a terminal, a pipe or a log.

    Line ends and tabs are kept with `lines`; else they become blanks. What reads from right to left, emoji and all
    other characters that are seen stay.
    """
    given = str(text)
    if _SUSPECT.search(given) is not None:
        given = "".join(_seen(_SEQUENCE.sub("", given)))
    return given if lines else given.replace("\n", " ").replace("\t", " ")


def plain_json(encoded: str) -> str:
    """Return JSON with everything that is not seen written as an escape, which is the same to its reader."""
    if encoded.isascii() and "\x7f" not in encoded:
        return encoded
    return "".join(json.dumps(each)[1:-1] if unicodedata.category(each) in _HIDDEN else each for each in encoded)


def _seen(text: str) -> Iterator[str]:
    before = " "
    for character in text.replace("\r\n", "\n"):
        if character in _ENDS:
            yield "\n"
        elif character == "\t" or unicodedata.category(character) not in _HIDDEN or _joins(before, character):
            yield character
        before = character


def _joins(before: str, character: str) -> bool:
    # Elsewhere it only hides: it makes two names look alike.
    return character in _JOINERS and ord(before) > _LATIN and unicodedata.category(before)[0] in "LMS"
