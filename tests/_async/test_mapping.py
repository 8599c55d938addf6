"""The map of a collection, as its methods make it."""

from __future__ import annotations

import io
import json
import re
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import vecs
from vecs._async.collection import mapping
from vecs._atlas import gathering, projection
from vecs._serving import cache
from vecs.exc import ArgError, CollectionNotFound, FilterError
from vecs.records import Record

RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VECS_CACHE", str(tmp_path))
    return tmp_path


async def filled(client: vecs.AsyncClient, count: int = 40, **options: Any) -> vecs.AsyncCollection:
    docs = await client.create_collection("docs", dimension=4, **options)
    await docs.upsert((f"r{at:03}", RNG.normal(size=4), {"n": at, "even": at % 2 == 0}) for at in range(count))
    return docs


def ask(atlas: vecs.Atlas, question: str, **asked: Any) -> Any:
    address, _, token = atlas.url.partition("#")
    body = json.dumps(asked).encode()
    request = urllib.request.Request(f"{address}api/{question}", body, {"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        content = answer.read()
        return json.loads(content) if answer.headers["Content-Type"] == "application/json" else content


def points_of(atlas: vecs.Atlas) -> Any:
    return np.frombuffer(ask(atlas, "points")[4:], dtype="<f4").reshape(-1, 2)


async def test_a_map_has_a_point_for_each_record(client: vecs.AsyncClient) -> None:
    docs = await filled(client)
    with await docs.atlas(color="n") as atlas:
        assert atlas.wait(60)
        assert ask(atlas, "state")["phase"] == "done"
        info = ask(atlas, "info")
        assert (info["shown"], info["total"], info["sampled"], info["color"]) == (40, 40, False, "n")
        assert info["fields"] == [{"key": "even", "kind": "category"}, {"key": "n", "kind": "number"}]
        points = points_of(atlas)
        assert points.shape == (40, 2)
        assert np.isfinite(points).all()
    assert atlas.closed
    assert repr(atlas) == "<vecs.Atlas of 'docs', closed>"
    atlas.close()


@pytest.mark.parametrize("count", [0, 1, 2, 3])
async def test_few_records_make_a_map(client: vecs.AsyncClient, count: int) -> None:
    docs = await filled(client, count)
    async with await docs.atlas() as atlas:
        assert atlas.wait(60)
        assert ask(atlas, "state")["error"] is None
        assert ask(atlas, "info")["shown"] == count
        assert points_of(atlas).shape == (count, 2)


async def test_more_records_than_the_limit_are_a_sample_that_filters_narrow(client: vecs.AsyncClient) -> None:
    docs = await filled(client)
    with await docs.atlas(limit=10, filters={"even": True}, projection="pca") as atlas:
        atlas.wait(60)
        info = ask(atlas, "info")
        assert (info["shown"], info["total"], info["sampled"]) == (10, 20, True)
        ask(atlas, "select", numbers=list(range(10)))
        assert len(set(atlas.selection)) == 10
        assert all(int(id[1:]) % 2 == 0 for id in atlas.selection)
        # A search finds records beyond the sample, and none that the map's filter leaves out.
        found = ask(atlas, "search", query="[1, 0, 0, 0]", limit=50)["matches"]
        assert len(found) == 20
        assert sum(match["number"] is None for match in found) == 10


async def test_directions_come_from_a_sample_where_there_are_many(
    client: vecs.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    docs = await filled(client)
    monkeypatch.setattr(gathering, "BASIS_ROWS", 10)
    monkeypatch.setattr(mapping, "BASIS_ROWS", 10)
    with await docs.atlas(projection="pca") as atlas:
        atlas.wait(60)
        assert points_of(atlas).shape == (40, 2)


async def test_the_second_map_takes_its_points_from_the_cache(
    client: vecs.AsyncClient, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    docs = await filled(client)
    with await docs.atlas() as atlas:
        atlas.wait(60)
        first = points_of(atlas)
    (kept,) = own_cache.rglob("*.npy")

    def never(*_: object) -> Any:
        raise AssertionError("arranged again")

    monkeypatch.setattr("vecs._serving.layout.arranged", never)
    with await docs.atlas() as atlas:
        atlas.wait(60)
        assert points_of(atlas).tolist() == first.tolist()
    # What is damaged is not believed.
    kept.write_bytes(b"other")
    assert cache.recalled(kept.stem, 40) is None


async def test_closing_the_client_closes_its_maps(client: vecs.AsyncClient) -> None:
    docs = await filled(client)
    one, two = await docs.atlas(), await docs.with_settings({"app.tenant": "a"}).atlas()
    await client.close()
    assert one.closed
    assert two.closed
    with pytest.raises(OSError, match="refused"):
        ask(one, "state")


async def test_records_without_vectors_are_told(client: vecs.AsyncClient, run: Callable[[str], None]) -> None:
    run("""create table {s}.things (id int primary key, v public.vector(2), title text, price float8);
           insert into {s}.things values (1, '[1,2]', 'one', 1.5), (2, null, 'two', 'NaN');
           insert into {s}.things values (3, '[2,1]', 'three', 'NaN');
        """)
    things = await client.attach("things", vec="v", columns=["title", "price"])
    with await things.atlas() as atlas:
        atlas.wait(60)
        info = ask(atlas, "info")
        assert (info["shown"], info["total"], info["without_vector"], info["sampled"]) == (2, 3, 1, False)
        assert ask(atlas, "legend", field="price")["missing"] == 1
        assert ask(atlas, "record", id="2")["metadata"]["title"] == "two"
        assert ask(atlas, "neighbours", id="1")["matches"][0]["id"] == "3"


async def test_sparse_vectors_and_bits_have_maps(client: vecs.AsyncClient) -> None:
    sparse = await client.create_collection("sparse", dimension=5000, sparse=True)
    await sparse.upsert([(f"s{at}", {at: 1.0, 4000: 0.5}, {}) for at in range(6)])
    bits = await client.create_collection("bits", dimension=8, precision="binary")
    await bits.upsert([(f"b{at}", RNG.integers(0, 2, 8).astype(bool), {}) for at in range(6)])
    for collection in (sparse, bits):
        with await collection.atlas() as atlas:
            atlas.wait(60)
            assert np.isfinite(points_of(atlas)).all()
            assert len(ask(atlas, "export", numbers=[0, 1]).splitlines()) == 2


async def test_what_is_wrong_is_said_before_anything_is_served(client: vecs.AsyncClient) -> None:
    docs = await filled(client, 3)
    with pytest.raises(FilterError):
        await docs.atlas(filters={"n": {"$wrong": 1}})
    with pytest.raises(ArgError, match="limit"):
        await docs.atlas(limit=0)
    with await docs.atlas() as atlas:
        port = int(re.findall(r":(\d+)/", atlas.url)[0])
        with pytest.raises(ArgError, match=f"port {port} cannot be used"):
            await docs.atlas(port=port)
    await client.delete_collection("docs")
    with pytest.raises(CollectionNotFound):
        await docs.with_settings({"app.x": "1"}).atlas()


async def test_a_failure_is_told_by_the_page(client: vecs.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    docs = await filled(client)

    def failing(*_: object) -> Any:
        raise ArgError("it cannot be arranged")

    monkeypatch.setattr("vecs._serving.model.layouts", failing)
    with await docs.atlas() as atlas:
        atlas.wait(60)
        state = ask(atlas, "state")
        assert (state["phase"], state["error"]) == ("failed", "it cannot be arranged")


async def test_a_plot_is_a_figure(client: vecs.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    docs = await filled(client)
    monkeypatch.setattr(projection, "MOST_ARRANGED", 20)
    figure = await docs.plot(color="n", size=(5, 4))
    assert figure.axes[0].get_title() == "docs: 40 records"
    figure.savefig(io.BytesIO())
    assert (await docs.plot(limit=10, projection="pca")).axes[0].get_title() == "docs: 10 of 40 records"
    with pytest.raises(ArgError, match="color='m' is no metadata key .* there are 'even', 'n'"):
        await docs.plot(color="m", projection="pca")


async def test_notebooks_show_what_is_known_and_nothing_else(
    client: vecs.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    docs = await filled(client, 2, text=True)
    await docs.upsert([Record("<script>", [1, 2, 3, 4], "where <b>oil</b> goes", {"<i>": "<u>"})])
    shown = [await client.info(), await docs.info(), await docs.search([1, 2, 3, 4], text="oil", highlight=True)]
    await client.close()
    # Nothing is asked of the database: the client stays closed.
    made = [value._repr_html_() for value in (client, docs, *shown)]
    assert client._executor._connections._pool is None
    for html in made:
        assert not re.search("<script>|<b>oil|<i>|<u>", html)
    assert "where &lt;b&gt;<mark>oil</mark>&lt;/b&gt; goes" in made[-1]
    assert all(fact in made[1] for fact in ("docs", "vector", "english"))


async def test_notebooks_show_a_map_where_they_are(client: vecs.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SSH_CONNECTION", "JUPYTERHUB_USER", "CODESPACES", "KUBERNETES_SERVICE_HOST"):
        monkeypatch.delenv(name, raising=False)
    docs = await filled(client, 2)
    with await docs.atlas() as atlas:
        assert f'<iframe src="{atlas.url}"' in atlas._repr_html_()
        monkeypatch.setenv("JUPYTERHUB_USER", "ann")
        assert "<iframe" not in atlas._repr_html_()
        assert atlas.url in atlas._repr_html_()
    assert "<iframe" not in atlas._repr_html_()
