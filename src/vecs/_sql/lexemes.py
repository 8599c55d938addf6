"""
How a text is prepared before Postgres takes it apart into lexemes: the same for records and for queries.

Postgres' parser knows words between blanks, and what a letter is by the locale of the database: with lc_ctype C, each
character beyond ASCII. It keeps paths, hosts and e-mail addresses whole, and runs of Chinese. So punctuation of all
scripts becomes blanks, characters of scripts without blanks are set apart, and identifiers are divided, in place.
Behind the text come the other forms of its words, in one piece and without accents: poolsize for pool_size, ecole for
école.

These are built-in immutable functions: the expression is that of a generated column, and may be distributed. It is read
back from the catalog by the comment in its first pattern. What changes the lexemes needs a new name there.
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import groupby

from vecs._sql.fragment import Fragment, Literal, Param, qualified
from vecs._sql.languages import regconfig
from vecs._sql.names import unqualified

# Texts as they are, as vecs prepared none of them before 1.0.0b1 and other programs do not.
PLAIN = ""
# The same, in a column that vecs does not make: a program fills it.
FILLED = "filled"
# normalize() and the numbers of characters are those of Unicode only in databases whose encoding is UTF8.
UNICODE, BYTES = "1", "1 bytes"

# As far as a record's text is indexed, and a query read.
MAX_CHARACTERS = 100_000
# Of the prepared text, which is longer: with four bytes per character, its lexemes stay below the 1 MB of a tsvector.
_MAX_PREPARED = 250_000
# Where the text goes, in the expression that is made once.
_TEXT = Param(None)
_MARK = re.compile(r"\(\?#vecs ([^)]*)\)")

# Soft hyphens, joiners, marks of direction, variants of glyphs: they stand inside of words.
_VANISHING = (
    r"\u00ad\u034f\u061c\u180b-\u180f\u200c-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufe00-\ufe0f"
    r"\U000e0100-\U000e01ef"
)
# Blanks, punctuation, symbols and controls beyond ASCII (Z, P, S and C of Unicode 14, unassigned ones between).
_SEPARATING = (
    r"\u0080-\u00a9\u00ab-\u00b1\u00b4\u00b6-\u00b8\u00bb\u00bf\u00d7\u00f7\u02c2-\u02c5\u02d2-\u02df\u02e5-\u02eb"
    r"\u02ed\u02ef-\u02ff\u0375\u037e\u0384\u0385\u0387\u03f6\u0482\u055a-\u055f\u0589-\u058f\u05be\u05c0\u05c3"
    r"\u05c6\u05f3-\u060f\u061b-\u061f\u066a-\u066d\u06d4\u06dd\u06de\u06e9\u06fd\u06fe\u0700-\u070f\u07f6-\u07f9"
    r"\u07fe\u07ff\u0830-\u083e\u085e\u0888\u0890\u0891\u08e2\u0964\u0965\u0970\u09f2\u09f3\u09fa\u09fb\u09fd\u0a76"
    r"\u0af0\u0af1\u0b70\u0bf3-\u0bfa\u0c77\u0c7f\u0c84\u0d4f\u0d79\u0df4\u0e3f\u0e4f\u0e5a\u0e5b\u0f01-\u0f17"
    r"\u0f1a-\u0f1f\u0f34\u0f36\u0f38\u0f3a-\u0f3d\u0f85\u0fbe-\u0fc5\u0fc7-\u0fda\u104a-\u104f\u109e\u109f\u10fb"
    r"\u1360-\u1368\u1390-\u1399\u1400\u166d\u166e\u1680\u169b\u169c\u16eb-\u16ed\u1735\u1736\u17d4-\u17d6"
    r"\u17d8-\u17db\u1800-\u180a\u1940-\u1945\u19de-\u19ff\u1a1e\u1a1f\u1aa0-\u1aa6\u1aa8-\u1aad\u1b5a-\u1b6a"
    r"\u1b74-\u1b7e\u1bfc-\u1bff\u1c3b-\u1c3f\u1c7e\u1c7f\u1cc0-\u1cc7\u1cd3\u1fbd\u1fbf-\u1fc1\u1fcd-\u1fcf"
    r"\u1fdd-\u1fdf\u1fed-\u1fef\u1ffd-\u206f\u207a-\u207e\u208a-\u208e\u20a0-\u20c0\u2100\u2101\u2103-\u2106\u2108"
    r"\u2109\u2114\u2116-\u2118\u211e-\u2123\u2125\u2127\u2129\u212e\u213a\u213b\u2140-\u2144\u214a-\u214d\u214f"
    r"\u218a-\u244a\u249c-\u24e9\u2500-\u2775\u2794-\u2bff\u2ce5-\u2cea\u2cf9-\u2cfc\u2cfe\u2cff\u2d70\u2e00-\u2e2e"
    r"\u2e30-\u3004\u3008-\u3020\u3030\u3036\u3037\u303d-\u303f\u309b\u309c\u30a0\u30fb\u3190\u3191\u3196-\u319f"
    r"\u31c0-\u31e3\u3200-\u321e\u322a-\u3247\u3250\u3260-\u327f\u328a-\u32b0\u32c0-\u33ff\u4dc0-\u4dff\ua490-\ua4c6"
    r"\ua4fe\ua4ff\ua60d-\ua60f\ua673\ua67e\ua6f2-\ua716\ua720\ua721\ua789\ua78a\ua828-\ua82b\ua836-\ua839"
    r"\ua874-\ua877\ua8ce\ua8cf\ua8f8-\ua8fa\ua8fc\ua92e\ua92f\ua95f\ua9c1-\ua9cd\ua9de\ua9df\uaa5c-\uaa5f"
    r"\uaa77-\uaa79\uaade\uaadf\uaaf0\uaaf1\uab5b\uab6a\uab6b\uabeb\ue000-\uf8ff\ufb29\ufbb2-\ufbc2\ufd3e-\ufd4f"
    r"\ufdcf\ufdfc-\ufe19\ufe30-\ufe6b\ufeff-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65\uffe0-\ufffd"
    r"\U0001d100-\U0001d1ff\U0001f000-\U0001fbff"
)
# Thai, Lao, Tibetan, Burmese, Khmer, Hangul, kana, bopomofo, Yi and Han.
_APART = (
    r"\u0e00-\u0e3e\u0e40-\u0e4e\u0e50-\u0e59\u0e80-\u0eff\u0f00-\u0fff\u1000-\u1049\u1050-\u109d\u1100-\u11ff"
    r"\u1780-\u17d3\u17d7\u17dc-\u17ff\u19e0-\u19ff\u2e80-\u2fdf\u3005-\u3007\u3021-\u302f\u3031-\u3035\u3038-\u303c"
    r"\u3041-\u30fa\u30fc-\u318f\u31a0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua48c\ua960-\ua97f\ua9e0-\ua9ff"
    r"\uaa60-\uaa7f\uac00-\ud7ff\uf900-\ufaff\uff66-\uffdc\U00016fe0-\U00018dff\U0001aff0-\U0001b2ff"
    r"\U00020000-\U000323af"
)
# Letters that lose an accent or change their form: Latin, Greek, some of Cyrillic (not the frequent short i, which
# nobody leaves out), ligatures, full width, and combining accents.
_FOLDED = (
    r"\u00aa\u00b2\u00b3\u00b9\u00ba\u00bc-\u00be\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f\u0300-\u034e\u0350-\u036f"
    r"\u0386\u0388-\u0390\u03aa-\u03b0\u03ca-\u03ce\u0400\u0401\u0403\u0407\u040c-\u040e\u0450\u0451\u0453\u0457"
    r"\u045c-\u045e\u1e00-\u1fbc\u1fc2-\u1fcc\u1fd0-\u1fdb\u1fe0-\u1fec\u1ff2-\u1ffc\ufb00-\ufb06"
    r"\uff10-\uff19\uff21-\uff3a\uff41-\uff5a"
)
# What may be written in two ways that look the same.
_COMPOSED = (
    r"\u0300-\u036f\u0590-\u0dff\u1000-\u109f\u1100-\u11ff\u1b00-\u1b7f\u1f00-\u1fff\u2126\u212a\u212b\u3099\u309a"
    r"\uf900-\ufaff\ufb1d-\ufb4f\U00011000-\U00011fff\U0002f800-\U0002fa1f"
)

# Marks that normalize() sorts, in quadratic time and without a look at timeouts: so many in a row are in no text.
_SORTED = (
    r"\u0300-\u036f\u0483-\u0487\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06e4\u06e7-\u06ed\u0711"
    r"\u0730-\u074a\u07eb-\u07f3\u07fd\u0816-\u0819\u081b-\u0823\u0825-\u0827\u0829-\u082d\u0859-\u085b"
    r"\u0898-\u089f\u08ca-\u08ff\u093c\u094d\u0951-\u0954\u09bc\u09cd\u09fe\u0a3c\u0a4d\u0abc\u0acd\u0b3c\u0b4d"
    r"\u0bcd\u0c3c\u0c4d-\u0c56\u0cbc\u0ccd\u0d3b-\u0d3c\u0d4d\u0dca\u0e38-\u0e3a\u0e48-\u0e4b\u0eb8-\u0eba"
    r"\u0ec8-\u0ecb\u0f18-\u0f19\u0f35-\u0f39\u0f71-\u0f87\u0fc6\u1037-\u103a\u108d\u135d-\u135f\u1714-\u1715"
    r"\u1734\u17d2\u17dd\u18a9\u1939-\u193b\u1a17-\u1a18\u1a60\u1a75-\u1a7f\u1ab0-\u1ace\u1b34\u1b44\u1b6b-\u1b73"
    r"\u1baa-\u1bab\u1be6\u1bf2-\u1bf3\u1c37\u1cd0-\u1ce8\u1ced\u1cf4\u1cf8-\u1cf9\u1dc0-\u1dff\u20d0-\u20f0"
    r"\u2cef-\u2cf1\u2d7f\u2de0-\u2dff\u302a-\u302f\u3099-\u309a\ua66f-\ua67d\ua69e-\ua69f\ua6f0-\ua6f1\ua806"
    r"\ua82c\ua8c4\ua8e0-\ua8f1\ua92b-\ua92d\ua953\ua9b3\ua9c0\uaab0\uaab2-\uaab4\uaab7-\uaab8\uaabe-\uaabf\uaac1"
    r"\uaaf6\uabed\ufb1e\ufe20-\ufe2f\U000101fd\U000102e0\U00010376-\U0001037a\U00010a0d-\U00010a0f"
    r"\U00010a38-\U00010a3f\U00010ae5-\U00010ae6\U00010d24-\U00010d27\U00010eab-\U00010eac\U00010f46-\U00010f50"
    r"\U00010f82-\U00010f85\U00011046\U00011070\U0001107f\U000110b9-\U000110ba\U00011100-\U00011102"
    r"\U00011133-\U00011134\U00011173\U000111c0\U000111ca\U00011235-\U00011236\U000112e9-\U000112ea"
    r"\U0001133b-\U0001133c\U0001134d\U00011366-\U00011374\U00011442-\U00011446\U0001145e\U000114c2-\U000114c3"
    r"\U000115bf-\U000115c0\U0001163f\U000116b6-\U000116b7\U0001172b\U00011839-\U0001183a\U0001193d-\U0001193e"
    r"\U00011943\U000119e0\U00011a34\U00011a47\U00011a99\U00011c3f\U00011d42-\U00011d45\U00011d97"
    r"\U00016af0-\U00016af4\U00016b30-\U00016b36\U00016ff0-\U00016ff1\U0001bc9e\U0001d165-\U0001d18b"
    r"\U0001d1aa-\U0001d1ad\U0001d242-\U0001d244\U0001e000-\U0001e02a\U0001e130-\U0001e136\U0001e2ae"
    r"\U0001e2ec-\U0001e2ef\U0001e8d0-\U0001e8d6\U0001e944-\U0001e94a"
)
_MOST_SORTED = 16

# ASCII that joins the parts of an identifier.
_JOINING = r"\-_/@\\:#+~."
# Other ASCII but digits and letters, and the frequent ones of _SEPARATING.
_BETWEEN = r"\x01-\x22\x24-\x2a\x2c;-?\[\]^`{|}\x7f"
_BETWEEN_UNICODE = (
    r"\u0080-\u00a9\u00ab\u00ac\u00ae-\u00b1\u00b4\u00b6-\u00b8\u00bb\u00bf\u00d7\u00f7\u2000-\u200b\u2010-\u2029"
    r"\u202f-\u205f\u2190-\u2bff\u3000-\u3004\u3008-\u3020\ufeff-\uff0f\uff1a-\uff20"
)
# Tags of HTML; and those whose names may stand for something else, <input> or <table>, unless they have attributes.
_TAGS = (
    "[abipqsu]|abbr|blockquote|br|colgroup|d[dlt]|div|em|fieldset|figcaption|h[1-6r]|iframe|img|kbd|li|nav|noscript|"
    "ol|optgroup|pre|samp|span|strong|su[bp]|svg|tbody|t[dhr]|textarea|tfoot|thead|tt|ul"
)
_TAGS_WITH_ATTRIBUTES = (
    f"{_TAGS}|article|aside|audio|body|button|caption|center|cite|code|col|del|figure|font|footer|form|head|header|"
    "html|input|ins|label|legend|link|main|mark|meta|option|picture|script|section|select|small|source|style|summary|"
    "table|time|title|var|video"
)
_LIGATURES = {"\u00df": "ss", "\u00e6": "ae", "\u00c6": "AE", "\u0153": "oe", "\u0152": "OE", "\u1e9e": "SS"}
_LETTER = r"[^\x01-@\[-`{-\x7f]"


def lexemes(language: str, text: Fragment, preparation: str) -> Fragment:
    """Return the expression of a text's lexemes, a tsvector: of a record where it is stored, of a query elsewhere."""
    parts: list[str | Param] = []
    for part in _lexemes(language, preparation).parts:
        parts.extend(text.parts if part is _TEXT else (part,))
    return Fragment(tuple(parts))


