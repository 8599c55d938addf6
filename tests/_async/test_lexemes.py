"""Words that a person sees are found, in any script, whatever the locale and the encoding of the database."""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator, Callable, Generator

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql
from psycopg.conninfo import make_conninfo
from typing_extensions import LiteralString

import vecs
from vecs._sql import lexemes
from vecs._sql.fragment import Fragment, Param, fragment

LOCALES: dict[str, LiteralString] = {
    "as the server": "template template0",
    "C": "template template0 encoding 'UTF8' locale_provider libc locale 'C'",
}


@pytest.fixture(params=LOCALES)
def dsn(superuser_target: str, request: pytest.FixtureRequest) -> Generator[str]:
    """A database with each locale."""
    yield from database(superuser_target, LOCALES[request.param])


def database(superuser: str, create: LiteralString) -> Generator[str]:
    with psycopg.connect(superuser, autocommit=True) as connection:
        connection.execute("drop database if exists words_of_its_own with (force)")
        connection.execute(sql.SQL("create database words_of_its_own ") + sql.SQL(create))
    yield make_conninfo(superuser, dbname="words_of_its_own")
    with psycopg.connect(superuser, autocommit=True) as connection:
        connection.execute("drop database words_of_its_own with (force)")


@pytest.fixture
async def there(dsn: str) -> AsyncGenerator[vecs.AsyncClient]:
    """A client of such a database."""
    async with vecs.create_async_client(dsn) as client:
        yield client


async def found(docs: vecs.AsyncCollection, query: str) -> list[str | None]:
    return [match.text for match in await docs.search(query, mode="keyword", limit=100)]


async def collection(client: vecs.AsyncClient, texts: list[str], language: str = "english") -> vecs.AsyncCollection:
    docs = await client.create_collection("docs", 1, text=True, language=language)
    await docs.upsert([vecs.Record(str(n), [n], text) for n, text in enumerate(texts)])
    return docs


# What stands between two words.
SEPARATING = [
    *"\u2018\u2019\u201c\u201d\u201e\u2026\u2013\u2014\u2015\u2010\u00ab\u00bb\u2039\u203a\u2022\u00b7",
    *"\u3001\u3002\u300c\u300d\u3010\u30fb\uff0c\uff0e\uff01\uff1f\uff08\uff09\uff1a\u00bf\u00a1\u060c",
    *"\u00a0\u2009\u200a\u202f\u3000\u200b\ufeff\u2028\u0085\u1680\t\n\x0b\f",
    *"\u20ac\u00a9\u2122\u2192\u2713\u00d7\u2264\U0001f389\u0964\u05be",
    "\r\n",
]
# What does not: hyphens that are shown at a line's end, joiners, marks of direction, variants.
VANISHING = list("\u00ad\u200c\u200d\u2060\u200e\u200f\u202a\u202c\u2066\ufe0f\u034f")


async def test_punctuation_and_blanks_of_all_kinds_separate_words(there: vecs.AsyncClient) -> None:
    docs = await collection(there, [f"zebra{mark}otter" for mark in SEPARATING])
    assert sorted(map(str, await found(docs, "zebra"))) == sorted(f"zebra{mark}otter" for mark in SEPARATING)
    assert len(await found(docs, "otter")) == len(SEPARATING)
    assert await found(docs, "zebraotter") == []
    for mark in SEPARATING:
        assert len(await found(docs, f"{mark}otter{mark}")) == len(SEPARATING), mark


async def test_what_is_not_seen_in_a_word_vanishes(there: vecs.AsyncClient) -> None:
    texts = ["zebraotter", *(f"zebra{mark}otter" for mark in VANISHING)]
    docs = await collection(there, texts)
    for query in texts:
        assert sorted(map(str, await found(docs, query))) == sorted(texts), query
    assert await found(docs, "otter") == []


