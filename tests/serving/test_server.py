"""Who may ask the server of a map, what, and what it answers."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from typing import Any

import pytest

import vecs
from tests.serving.conftest import EVIL

Answered = tuple[int, dict[str, str], bytes]


@pytest.fixture
def atlas(docs: vecs.Collection) -> Iterator[vecs.Atlas]:
    with docs.atlas(projection="pca") as atlas:
        assert atlas.wait(60)
        yield atlas


def send(atlas: vecs.Atlas, method: str, path: str, body: Any = None, **headers: str | None) -> Answered:
    """Send a request as the page does, but for headers that are given; None leaves one out."""
    address, _, token = atlas.url.partition("/#")
    host = address.removeprefix("http://")
    given = {"Authorization": f"Bearer {token}", "Host": host, **{k.replace("_", "-"): v for k, v in headers.items()}}
    connection = http.client.HTTPConnection(host, timeout=60)
    try:
        connection.putrequest(method, path, skip_host=True)
        content = body if isinstance(body, bytes) else json.dumps(body or {}).encode()
        for name, value in given.items():
            if value is not None:
                connection.putheader(name, value)
        if "Content-Length" not in given:
            connection.putheader("Content-Length", str(len(content)))
        connection.endheaders(content)
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()
    finally:
        connection.close()


def ask(atlas: vecs.Atlas, question: str, **asked: Any) -> Any:
    status, _, content = send(atlas, "POST", f"/api/{question}", asked)
    return status, json.loads(content)


def test_the_page_may_load_nothing_from_elsewhere(atlas: vecs.Atlas) -> None:
    status, headers, content = send(atlas, "GET", "/", Authorization=None)
    assert (status, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "'unsafe-inline'" not in policy
    assert "connect-src 'self'" in policy
    # The page itself holds nothing of the collection, and no way out.
    assert b"docs" not in content
    assert b"://" not in content
    for name in ("atlas.css", "atlas.js", "api.js", "dom.js", "legend.js", "panel.js", "view.js"):
        status, _, content = send(atlas, "GET", f"/{name}", Authorization=None)
        assert status == 200
        assert b"://" not in content
        assert b"innerHTML" not in content


def test_the_licences_of_what_is_bundled_are_there(atlas: vecs.Atlas) -> None:
    _, _, content = send(atlas, "GET", "/scatterplot.LICENSE.txt")
    text = content.decode()
    for name in ("regl-scatterplot", "regl", "regl-line", "pub-sub-es", "dom-2d-camera", "gl-matrix", "kdbush"):
        assert f"{name} " in text
    assert "MIT" in text


@pytest.mark.parametrize(
    "path", ["/../server.py", "/%2e%2e/server.py", "/page/index.html", "/api/state", "/x" * 2000, "/server.py"]
)
def test_other_files_are_not_there(atlas: vecs.Atlas, path: str) -> None:
    assert send(atlas, "GET", path)[0] == 404


@pytest.mark.parametrize("token", [None, "", "Bearer", "Bearer wrong", "Bearer \u00e9", "Basic {token}"])
def test_whoever_lacks_the_token_is_told_nothing(atlas: vecs.Atlas, token: str | None) -> None:
    for question in ("state", "info", "points", "search", "record", "export", "other"):
        status, _, content = send(atlas, "POST", f"/api/{question}", {"number": 0}, Authorization=token)
        assert status == 401
        assert b"docs" not in content


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://127.0.0.1:1", "https://127.0.0.1", "file://"]
)
def test_other_pages_may_not_ask(atlas: vecs.Atlas, origin: str) -> None:
    assert send(atlas, "POST", "/api/state", Origin=origin)[0] == 403


@pytest.mark.parametrize("host", [None, "", "evil.example", "127.0.0.1", "127.0.0.1:1", "localhost.evil.example"])
def test_other_names_of_the_host_are_refused(atlas: vecs.Atlas, host: str | None) -> None:
    for method, path in (("GET", "/"), ("POST", "/api/state")):
        assert send(atlas, method, path, Host=host)[0] == 403


def test_the_page_may_ask(atlas: vecs.Atlas) -> None:
    origin = atlas.url.partition("/#")[0]
    assert send(atlas, "POST", "/api/state", Origin=origin)[0] == 200
    named = origin.replace("127.0.0.1", "localhost")
    assert send(atlas, "POST", "/api/state", Origin=named, Host=named.removeprefix("http://"))[0] == 200


def test_nothing_is_changed_by_any_other_method(atlas: vecs.Atlas) -> None:
    for method in ("PUT", "DELETE", "PATCH", "OPTIONS"):
        assert send(atlas, method, "/api/state")[0] == 501


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"1", b'"text"', b"\xff\xfe", b"[" * 100_000, b'{"query": NaN}'])
def test_what_is_no_question_is_refused_in_words(atlas: vecs.Atlas, body: bytes) -> None:
    status, _, content = send(atlas, "POST", "/api/record", body)
    assert status == 400
    assert json.loads(content)["error"]


def test_too_long_a_question_is_refused(atlas: vecs.Atlas) -> None:
    for length in ("99999999999", "-1", "x", ""):
        assert send(atlas, "POST", "/api/state", b"", Content_Length=length)[0] == 413


@pytest.mark.parametrize(
    ("question", "asked"),
    [
        ("search", {"query": 1}),
        ("search", {"query": "[1, 2]"}),
        ("search", {"query": "oil", "mode": "other"}),
        ("search", {"query": "oil", "mode": "keyword", "limit": 0}),
        ("search", {"query": "oil", "mode": "keyword", "limit": True}),
        ("search", {"query": "oil", "mode": "keyword", "filters": []}),
        ("search", {"query": "oil", "mode": "keyword", "filters": {"$wrong": 1}}),
        ("neighbours", {"id": "missing"}),
        ("neighbours", {}),
        ("record", {"number": 61}),
        ("record", {"number": -1}),
        ("record", {"number": "0"}),
        ("record", {"id": "missing"}),
        ("legend", {"field": "missing"}),
        ("numbers", {"field": "topic"}),
        ("matching", {"filters": {"year": {"$gt": {}}}}),
        ("select", {"numbers": "all"}),
        ("select", {"numbers": [0.5]}),
        ("export", {"numbers": [-1]}),
    ],
)
def test_what_cannot_be_answered_is_said_in_a_sentence(atlas: vecs.Atlas, question: str, asked: dict[str, Any]) -> None:
    status, answer = ask(atlas, question, **asked)
    assert status == 400
    assert "\n" not in answer["error"]


def test_words_are_found_and_marked(atlas: vecs.Atlas) -> None:
    status, answer = ask(atlas, "search", query="pumps", mode="keyword", limit=3, filters={"year": {"$lt": 1993}})
    assert status == 200
    assert {match["id"] for match in answer["matches"]} == {"pump-00", "pump-01", "pump-02"}
    assert ["pump", True] in answer["matches"][0]["pieces"]


def test_texts_come_as_they_are(atlas: vecs.Atlas) -> None:
    _, answer = ask(atlas, "record", id=EVIL)
    assert answer["text"] == EVIL
    assert answer["metadata"][EVIL] == EVIL
    _, headers, _ = send(atlas, "POST", "/api/record", {"id": EVIL})
    assert headers["Content-Type"] == "application/json"
    assert headers["X-Content-Type-Options"] == "nosniff"


def test_a_filter_finds_points(atlas: vecs.Atlas) -> None:
    _, _, content = send(atlas, "POST", "/api/matching", {"filters": {"topic": "oil"}})
    assert len(content) == 15 * 4
    _, _, everything = send(atlas, "POST", "/api/matching", {"filters": {}})
    assert len(everything) == 61 * 4


def test_an_export_has_a_line_for_each_record(atlas: vecs.Atlas) -> None:
    _, headers, content = send(atlas, "POST", "/api/export", {"numbers": [*range(61), 99]})
    assert headers["Transfer-Encoding"] == "chunked"
    lines = [json.loads(line) for line in content.splitlines()]
    assert len(lines) == 61
    assert {"id", "text", "metadata", "vec"} <= lines[0].keys()
    assert send(atlas, "POST", "/api/export", {"numbers": []})[2] == b""


def test_a_map_that_was_closed_answers_nobody(docs: vecs.Collection) -> None:
    with docs.atlas(projection="pca") as atlas:
        atlas.wait(60)
        host = atlas.url.partition("/#")[0].removeprefix("http://")
        kept = http.client.HTTPConnection(host, timeout=60)
        kept.request("GET", "/")
        kept.getresponse().read()
        kept_socket: Any = kept.sock
    assert kept_socket.recv(10) == b""
    kept.close()
    with pytest.raises(OSError, match="refused"):
        send(atlas, "GET", "/")


def test_two_maps_have_tokens_of_their_own(docs: vecs.Collection, atlas: vecs.Atlas) -> None:
    with docs.atlas(projection="pca") as other:
        token = other.url.partition("#")[2]
        assert send(atlas, "POST", "/api/state", Authorization=f"Bearer {token}")[0] == 401