def prepared(text: Fragment, preparation: str) -> Fragment:
    """Return the expression of a text as it is taken apart."""
    text = qualified("pg_catalog.left({text}, {most})", text=text, most=Literal(MAX_CHARACTERS))
    if preparation in (PLAIN, FILLED):
        return text
    if preparation != BYTES:
        text = _replaced(text, f"[{_SORTED}]{{{_MOST_SORTED},}}", "")
    forms = _joined(text, preparation)
    whole = text
    if preparation != BYTES:
        forms = _folded(qualified("{joined} || (' ' || {accented})", joined=forms, accented=_accented(text)))
        whole = qualified(
            "case when {text} operator(pg_catalog.~) {composed} then pg_catalog.normalize({text}, 'NFC') "
            "else {text} end",
            text=_bytewise(text),
            composed=Literal(f"[{_COMPOSED}]"),
        )
    whole = qualified("({whole}) || (' ' || pg_catalog.lower({forms}))", whole=whole, forms=forms)
    blank = r"[ \t\r\n]"
    tags = f"</[A-Za-z][^<>]*>|<(?:{_TAGS}){blank}*/?>|<(?:{_TAGS_WITH_ATTRIBUTES}){blank}[^<>]*=[^<>]*>"
    whole = _divided(_replaced(whole, f"(?#vecs {preparation}){tags}", " "), preparation)
    return qualified("pg_catalog.left({whole}, {most})", whole=whole, most=Literal(_MAX_PREPARED))