# A text, and the queries that find it.
PARTS = {
    "src/vecs/filters.py": ["filters.py", "filters", "src", "vecs/filters.py", "vecs"],
    "read/write": ["read", "write", "write/read"],
    "CPython 3.11.7": ["3.11.7", "3.11", "3", "11", "cpython", "CPython"],
    "ann@example.org": ["ann", "example", "example.org", "ANN@EXAMPLE.ORG"],
    "https://example.com/docs/a_page.html?lang=eo#top": ["example.com", "docs", "page", "a_page.html", "eo", "top"],
    "pool_size": ["pool", "size", "poolSize", "pool-size", "PoolSize", "pool size", "POOL_SIZE"],
    "parseHTTPRequest": ["parse", "http", "request", "parse_http_request", "HTTPRequest"],
    "This is the end.Next one": ["end", "next", "end.Next"],
    "well-known": ["well", "known", "wellknown", "well known"],
    "C:\\Windows\\system32": ["windows", "system32"],
    "std::vector": ["std", "vector"],
    "written in C++": ["c++", "C", "written"],
    "written in C#, too": ["C#", "c#"],
    "#travelling @ludwig": ["travelling", "ludwig", "#travelling", "@ludwig"],
    "List<String> here": ["list", "string"],
    "#include <stdio.h>": ["stdio", "stdio.h", "<stdio.h>"],
    "a Vec<u8>": ["u8", "Vec<u8>", "vec"],
    "Map<key_type, value>": ["key", "keytype", "value"],
    "git clone <repository>": ["repository", "clone"],
    "usage: convert <input> <option>": ["input", "option"],
    "if rate<limit and cost>value": ["rate", "limit", "cost", "value"],
    "template <class T = allocator>": ["allocator"],
    "<!-- a remark -->": ["remark"],
    "<otter:note>a zebra</otter:note>": ["otter", "zebra"],
    "python3.12": ["python", "3.12", "python3.12"],
    "Node.js": ["node", "nodejs", "node.js", "js"],
    "/etc/passwd": ["etc", "passwd", "/etc/passwd"],
    "2031-05-17": ["2031", "2031-05-17"],
    "x86_64-linux": ["linux", "x86"],
    "host:8080": ["host", "8080"],
    "key=value&lang=eo": ["key", "value", "eo"],
    "vom Bäcker-Handwerk": ["Bäcker", "Handwerk", "backer"],
}


async def test_identifiers_are_found_whole_and_by_their_parts(there: vecs.AsyncClient) -> None:
    docs = await collection(there, [f"Something about {text}" for text in PARTS])
    for text, queries in PARTS.items():
        for query in [text, *queries]:
            assert f"Something about {text}" in await found(docs, query), (text, query)


@pytest.mark.parametrize(
    "whole",
    ["src/vecs/filters.py", "read/write", "3.11.7", "ann@example.org", "pool_size", "poolSize", "well-known", "a.b.c"],
)
async def test_the_whole_comes_before_its_parts(client: vecs.AsyncClient, whole: str) -> None:
    parts = "".join(c if c.isalnum() else " " for c in whole.replace("S", " S")).split()
    others = [" ".join(reversed(parts)), f"{' and '.join(parts)}, " * 3, *parts]
    docs = await collection(client, [*others, f"the text has {whole} in it", "nothing of it"], "simple")
    assert (await found(docs, whole))[0] == f"the text has {whole} in it"


RUNS = [
    "东京大学的图书馆很大",
    "日本語の全文検索エンジン",
    "カタカナとひらがな",
    "한국어검색은어렵다",
    "ภาษาไทยเขียนติดกัน",
    "ພາສາລາວຂຽນຕິດກັນ",
    "ភាសាខ្មែរសរសេរជាប់គ្នា",
    "မြန်မာဘာသာစကား",
    "𠀀𠀁𠀂𠮷野家",
    "使用PostgreSQL数据库和Python语言",
]


