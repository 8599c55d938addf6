"""HTML as Markdown: what a reader of the page reads, with its headings, lists, tables and links."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from vecs.cli.files.encodings import decoded
from vecs.cli.files.problems import BadFile
from vecs.transforms._require import require

# What stands around the text of a page, and what no one reads.
_AROUND = "nav, script, style, aside, noscript, template, form, iframe, svg, header, footer"
# A header or footer of these is part of the text: it may hold the heading.
_TEXTS = ("article", "main", "section")
_ENCODING = re.compile(
    rb"""<(?:meta[^>]{0,200}?charset|\?xml[^>]{0,200}?encoding)\s*=\s*["']?\s*([\w.:-]+)""", re.IGNORECASE
)
_EMPTY_LINES = re.compile(r"\n\s*\n\s*\n+")


def html_text(content: bytes, encodings: Sequence[str]) -> tuple[str, str | None]:
    """Return a page as Markdown and its title; the page's own word on its encoding counts before others."""
    named = _ENCODING.search(content[:4096])
    return to_markdown(decoded(content, [*_known(named), *encodings]))


def to_markdown(page: str) -> tuple[str, str | None]:
    """Return HTML as Markdown and its title, None if it has none."""
    soup_of = require("bs4", extra="files").BeautifulSoup
    convert = require("markdownify", extra="files").markdownify
    try:
        soup: Any = soup_of(page, "html.parser")
        title = " ".join(soup.title.get_text().split()) if soup.title else None
        for tag in soup.select(_AROUND):
            if tag.name not in ("header", "footer") or tag.find_parent(_TEXTS) is None:
                tag.decompose()
        for tag in soup.find_all(["head"]):
            tag.decompose()
        main = soup.find("main")
        # Where a page says which part is its text, the rest is around it.
        soup = main if main is not None and main.get_text(strip=True) else soup
        # An image may be a megabyte of text in a link; its description is what there is to read.
        for image in soup.find_all("img"):
            image.replace_with(image.get("alt") or "")
        text = str(convert(str(soup), heading_style="ATX", bullets="-"))
    except RecursionError:
        raise BadFile("its elements are nested too deeply") from None
    return _EMPTY_LINES.sub("\n\n", text).strip(), title or None


def _known(named: re.Match[bytes] | None) -> list[str]:
    if named is None:
        return []
    name = named[1].decode("ascii")
    try:
        "".encode(name)
    except LookupError:
        return []
    # Browsers read these as Windows' own: pages that name them were written there.
    return ["cp1252" if name.lower() in ("iso-8859-1", "latin-1", "latin1", "us-ascii", "ascii") else name]