@lru_cache(maxsize=64)
def _lexemes(language: str, preparation: str) -> Fragment:
    made = qualified(
        "pg_catalog.to_tsvector({language}::pg_catalog.regconfig, {text})",
        language=Literal(regconfig(language)),
        text=prepared(Fragment((_TEXT,)), preparation),
    )
    # Few pieces: each search puts its words between them.
    joined: list[str | Param] = []
    for is_text, parts in groupby(made.parts, lambda part: part is _TEXT):
        pieces = list(parts)
        joined.extend(pieces if is_text else ["".join(map(str, pieces))])
    return Fragment(tuple(joined))


def preparation_of(expression: str | None) -> str:
    """Return how the texts of a column of keywords are prepared, by its expression as the catalog has it."""
    if expression is None or "to_tsvector(" not in expression:
        return FILLED
    found = _MARK.search(unqualified(expression))
    return PLAIN if found is None else found[1]


def server_encoding() -> Fragment:
    """Ask for the encoding of the database."""
    return qualified("select pg_catalog.current_setting('server_encoding')")


def newest(encoding: str) -> str:
    """Return how texts are prepared in new collections of a database of this encoding."""
    return UNICODE if encoding == "UTF8" else BYTES


def is_outdated(preparation: str) -> bool:
    """Whether an earlier version of vecs, or another program, made the lexemes."""
    return preparation == PLAIN