async def test_runs_without_blanks_are_found_by_any_part(there: vecs.AsyncClient) -> None:
    docs = await collection(there, [*RUNS, "plain words"])
    for text in RUNS:
        for at in range(len(text) - 1):
            for query in (text[at : at + 2], text[at : at + 4]):
                if not query.isascii():
                    assert text in await found(docs, query), (text, query)
    assert await found(docs, "postgresql") == [RUNS[-1]]
    assert await found(docs, "馆") == [RUNS[0]]


async def test_neighbours_in_a_run_come_first(client: vecs.AsyncClient) -> None:
    docs = await collection(client, ["学大都市", "都の大きい学校", "京都大学", "大 学", "学と大"])
    assert (await found(docs, "大学"))[0] in ("京都大学", "大 学")
    assert (await found(docs, "京都"))[0] == "京都大学"


ACCENTS = {
    "école": ["ecole", "e\u0301cole", "ÉCOLE", "Ecole"],
    "naïve": ["naive", "nai\u0308ve"],
    "Łódź": ["lodz", "łodź"],
    "Straße": ["strasse", "STRASSE"],
    "Ångström": ["angstrom", "A\u030angstro\u0308m", "\u212bngström"],
    "smørrebrød": ["smorrebrod"],
    "Việt": ["viet", "Vie\u0323\u0302t"],
    "ﬁle": ["file"],
    "ＦＵＬＬ": ["full"],
    "γάτα": ["γατα"],
    "ёлка": ["елка"],
    "déjà-vu": ["deja", "dejavu", "deja-vu", "vu"],
    "が": ["か\u3099"],
    "한": ["\u1112\u1161\u11ab"],
    "l’œuvre": ["oeuvre", "œuvre"],
}


@pytest.mark.parametrize("language", ["english", "simple", "french", "german"])
async def test_accents_may_be_left_out(client: vecs.AsyncClient, language: str) -> None:
    docs = await collection(client, list(ACCENTS), language)
    for text, queries in ACCENTS.items():
        for query in [text, *queries]:
            assert text in await found(docs, query), (text, query)
    await client.delete_collection("docs")
    docs = await collection(client, [query for queries in ACCENTS.values() for query in queries], language)
    for text, queries in ACCENTS.items():
        assert not {*queries} - {*await found(docs, text)}, text


async def test_stems_of_words_with_accents_are_those_of_the_language(client: vecs.AsyncClient) -> None:
    docs = await collection(client, ["Die Häuser sind groß", "Das Haus"], "german")
    assert len(await found(docs, "Haus")) == len(await found(docs, "Häusern")) == 2
    await docs.enable_text("russian")
    await docs.upsert([vecs.Record("r", [0], "новые дома")])
    assert await found(docs, "новый дом") == ["новые дома"]


async def test_syllables_alone_find_no_other_words(client: vecs.AsyncClient) -> None:
    texts = ["カスタマーサポート窓口", "データベース", "東京タワー", "ポスト", "猫が好き", "ขอบคุณ"]
    docs = await collection(client, texts, "simple")
    assert await found(docs, "サポート") == ["カスタマーサポート窓口"]
    assert await found(docs, "白い猫") == ["猫が好き"]
    assert set(await found(docs, "ポ")) == {"カスタマーサポート窓口", "ポスト"}
    assert await found(docs, "สวัสดี") == []
    assert await found(docs, "คุณ") == ["ขอบคุณ"]
    both = await docs.search([5], text="サポート", mode="hybrid", limit=9)
    assert (both[0].text, len(both)) == ("カスタマーサポート窓口", 6)


async def test_markup_is_left_out(client: vecs.AsyncClient) -> None:
    docs = await collection(client, ['<div class="wide">Some <b>bold</b> <em>text</em><br/><input\nname="wide"></div>'])
    assert len(await found(docs, "bold")) == len(await found(docs, "text")) == 1
    assert [word for word in ("div", "b", "em", "br", "wide", "input") if await found(docs, word)] == []


