"""Words of the query in the texts that were found: where they are, in every mode and language."""

from __future__ import annotations

import html
from collections.abc import Callable
from typing import Any

import pytest

import vecs
from vecs._async.sending import sessions
from vecs.exc import ArgError

TEXTS = {
    "bread": "Feed the sourdough starter, fold the dough, and bake it: baking takes an hour.",
    "cake": "Beat butter and sugar, then Bake the cake.",
    "motor": "Change the oil of the motor.",
    "none": None,
}
VECTORS = {"bread": [1.0, 0.1], "cake": [0.9, 0.4], "motor": [0.0, 1.0], "none": [0.1, 1.0]}


def embed(texts: list[str]) -> list[list[float]]:
    return [[float(len(text)), 1.0] for text in texts]


@pytest.fixture
async def docs(client: vecs.AsyncClient) -> vecs.AsyncCollection:
    docs = await client.create_collection("docs", 2, text=True)
    await docs.upsert([vecs.Record(id, VECTORS[id], text, {"n": n}, "d") for n, (id, text) in enumerate(TEXTS.items())])
    return docs


def marked(found: list[vecs.Match]) -> dict[str, str]:
    return {match.id: match.highlighted("[", "]") for match in found}


BAKE = {
    "bread": "Feed the sourdough starter, fold the dough, and [bake] it: [baking] takes an hour.",
    "cake": "Beat butter and sugar, then [Bake] the cake.",
}
REST = {"motor": "Change the oil of the motor.", "none": ""}


async def test_every_mode_highlights_the_words_of_the_query(docs: vecs.AsyncCollection) -> None:
    found = await docs.search("the baker is baking", mode="keyword", highlight=True)
    assert marked(found) == BAKE
    assert found[0].highlights is not None
    assert [(found[0].text or "")[start:end].lower()[:3] for start, end in found[0].highlights] == ["bak"] * len(
        found[0].highlights
    )
    assert marked(await docs.search([1, 0], text="baked", mode="hybrid", highlight=True)) == BAKE | REST
    nearest = await docs.search([1, 0], text="baked", highlight=True, exact=True)
    assert marked(nearest) == BAKE | REST
    assert [match.highlights for match in nearest[2:]] == [(), ()]
    plain = await docs.search([1, 0], exact=True)
    assert [match.id for match in plain] == [match.id for match in nearest]
    assert {match.highlights for match in plain} == {None}


async def test_a_text_that_a_transform_embeds_is_highlighted(client: vecs.AsyncClient) -> None:
    docs = await client.create_collection("docs", transform=vecs.Embedding(embed, 2))
    await docs.upsert([("a", "Bake the cake.", {})])
    assert marked(await docs.search("cakes", highlight=True)) == {"a": "Bake the [cake]."}
    assert marked(await docs.search("cakes", text="baking", highlight=True)) == {"a": "[Bake] the cake."}
    many = await docs.search_many(["cakes", "the", "bake it"], highlight=True)
    assert [marked(found)["a"] for found in many] == ["Bake the [cake].", "Bake the cake.", "[Bake] the cake."]


async def test_highlights_go_with_every_other_option(docs: vecs.AsyncCollection) -> None:
    def shortest(query: str, texts: list[str]) -> list[float]:
        return [-float(len(text)) for text in texts]

    given: list[dict[str, Any]] = [
        {"group_by": "$document_id", "group_size": 4},
        {"context": 1},
        {"rerank": shortest},
        {"diversity": 0.5},
        {"offset": 1, "exact": True},
        {"filters": {"n": {"$lt": 2}}},
        {"include_columns": True, "include_vector": True},
        {"like": ["motor"]},
        {"threshold": 0.01},
    ]
    for options in given:
        for mode in ("vector", "hybrid"):
            plain = {**options} if "rerank" not in options and mode == "vector" else {**options, "text": "bake"}
            found = await docs.search([1, 0], text="bake", mode=mode, highlight=True, **options)
            assert marked(found).items() <= (BAKE | REST).items()
            assert [m.id for m in found] == [m.id for m in await docs.search([1, 0], mode=mode, **plain)]
            if options.get("context"):
                assert all(match.context is not None for match in found)
    assert "read by one more statement" in await docs.explain([1, 0], text="bake", highlight=True)