def _divided(text: Fragment, preparation: str) -> Fragment:
    """Set words, parts of identifiers and characters apart."""
    if preparation != BYTES:
        text = _replaced(text, f"[{_VANISHING}]+", "")
        text = _replaced(text, f"[{_SEPARATING}]+", " ")
        text = _replaced(text, f"[{_APART}]", r" \&")
        text = _replaced(text, rf"([{_APART}])([^\x01- ])", r"\1 \2")
    # C++ and C#.
    text = _replaced(text, r"(^|[^A-Za-z0-9])([A-Za-z])\+\+", r"\1\2 \2plusplus ")
    text = _replaced(text, r"(^|[^A-Za-z0-9])([A-Za-z])#", r"\1\2 \2sharp ")
    text = _replaced(text, r"[-_/@\\:#+~]+", " ")
    # A point between digits stays: 3.14 is a number.
    text = _replaced(text, rf"\.({_LETTER})", r" \1")
    text = _replaced(text, rf"({_LETTER})(?:\.([0-9])|([0-9]+\.[0-9]))", r"\1 \2\3")
    text = _replaced(text, r"([0-9]+)\.([0-9]+)((?:\.[0-9]+)+)", r"\& \1.\2 \1 \2 \3")
    text = _replaced(text, r"([a-z])([A-Z])", r"\1 \2")
    # What is left in angle brackets would be a tag for Postgres, and left out: <stdio.h>, Vec<u8>, git clone <url>.
    text = _replaced(text, "<", " ")
    return _replaced(text, r"([A-Z0-9])([A-Z][a-z][a-z])", r"\1 \2")