@pytest.mark.parametrize("encoding", ["LATIN1", "EUC_JP", "SQL_ASCII"])
async def test_databases_of_other_encodings(superuser_target: str, encoding: LiteralString) -> None:
    creates: dict[str, LiteralString] = {
        "LATIN1": "template template0 encoding 'LATIN1' locale_provider libc locale 'C'",
        "EUC_JP": "template template0 encoding 'EUC_JP' locale_provider libc locale 'C'",
        "SQL_ASCII": "template template0 encoding 'SQL_ASCII' locale_provider libc locale 'C'",
    }
    made = database(superuser_target, creates[encoding])
    async with vecs.create_async_client(next(made)) as client:
        known = ["src/vecs/filters.py", "poolSize", "Genève" if encoding == "LATIN1" else "plain"]
        docs = await collection(client, known)
        assert not (await docs.info()).outdated_words
        for query, text in zip(("filters.py", "pool_size", known[2]), known, strict=True):
            assert await found(docs, query) == [text]
        # Any text is a query: no record has characters that cannot be stored.
        assert await found(docs, "filters.py\U0001f355 \u0e01\u017b") == [known[0]]
        assert await docs.search([1], text="pool \U0001f355", mode="hybrid", limit=1, highlight=True)
        assert "'pool'" in str(await docs.explain("pool \U0001f355", mode="keyword"))
        await docs.enable_text("simple")
        assert await found(docs, "filters") == [known[0]]
    list(made)


def made_earlier(run: Callable[[str], None]) -> None:
    run(
        """create table {s}.docs (
            id text primary key, vec vector(1) not null, metadata jsonb not null default '{}'::jsonb,
            text text, document_id text, extra jsonb,
            text_search tsvector generated always as (to_tsvector('german', left(text, 100000))) stored
        )"""
    )


async def test_a_collection_of_an_earlier_version_is_searched_as_it_was_indexed(
    client: vecs.AsyncClient, run: Callable[[str], None]
) -> None:
    made_earlier(run)
    docs = await client.get_collection("docs")
    await docs.upsert([vecs.Record("a", [1], "In src/vecs/filters.py, Häuser poolSize")])
    assert len(await found(docs, "src/vecs/filters.py")) == len(await found(docs, "Haus")) == 1
    assert await found(docs, "filters.py") == await found(docs, "pool") == []
    assert (await docs.info()).outdated_words
    assert "enable_text() indexes them anew" in str(await docs.explain("Haus", mode="keyword"))
    await docs.enable_text()
    assert len(await found(docs, "filters.py")) == len(await found(docs, "Haus")) == len(await found(docs, "pool")) == 1
    again = await client.get_collection("docs")
    assert len(await found(again, "filters.py")) == 1
    assert not (await again.info()).outdated_words
    assert "enable_text()" not in str(await docs.explain("Haus", mode="keyword"))
    before = [index.name for index in await docs.indexes()]
    await docs.enable_text()
    assert [index.name for index in await docs.indexes()] == before


async def test_tables_of_others_are_searched_as_they_were_indexed(
    client: vecs.AsyncClient, run: Callable[[str], None]
) -> None:
    run("""create table {s}.t (id int primary key, body text,
            w tsvector generated always as (to_tsvector('english', body)) stored);
        insert into {s}.t values (1, 'In src/vecs/filters.py')""")
    docs = await client.attach("t", text="body")
    assert await found(docs, "filters.py") == []
    assert await found(docs, "src/vecs/filters.py") == ["In src/vecs/filters.py"]
    assert not (await docs.info()).outdated_words
    assert "enable_text()" not in str(await docs.explain("x", mode="keyword"))
    expression = lexemes.lexemes("english", fragment("body"), lexemes.UNICODE).inline().decode()
    run(f"alter table {{s}}.t drop w, add w2 tsvector generated always as ({expression}) stored")
    docs = await client.attach("t", text="body")
    assert await found(docs, "filters.py") == ["In src/vecs/filters.py"]