@pytest.mark.parametrize(
    ("language", "text", "query", "expected"),
    [
        ("english", "Mice ran; a mouse runs. Running!", "run the mice", "[Mice] ran; a mouse [runs]. [Running]!"),
        ("german", "Die Häuser und das Haus der Bäcker", "Häusern der", "Die [Häuser] und das [Haus] der Bäcker"),
        ("simple", "The cats of the Cat", "the cat", "[The] cats of [the] [Cat]"),
        ("french", "L'arbre, d’arbres et l'eau qu'il aime", "l'arbre", "L'[arbre], d’[arbres] et l'eau qu'il aime"),
        ("french", "Aujourd'hui l'école est là", "d'écoles est", "Aujourd'hui l'[école] est là"),
        ("english", "a well-known state", "known", "a well-[known] state"),
        ("english", "a soft\u00adhyphen", "softhyphen", "a [soft\u00adhyphen]"),
        ("english", "ann@example.com or READ.ME", "Ann@Example.com", "[ann@example.com] or READ.ME"),
        ("english", "vitamin C is in C++ and c code", "C++", "vitamin C is in [C++] and c code"),
        ("german", "C# und C und C++", "c#", "[C#] und C und C++"),
        ("english", "#include <stdio.h>", "stdio", "#include <[stdio].h>"),
        ("simple", "PostgreSQL数据库的数字", "数据", "PostgreSQL[数据]库的数字"),
        ("simple", "ฐานข้อมูล ทั่วไป", "ข้อมูล", "ฐาน[ข้อมูล] ทั่วไป"),
    ],
)  # fmt: skip
async def test_words_are_read_as_in_the_language_of_the_collection(
    client: vecs.AsyncClient, language: str, text: str, query: str, expected: str
) -> None:
    docs = await client.create_collection("docs", 1, text=True, language=language)
    await docs.upsert([vecs.Record("a", [1.0], text)])
    (found,) = await docs.search([1.0], text=query, highlight=True)
    assert found.highlighted("[", "]") == expected