def _joined(text: Fragment, preparation: str) -> Fragment:
    """Select the identifiers that are joined of parts, without what joins them."""
    between = _BETWEEN if preparation == BYTES else _BETWEEN + _BETWEEN_UNICODE + _APART
    word = rf"(?:[A-Z]?[^\x01-/:-@A-Z\[-`{{-\x7f{between}]*|[A-Z0-9]+s?|[0-9]+(?:[-./:][0-9]+)+)"
    joining = f"[{_JOINING}]*"
    # Runs of other words are one match each, so that this is fast.
    found = _replaced(_ended(text), f"(?:^|[{between}])(?:{joining}{word}{joining}[{between}])+", " ")
    # Of a path, its last name besides.
    found = _replaced(found, r"[^ ]*[/@:\\]([^ /@:\\]+[-_.#+~][^ /@:\\]+)", r"\& \1")
    return _replaced(found, f"[{_JOINING}]+", "")


def _accented(text: Fragment) -> Fragment:
    """Select the words that have other forms."""
    between = _BETWEEN + _JOINING + _BETWEEN_UNICODE + _APART
    return qualified(
        "case when {text} operator(pg_catalog.~) {folded} then {found} else '' end",
        text=_bytewise(text),
        folded=Literal(f"[{_FOLDED}]"),
        found=_replaced(_ended(text), f"(?:^|[{between}])(?:[^{_FOLDED}{between}]*[{between}])+", " "),
    )


def _folded(text: Fragment) -> Fragment:
    """Take accents off letters."""
    text = qualified("pg_catalog.normalize({text}, 'NFKD')", text=text)
    text = _replaced(text, r"[\u0300-\u036f]+", "")
    for letter, letters in _LIGATURES.items():
        text = qualified(
            "pg_catalog.replace({text}, {letter}, {letters})",
            text=text,
            letter=Literal(letter),
            letters=Literal(letters),
        )
    return qualified(
        "pg_catalog.translate({text}, {letters}, {plain})",
        text=text,
        letters=Literal("\u00d8\u00f8\u0141\u0142\u0110\u0111\u0131"),
        plain=Literal("OoLlDdi"),
    )


def _ended(text: Fragment) -> Fragment:
    return qualified("{text} || ' '", text=text)


def _replaced(text: Fragment, pattern: str, replacement: str) -> Fragment:
    return qualified(
        "pg_catalog.regexp_replace({text}, {pattern}, {replacement}, 'g')",
        text=_bytewise(text),
        pattern=Literal(pattern),
        replacement=Literal(replacement),
    )


def _bytewise(text: Fragment) -> Fragment:
    # So that no locale has a say: all patterns are ranges of characters.
    return qualified('({text} collate pg_catalog."C")', text=text)