async def test_an_empty_collection_of_an_earlier_version_is_made_anew(
    client: vecs.AsyncClient, run: Callable[[str], None]
) -> None:
    made_earlier(run)
    run("create index on {s}.docs using gin (text_search); create index on {s}.docs (document_id)")
    docs = await client.get_or_create_collection("docs", dimension=2)
    assert not (await docs.info()).outdated_words


MOST = 100_000
PATHOLOGICAL = {
    "a word": "a" * MOST,
    "parts": "ab." * MOST,
    "small parts": "a." * MOST,
    "numbers": "1." * MOST,
    "camels": "aB" * MOST,
    "capitals": "HTTPServer" * MOST,
    "punctuation": "-./@:#+~_\\" * MOST,
    "tags": "</a" * MOST,
    "generics": "a<A" * MOST,
    "attributes": "<input " + "a=" * MOST,
    "begun tags": "<b <a " * MOST,
    "quotes": "’" * MOST,
    "one Han": "漢" * MOST,
    "all Han": "".join(map(chr, [*range(0x4E00, 0xA000), *range(0x20000, 0x32000)])),
    "accents": "é " * MOST,
    "marks": "\u0301" * MOST,
    "lone marks": "\u0301 \u0345\u0e35 " * MOST,
    "decomposed": "e\u0301" * MOST,
    "ligatures": "\ufdfa." * MOST,
    "dotted": "İ " * MOST,
    "addresses": " http://a.b/c?d=e@f.g" * MOST,
    "paths": "/".join(f"p{n}" for n in range(MOST)),
    "names": " ".join(f"a{n}.b{n}é" for n in range(MOST)),
    "versions": " ".join(f"{n}.{n}.{n}" for n in range(MOST)),
    "four bytes": "-".join(chr(0x12000 + n % 900) + chr(0x10400 + n // 900) for n in range(MOST // 3)),
    "planes": "".join(chr(n) for n in range(1, sys.maxunicode, 11) if not 0xD800 <= n < 0xE000),
}


@pytest.mark.parametrize("kind", PATHOLOGICAL)
async def test_no_text_fails_an_upsert(client: vecs.AsyncClient, kind: str) -> None:
    text = PATHOLOGICAL[kind][: MOST + 10]
    docs = await collection(client, [text])
    assert [match.text for match in await docs.search(text[:50], mode="keyword")] in ([text], [])
    assert [record.text for record in await docs.get(["0"])] == [text]


# Parts of identifiers, scripts, marks and everything else, joined at random.
PIECES = st.one_of(
    st.sampled_from(["poolSize", "a", "B", "Zz", "3", ".", "-", "/", "_", "@", ":", "C++", "\n", "’", "漢", "é"]),
    st.sampled_from(["\u0301", "\u00ad", "\u200d", "ไ", "한", "ﷺ", "İ", "𠀀", "\\", "'", '"', "(?", "[", "$1", "\\1"]),
    st.text(st.characters(exclude_characters="\x00<>&", exclude_categories=["Cs"]), max_size=5),
)


@given(words=st.lists(st.lists(PIECES, max_size=6).map("".join), max_size=8), times=st.sampled_from([1, 1, 1, 300]))
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_stands_between_blanks_is_found(target: str, words: list[str], times: int) -> None:
    text = " ".join(words * times)
    with psycopg.connect(target, autocommit=True, cursor_factory=psycopg.RawCursor[tuple[bool]]) as connection:
        for preparation in (lexemes.UNICODE, lexemes.BYTES):
            whole = lexemes.lexemes("simple", fragment("{text}::text", text=Param(text)), preparation)
            for word in words:
                part = lexemes.lexemes("simple", fragment("{word}::text", word=Param(word)), preparation)
                contained = fragment("select {part} <@ {whole}", part=_array(part), whole=_array(whole))
                statement, params = contained.render()
                row = connection.execute(statement, params).fetchone()
                assert row == (True,), (word, text[:200])


def _array(vector: Fragment) -> Fragment:
    return fragment("tsvector_to_array({vector})", vector=vector)