async def test_the_server_is_asked_once_and_only_for_words_that_are_not_known(
    docs: vecs.AsyncCollection, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []
    run = sessions.run_statement

    async def recorded(connection: Any, statement: Any, **options: Any) -> Any:
        text, params = statement.render()
        if b"tsvector_to_array" in text:
            asked.append(sorted(params[0]))
        return await run(connection, statement, **options)

    monkeypatch.setattr(sessions, "run_statement", recorded)
    await docs.search("motor", mode="keyword")
    assert asked == []
    assert len(await docs.search_many(["the motor", "baking"], mode="keyword", highlight=True)) == 2
    assert len(asked) == 1
    assert {"motor", "baking", "sourdough", "the", "The"} - set(asked[0]) == {"The"}
    await docs.search("motor baking", mode="keyword", highlight=True)
    assert len(asked) == 1
    await docs.search("new motors", mode="keyword", highlight=True)
    assert asked[1:] == [["motors", "new"]]
    other = await docs.client.get_collection("docs")
    await other.with_settings({"work_mem": "8MB"}).search("new motors", mode="keyword", highlight=True)
    assert len(asked) == 2
    await docs.search("submarine", mode="keyword", highlight=True)
    assert asked[2:] == []


async def test_a_changed_language_reads_words_anew(docs: vecs.AsyncCollection) -> None:
    assert marked(await docs.search("bakes", mode="keyword", highlight=True)) == BAKE
    await docs.enable_text("simple")
    assert await docs.search("bakes", mode="keyword", highlight=True) == []
    found = marked(await docs.search("the bake", mode="keyword", highlight=True))
    assert found["cake"] == "Beat butter and sugar, then [Bake] [the] cake."


HOSTILE = {
    "stop words": "the of and a it",
    "empty": "",
    "blanks": " \t\n",
    "punctuation": "&|!<->:*()'\"\\ <b> %s {0} $1",
    "NUL": "\x00bake\x00",
    "surrogates": "\ud800 bake \udfff",
    "32 words": " ".join(f"word{n}" for n in range(40)) + " bake",
    "long": "bake " * 100_000,
    "one long word": "bake" * 100_000,
    "expression": "(a+)+$ [[:alpha:]]* bake",
}


@pytest.mark.parametrize("query", HOSTILE.values(), ids=HOSTILE)
async def test_any_text_is_a_query(docs: vecs.AsyncCollection, query: str) -> None:
    expected = BAKE if "bake" in query.replace("bakebake", "") else {name: TEXTS[name] for name in BAKE}
    for mode in ("vector", "hybrid"):
        found = await docs.search([1, 0], text=query, mode=mode, highlight=True)
        assert marked(found) == {**expected, **REST}
    assert marked(await docs.search(query, mode="keyword", highlight=True)).items() <= BAKE.items()


async def test_texts_of_any_size_and_kind_are_highlighted(docs: vecs.AsyncCollection) -> None:
    strange = {
        "words": "bake " + " ".join(f"w{n:x}" for n in range(160_000)) + " bake",
        "one word": "a" * 1_000_000,
        "hyphens": "a-" * 500_000,
        "camel": "aB" * 500_000,
        "Chinese": "烘焙" * 300_000,
        "accents": "e\u0301" * 500_000,
        "controls": "bake \x1b[31m<b>bake</b>\x07 \u202e",
    }
    await docs.upsert([vecs.Record(id, [1.0, 0.0], text, {"strange": True}) for id, text in strange.items()])
    found = {
        match.id: match
        for match in await docs.search([1, 0], text="bake 烘焙", filters={"strange": True}, highlight=True)
    }
    # As far as texts are indexed.
    assert found["words"].highlights == ((0, 4),)
    assert found["Chinese"].highlights == ((0, 100_000),)
    assert found["controls"].highlights == ((0, 4), (13, 17))
    assert [found[id].highlights for id in ("one word", "hyphens", "camel", "accents")] == [(), (), (), ()]
    assert found["controls"].highlighted("<mark>", "</mark>", escape=html.escape).count("<") == 4


@pytest.mark.parametrize(
    ("query", "options", "problem"),
    [
        ([1, 0], {}, "the query is list, and highlight= needs words: give text= beside it"),
        (None, {"like": ["cake"]}, "the query is NoneType, and highlight= needs words: give text="),
        ([1, 0], {"text": 5}, "text must be a string, not 5"),
        ("a text", {}, "has no transform"),
        ([1, 0], {"text": "a", "highlight": "yes"}, "highlight must be True or False, not 'yes'"),
    ],
)
async def test_what_cannot_be_highlighted_says_why(
    docs: vecs.AsyncCollection, query: Any, options: Any, problem: str
) -> None:
    with pytest.raises(ArgError, match=problem):
        await docs.search(query, **{"highlight": True, **options})


async def test_a_collection_without_texts_says_how_to_have_them(client: vecs.AsyncClient) -> None:
    docs = await client.create_collection("plain", 1)
    with pytest.raises(ArgError, match=r"highlight= needs texts, and collection 'plain' keeps none; call its enable_t"):
        await docs.search([1.0], text="a", highlight=True)


TABLE = """
    create table {s}.articles (k int primary key, body text, v vector(1),
        words tsvector generated always as (to_tsvector('german', body)) stored,
        other tsvector);
    insert into {s}.articles (k, body, v, other) values (1, 'Die Häuser der Stadt', '[1]', 'haus');
"""


async def test_words_of_a_table_of_ones_own_are_read_in_its_language(
    client: vecs.AsyncClient, run: Callable[[str], None]
) -> None:
    run(TABLE)
    docs = await client.attach("articles", id="k", vec="v", text="body")
    for mode in ("vector", "keyword", "hybrid"):
        query: Any = {"query": "das Haus"} if mode == "keyword" else {"query": [1.0], "text": "das Haus"}
        (found,) = await docs.search(mode=mode, highlight=True, **query)
        assert found.highlighted("[", "]") == "Die [Häuser] der Stadt"
    docs = await client.attach("articles", id="k", vec="v", text="body", text_search="other", language="english")
    (found,) = await docs.search([1.0], text="die Stadt", highlight=True)
    assert found.highlighted("[", "]") == "[Die] Häuser der [Stadt]"
    docs = await client.attach("articles", id="k", vec="v", text_search="words", language="german")
    with pytest.raises(ArgError, match="highlight= needs texts: name their column, attach"):
        await docs.search("Haus", mode="keyword", highlight=True)
