"""Vectors in half precision, as bits and sparse; indexes of lower precision than the vectors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import psycopg
import pytest

import vecs
from vecs import IndexArgsHNSW, IndexArgsIVFFlat, SparseVector
from vecs.exc import ArgError, CollectionAlreadyExists, DatabaseError

DIMENSION = 24
# More than one statement carries: the rows are staged.
MANY = 700


def clustered(rows: int, dimension: int) -> np.ndarray[Any, Any]:
    """Make vectors as embeddings are: in clusters, of unit length."""
    rng = np.random.default_rng(1)
    centres = rng.normal(size=(20, dimension))
    vectors = centres[rng.integers(0, 20, rows)] + 0.6 * rng.normal(size=(rows, dimension))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def sparse(row: np.ndarray[Any, Any]) -> SparseVector:
    return SparseVector.from_dense(np.where(row > 0.1, row, 0))


KINDS: dict[str, tuple[dict[str, Any], Callable[[Any], Any]]] = {
    "half": ({"precision": "half"}, lambda row: row),
    "binary": ({"precision": "binary"}, lambda row: row > 0),
    "sparse": ({"sparse": True}, sparse),
}


def dense(vec: Any) -> np.ndarray[Any, Any]:
    return vec.to_dense() if isinstance(vec, SparseVector) else vec


def same(left: Any, right: Any) -> bool:
    return np.allclose(dense(left), dense(right), atol=1e-3)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("text", [False, True])
async def test_a_collection_of_any_storage_does_what_others_do(client: vecs.AsyncClient, kind: str, text: bool) -> None:
    how, make = KINDS[kind]
    vectors = [make(row) for row in clustered(MANY + 3, DIMENSION)]
    docs = await client.create_collection("docs", DIMENSION, text=text, **how)
    assert await docs.upsert((f"{i:04}", vec, {"n": i}) for i, vec in enumerate(vectors[:MANY])) == MANY
    assert await docs.upsert([(f"{i:04}", vectors[i], {"n": i}) for i in range(MANY, MANY + 3)]) == 3
    assert await docs.upsert([("0000", vectors[1], {"n": 0}), ("0000", vectors[0], {"n": 0})]) == 1

    (first, last) = await docs.get(["0000", f"{MANY + 2}".zfill(4)], include_vector=True)
    assert same(first.vec, vectors[0])
    assert same(last.vec, vectors[-1])
    assert type(first.vec) is type(vectors[0])
    assert same((await docs["0003"]).vec, vectors[3])
    assert [r.id async for r in docs.scan(page_size=300)] == [f"{i:04}" for i in range(MANY + 3)]

    query = vectors[5]
    exact = await docs.search(query, exact=True, include_vector=True)
    assert exact[0].id == "0005"
    assert same(exact[0].vec, query)
    assert all(0 <= match.score <= 1 for match in exact)
    assert exact == sorted(exact, key=lambda match: match.distance)
    name = await docs.index()
    assert await docs.index() == name
    found = await docs.search(query)
    assert found[0].id == "0005"
    assert np.allclose([m.distance for m in found], [m.distance for m in exact], atol=0.1)
    assert name in await docs.explain(query)
    some = await docs.search(query, filters={"n": {"$lt": 20}}, limit=15)
    assert len(some) == 15
    assert all(match.metadata["n"] < 20 for match in some)
    (row,) = await docs.query(query, limit=1, include_value=True, include_vector=True)
    assert (row.id, same(row.vec, query)) == ("0005", True)

    info = await docs.info()
    assert (info.precision, info.sparse) == ("full" if kind == "sparse" else kind, kind == "sparse")
    (index,) = [i for i in info.indexes if i.measure]
    assert index.precision == "full"
    assert await docs.is_indexed_for_measure(index.measure or "")
    again = await client.get_collection("docs")
    assert same((await again.get(["0003"], include_vector=True))[0].vec, vectors[3])
    assert await client.collection_names() == ["docs"]


@pytest.mark.parametrize("kind", KINDS)
async def test_data_frames_hold_vectors_of_any_storage(client: vecs.AsyncClient, kind: str) -> None:
    how, make = KINDS[kind]
    vec = make(clustered(1, DIMENSION)[0])
    docs = await client.create_collection("docs", DIMENSION, **how)
    await docs.upsert([("a", vec, {})])
    pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    assert same((await docs.to_pandas())["vec"][0], vec)
    given = (await docs.to_arrow())["vec"][0].as_py()
    if kind == "sparse":
        given = SparseVector(DIMENSION, given["indices"], given["values"])
    assert same(given, vec)


async def test_sparse_vectors_are_given_in_many_forms(client: vecs.AsyncClient) -> None:
    docs = await client.create_collection("docs", 100_000, sparse=True)
    expected = SparseVector(100_000, [2, 99_999], [1.5, 2])
    row = np.zeros(100_000)
    row[[2, 99_999]] = 1.5, 2
    forms = [expected, {2: 1.5, 99_999: 2}, row, row.tolist()]
    scipy = pytest.importorskip("scipy.sparse")
    forms += [scipy.csr_matrix(row), scipy.coo_array(row)]
    await docs.upsert([(str(i), form, {}) for i, form in enumerate(forms)])
    await docs.upsert([vecs.Record("mapping", {2: 1.5, 99_999: 2})])
    records = await docs.get(include_vector=True)
    assert [record.vec for record in records] == [expected] * (len(forms) + 1)
    for form in forms:
        assert (await docs.search(form, limit=1, exact=True))[0].distance == pytest.approx(0)


@pytest.mark.parametrize("measure", ["cosine_distance", "l2_distance", "max_inner_product", "l1_distance"])
@pytest.mark.parametrize("kind", ["half", "sparse"])
async def test_every_measure_of_numbers_is_there(client: vecs.AsyncClient, kind: str, measure: Any) -> None:
    how, make = KINDS[kind]
    vectors = [make(row) for row in clustered(100, DIMENSION)]
    docs = await client.create_collection("docs", DIMENSION, **how)
    await docs.upsert([(str(i), vec, {}) for i, vec in enumerate(vectors)])
    name = await docs.index(measure)
    assert [i.measure for i in await docs.indexes() if i.name == name] == [measure]
    exact = await docs.search(vectors[0], measure=measure, exact=True)
    assert {m.id for m in exact} & {m.id for m in await docs.search(vectors[0], measure=measure)}


async def test_bits_are_compared_by_hamming_and_jaccard_distance(client: vecs.AsyncClient) -> None:
    docs = await client.create_collection("docs", 4, precision="binary")
    await docs.upsert([("a", [1, 1, 0, 0], {}), ("b", [True, False, False, False], {}), ("c", [0.0, 0, 1, 1], {})])
    await docs.index()
    found = await docs.search([1, 1, 0, 0])
    assert [(m.id, m.distance, m.score) for m in found] == [("a", 0, 1), ("b", 1, 0.75), ("c", 4, 0)]
    await docs.index("jaccard_distance")
    found = await docs.search([1, 1, 0, 0], measure="jaccard_distance")
    assert [(m.id, m.distance) for m in found] == [("a", 0), ("b", 0.5), ("c", 1)]
    assert {i.measure for i in await docs.indexes() if i.measure} == {"hamming_distance", "jaccard_distance"}
    assert (await docs.query([1, 1, 0, 0], limit=1)) == ["a"]


# --- indexes of lower precision ------------------------------------------------------------------------


@pytest.fixture
async def docs(client: vecs.AsyncClient) -> vecs.AsyncCollection:
    """A collection of embeddings, not indexed."""
    docs = await client.create_collection("docs", 128)
    await docs.upsert((f"{i:04}", vec, {"n": i}) for i, vec in enumerate(clustered(1000, 128)))
    return docs


def queries(count: int) -> np.ndarray[Any, Any]:
    return clustered(1000, 128)[:count] + 0.01 * np.random.default_rng(2).normal(size=(count, 128))


@pytest.mark.parametrize("method", [IndexArgsHNSW(), IndexArgsIVFFlat(4)])
@pytest.mark.parametrize("measure", ["cosine_distance", "l2_distance", "max_inner_product"])
@pytest.mark.parametrize(("precision", "least"), [("half", 0.95), ("binary", 0.9)])
async def test_lower_precision_finds_nearly_all_in_exact_order(
    docs: vecs.AsyncCollection, precision: Any, least: float, measure: Any, method: Any
) -> None:
    await docs.index(measure, method, precision=precision)
    recalled = 0
    for query in queries(30):
        exact = await docs.search(query, measure=measure, exact=True)
        found = await docs.search(query, measure=measure)
        assert len(found) == 10
        assert found == sorted(found, key=lambda match: match.distance)
        distances = {match.id: match.distance for match in exact}
        recalled += sum(match.id in distances for match in found)
        # From the vectors as they are stored, not from what is in the index.
        assert all(m.distance == pytest.approx(distances[m.id], abs=1e-6) for m in found if m.id in distances)
    assert recalled / 300 >= least


@pytest.mark.parametrize("precision", ["half", "binary"])
async def test_a_search_of_lower_precision_does_what_others_do(docs: vecs.AsyncCollection, precision: Any) -> None:
    name = await docs.index(precision=precision)
    query = queries(1)[0]
    plan = await docs.explain(query)
    assert f"The search by nearness (cosine_distance) uses {name} (hnsw)." in plan
    assert f"Index {name} was made with precision='{precision}'." in plan
    everything = await docs.search(query, limit=30)
    pages = [await docs.search(query, limit=10, offset=offset, oversampling=50) for offset in (0, 10, 20)]
    assert [m.distance for page in pages for m in page] == pytest.approx([m.distance for m in everything], abs=0.05)
    (match,) = await docs.search(query, limit=1, include_vector=True)
    assert same(match.vec, clustered(1000, 128)[int(match.id)])
    some = await docs.search(query, filters={"n": {"$lt": 5}})
    assert sorted(m.id for m in some) == ["0000", "0001", "0002", "0003", "0004"]
    assert await docs.search(query, filters={"n": -1}) == []
    assert len(await docs.search(query, limit=1000)) == 1000
    assert await docs.search(query, limit=0) == []
    assert await docs.search(query, limit=100_000, offset=999, oversampling=1000) != []
    assert (await docs.query(query, limit=1, oversampling=3)) == [match.id]
    assert [len(found) for found in await docs.search_many([query, query], oversampling=2, limit=3)] == [3, 3]


async def test_oversampling_buys_recall(docs: vecs.AsyncCollection) -> None:
    await docs.index(precision="binary")

    async def recall(oversampling: float) -> float:
        found = 0
        for query in queries(20):
            exact = {m.id for m in await docs.search(query, exact=True)}
            found += len(exact & {m.id for m in await docs.search(query, oversampling=oversampling, ef_search=400)})
        return found / 200

    assert await recall(1) < await recall(5) <= await recall(20)
    assert await recall(100) == 1


async def test_text_and_extra_come_with_the_matches(client: vecs.AsyncClient) -> None:
    docs = await client.create_collection("docs", 8, text=True)
    vectors = clustered(50, 8)
    await docs.upsert(
        [vecs.Record(str(i), vec, f"text {i}", {"n": i}, f"doc {i}", {"x": i}) for i, vec in enumerate(vectors)]
    )
    await docs.index(precision="binary")
    for match in await docs.search(vectors[7], include_extra=True, include_vector=True):
        i = int(match.id)
        assert (match.text, match.metadata, match.document_id) == (f"text {i}", {"n": i}, f"doc {i}")
        assert match.extra == {"x": i}
        assert same(match.vec, vectors[i])


@pytest.mark.parametrize(
    ("precision", "dimension", "expected", "told"),
    [
        (None, 2001, "half", "have 2,001 dimensions; a full-precision index takes up to 2,000, so index() chose half"),
        (None, 4001, "binary", "one of half precision up to 4,000, so index() chose binary precision"),
        ("half", 4000, "full", "The search "),
        ("half", 4001, "binary", "an index of them takes up to 4,000, so index() chose binary precision"),
        ("binary", 10_000, "full", "The search "),
    ],
)
async def test_auto_chooses_what_the_dimension_allows_and_says_so(
    client: vecs.AsyncClient, precision: Any, dimension: int, expected: str, told: str
) -> None:
    vectors = clustered(60, dimension)
    given: Any = vectors > 0 if precision == "binary" else vectors
    docs = await client.create_collection("wide", dimension, precision=precision)
    await docs.upsert([(str(i), vec, {}) for i, vec in enumerate(given)])
    name = await docs.index()
    (index,) = [i for i in await docs.indexes() if i.measure]
    assert (index.name, index.precision) == (name, expected)
    assert (await docs.search(given[3]))[0].id == "3"
    plan = await docs.explain(given[3], limit=5)
    # Whether an index of so few rows is worth its while is the planner's to say.
    assert told in plan


async def test_a_new_index_replaces_that_of_its_measure(docs: vecs.AsyncCollection) -> None:
    async def there() -> set[tuple[Any, Any]]:
        return {(i.measure.value, i.precision) for i in await docs.indexes() if i.measure}

    first = await docs.index(precision="binary")
    assert await docs.index("l2_distance", precision="binary") == first
    assert await there() == {("cosine_distance", "binary")}
    for measure in ("cosine_distance", "l2_distance", "max_inner_product"):
        assert await docs.is_indexed_for_measure(measure)
    assert not await docs.is_indexed_for_measure("l1_distance")
    await docs.index("l2_distance", precision="half")
    assert await there() == {("cosine_distance", "binary"), ("l2_distance", "half")}
    await docs.index(precision="half")
    assert await there() == {("cosine_distance", "half"), ("l2_distance", "half")}
    await docs.index()
    assert await there() == {("cosine_distance", "full"), ("l2_distance", "half")}
    await docs.index("l2_distance", precision="binary")
    assert await there() == {("cosine_distance", "full"), ("l2_distance", "binary")}
    second = await docs.index("l2_distance", IndexArgsHNSW(m=8), precision="binary")
    assert await there() == {("cosine_distance", "full"), ("l2_distance", "binary")}
    assert [i.name for i in await docs.indexes() if i.measure == "l2_distance"] == [second]
    for measure in ("cosine_distance", "l2_distance", "max_inner_product"):
        with pytest.raises(ArgError, match="replace is set to False but an index exists"):
            await docs.index(measure, replace=False, precision="half")


async def test_a_search_without_covering_index_still_warns(
    docs: vecs.AsyncCollection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vecs._searching.known_indexes.WORTH_AN_INDEX", 1)
    await docs.index(precision="binary")
    await docs.search(queries(1)[0], measure="l2_distance")
    with pytest.warns(UserWarning, match=r'index\("l1_distance"\)'):
        await docs.search(queries(1)[0], measure="l1_distance")


async def test_a_query_beyond_half_precision_is_answered_exactly(docs: vecs.AsyncCollection) -> None:
    await docs.index(precision="half")
    query = queries(1)[0] * 1e6
    assert [m.id for m in await docs.search(query)] == [m.id for m in await docs.search(query, exact=True)]
    assert "compares every record" in await docs.explain(query)


async def test_values_beyond_half_precision_name_the_remedy(client: vecs.AsyncClient) -> None:
    docs = await client.create_collection("docs", 2, precision="half")
    with pytest.raises(ArgError, match=r"record 'a': vec has 70000.0 at position 1; half precision.*precision='full'"):
        await docs.upsert([("a", [1, 70_000], {})])
    with pytest.raises(ArgError, match="the query has 70000.0 at position 0"):
        await docs.search([70_000, 1])
    full = await client.create_collection("full", 2)
    await full.index(precision="half")
    with pytest.raises(DatabaseError, match=r"halfvec; .*drop the index of half precision"):
        await full.upsert([("a", [1, 70_000], {})])


async def test_too_many_values_for_a_sparse_index_name_the_remedy(client: vecs.AsyncClient) -> None:
    docs = await client.create_collection("docs", 2000, sparse=True)
    await docs.upsert([("a", np.ones(2000), {})])
    await docs.truncate()
    await docs.index()
    with pytest.raises(DatabaseError, match="1000 non-zero elements .*keep fewer values"):
        await docs.upsert([("a", np.ones(2000), {})])


# --- refusals ------------------------------------------------------------------------------------------


async def test_the_storage_of_a_collection_is_decided_when_it_is_created(client: vecs.AsyncClient) -> None:
    for name, how in (("half", {"precision": "half"}), ("sparse", {"sparse": True}), ("plain", {})):
        made: Any = how
        await client.get_or_create_collection(name, dimension=3, **made)
        await client.get_or_create_collection(name, dimension=3)
        docs = await client.get_or_create_collection(name, dimension=3, **made)
        await docs.upsert([("a", {0: 1.0} if name == "sparse" else [1, 0, 0], {})])
    with pytest.raises(ArgError, match="exists and holds half-precision vectors.*leave precision='full' out"):
        await client.get_or_create_collection("half", dimension=3, precision="full")
    with pytest.raises(ArgError, match="exists and holds full-precision vectors.*leave precision='binary' out"):
        await client.get_or_create_collection("plain", dimension=3, precision="binary")
    with pytest.raises(ArgError, match="exists and holds sparse vectors.*leave sparse=False out"):
        await client.get_or_create_collection("sparse", dimension=3, sparse=False)
    with pytest.raises(ArgError, match="leave sparse=True out"):
        await client.get_or_create_collection("plain", dimension=3, sparse=True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"dimension": 16_001, "precision": "half"}, "from 1 to 16000, not 16001"),
        ({"dimension": 64_001, "precision": "binary"}, "from 1 to 64000, not 64001"),
        ({"dimension": 1_000_000_001, "sparse": True}, "from 1 to 1000000000, not 1000000001"),
        ({"dimension": 3, "precision": "quarter"}, "unknown precision 'quarter'"),
        ({"dimension": 3, "precision": "binary", "sparse": True}, "sparse vectors in full precision only"),
    ],
)
async def test_a_storage_that_is_not_there_is_refused(client: vecs.AsyncClient, arguments: Any, message: str) -> None:
    for make in (client.create_collection, client.get_or_create_collection):
        with pytest.raises(ArgError, match=message):
            await make("docs", **arguments)
    assert await client.collection_names() == []


async def test_a_transform_fills_half_precision_but_neither_bits_nor_sparse(client: vecs.AsyncClient) -> None:
    transform: Any = vecs.Embedding(lambda texts: [[1.0, len(t), 0.0] for t in texts], dimension=3)
    docs = await client.create_collection("half", transform=transform, precision="half")
    await docs.upsert([("a", "a text", {}), ("b", "another text", {})])
    assert (await docs.search("a text", exact=True))[0].id == "a"
    for how in ({"precision": "binary"}, {"sparse": True}):
        made: Any = how
        with pytest.raises(ArgError, match=r"takes no transform.*use index\(precision='binary'\)"):
            await client.create_collection("other", transform=transform, **made)
    await client.create_collection("bits", 3, precision="binary")
    with pytest.raises(ArgError, match="a collection of bits takes no transform"):
        await client.get_collection("bits", transform=transform)


async def test_a_measure_that_the_collection_lacks_is_refused(client: vecs.AsyncClient) -> None:
    bits = await client.create_collection("bits", 3, precision="binary")
    for call in (bits.search, bits.query, bits.explain):
        with pytest.raises(ArgError, match="expected one of hamming_distance, jaccard_distance"):
            await call([1, 0, 1], measure="cosine_distance")
    with pytest.raises(ArgError, match="cosine_distance is not a measure for bits"):
        await bits.index("cosine_distance")
    with pytest.raises(ArgError, match="no ivfflat index for jaccard_distance of bits; use method='hnsw'"):
        await bits.index("jaccard_distance", "ivfflat")
    sparse_one = await client.create_collection("sparse", 3, sparse=True)
    with pytest.raises(ArgError, match="no ivfflat index for cosine_distance of sparse vectors"):
        await sparse_one.index(method="ivfflat")
    plain = await client.create_collection("plain", 3)
    with pytest.raises(ArgError, match="hamming_distance is not a measure for full-precision vectors"):
        await plain.search([1, 0, 1], measure="hamming_distance")


async def test_a_wrong_oversampling_is_refused_before_the_search(docs: vecs.AsyncCollection) -> None:
    for call in (docs.search, docs.query, docs.explain):
        with pytest.raises(ArgError, match="oversampling must be a number from 1"):
            await call(queries(1)[0], oversampling=0.5)


# --- made elsewhere ------------------------------------------------------------------------------------


async def test_tables_of_any_vector_type_made_elsewhere_are_collections(
    client: vecs.AsyncClient, target: str, schema: str
) -> None:
    await client.create_collection("docs", 3)
    with psycopg.connect(target, autocommit=True) as connection:
        for kind in ("halfvec(3)", "bit(3)", "sparsevec(3)", "varbit(3)"):
            name = kind.split("(")[0]
            connection.execute(
                f'create table "{schema}"."{name}" (id text primary key, vec {kind} not null, metadata jsonb)'
            )
    assert await client.collection_names() == ["bit", "docs", "halfvec", "sparsevec"]
    for name in ("bit", "halfvec", "sparsevec"):
        found = await client.get_collection(name)
        assert found.dimension == 3
        await found.upsert([("a", [1, 0, 1], {})])
        assert (await found.search([1, 0, 1], exact=True))[0].id == "a"
    with pytest.raises(CollectionAlreadyExists, match="vec has type varbit; collections hold vector, halfvec, bit"):
        await client.get_or_create_collection("varbit", dimension=3)


async def test_an_index_of_lower_precision_made_elsewhere_is_used(
    docs: vecs.AsyncCollection, target: str, schema: str
) -> None:
    with psycopg.connect(target, autocommit=True) as connection:
        connection.execute(f'create index mine on "{schema}".docs using hnsw ((vec::halfvec(128)) halfvec_l2_ops)')
    (index,) = [i for i in await docs.indexes() if i.name == "mine"]
    assert (index.measure, index.precision, index.column) == ("l2_distance", "half", "vec")
    assert "uses mine" in await docs.explain(queries(1)[0], measure="l2_distance")
