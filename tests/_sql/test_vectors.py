"""Vectors in pgvector's binary form, sparse ones, and the choice of a precision."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import pgvector.psycopg as pgvector
import pytest
from hypothesis import given
from hypothesis import strategies as st

import vecs
from vecs import IndexInfo, SparseVector
from vecs._checks.numbers import checked_oversampling
from vecs._indexing.precision import automatic_precision, precision_to_build
from vecs._searching.candidates import candidate_count
from vecs._searching.explain import why_precision
from vecs._searching.known_indexes import best_index
from vecs._sql import binary, indexes, search
from vecs._sql.answers import Columns
from vecs._sql.fragment import Param
from vecs._sql.indexes import IndexSpec
from vecs._sql.shape import Shape
from vecs._sql.tables import Extension, Table
from vecs._sql.vectors import checked_vector, encode_vec, vec_decoder, vec_param
from vecs.exc import ArgError, MismatchedDimension
from vecs.measures import measure_for, measures_of
from vecs.records import is_vector
from vecs.storage import VEC_TYPES, vec_type_of

EXTENSION = Extension("public", (0, 8, 5), 1, 2, 3)
FINITE = st.floats(-60_000, 60_000, width=32)


def table(vec_type: Any = "vector", dimension: int | None = 3, version: tuple[int, ...] = (0, 8, 5)) -> Table:
    return Table("s", "docs", dimension, Extension("public", version, 1, 2, 3), vec_type=vec_type)


@given(st.lists(FINITE, min_size=1, max_size=40))
def test_float_vectors_come_back_as_they_went(values: list[float]) -> None:
    vec = np.array(values, np.float32)
    assert np.array_equal(binary.decode_vector(binary.encode_vector(vec)), vec)
    half = binary.decode_half(binary.encode_half(vec))
    assert half.dtype == np.float32
    assert np.array_equal(half, vec.astype(np.float16).astype(np.float32))


@given(st.lists(st.booleans(), min_size=1, max_size=70))
def test_bits_come_back_as_they_went(values: list[bool]) -> None:
    bits = np.array(values)
    decoded = binary.decode_bits(binary.encode_bits(bits))
    assert decoded.dtype == np.bool_
    assert np.array_equal(decoded, bits)


@given(st.dictionaries(st.integers(0, 999_999_999), FINITE, max_size=40))
def test_sparse_vectors_come_back_as_they_went(values: dict[int, float]) -> None:
    vec = SparseVector.from_mapping(values, 1_000_000_000)
    assert binary.decode_sparse(binary.encode_sparse(vec)) == vec
    assert list(vec.indices) == sorted(index for index, value in values.items() if np.float32(value))


def test_the_layouts_are_those_of_pgvector() -> None:
    assert binary.encode_half(np.array([1, -2], np.float32)) == struct.pack("!HHee", 2, 0, 1, -2)
    assert binary.encode_bits(np.array([1, 0, 1, 0, 0, 0, 0, 0, 1], bool)) == struct.pack("!i", 9) + b"\xa0\x80"
    sparse = SparseVector(9, [4, 2], [0.5, 3])
    assert binary.encode_sparse(sparse) == struct.pack("!iiiiiff", 9, 2, 0, 2, 4, 3, 0.5)


def test_parameters_can_be_written_as_constants() -> None:
    assert str(vec_param(np.array([1, 0.5], np.float32), table("halfvec"))) == "[1.0,0.5]"
    assert str(vec_param(np.array([True, False]), table("bit"))) == "10"
    assert str(vec_param(SparseVector(9, [0, 4], [1, 2]), table("sparsevec"))) == "{1:1.0,5:2.0}/9"


# --- sparse vectors ------------------------------------------------------------------------------------


def test_a_sparse_vector_is_sorted_and_without_zeros() -> None:
    vec = SparseVector(5, [3, 1, 0], [0.5, 2, 0])
    assert vec.indices.tolist() == [1, 3]
    assert vec.values.tolist() == [2, 0.5]
    assert (vec.indices.dtype, vec.values.dtype) == (np.int32, np.float32)
    assert vec == SparseVector.from_mapping({3: 0.5, 1: 2}, 5) == SparseVector.from_dense([0, 2, 0, 0.5, 0])
    assert vec.to_dense().tolist() == [0, 2, 0, 0.5, 0]
    assert len(vec) == 2
    assert vec != SparseVector(6, [3, 1], [0.5, 2])
    assert vec != [0, 2, 0, 0.5, 0]


def test_an_empty_sparse_vector_is_all_zeros() -> None:
    assert SparseVector(3, [], []).to_dense().tolist() == [0, 0, 0]
    assert SparseVector.from_mapping({}, 3) == SparseVector.from_dense([0, 0, 0])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, [], []), "whole number from 1 to 1000000000, not 0"),
        (("3", [], []), "not '3'"),
        ((3, [3], [1]), "indices 0 to 2, not 3"),
        ((3, [-1], [1]), "indices 0 to 2, not -1"),
        ((3, [1, 1], [1, 2]), "index 1 is given twice"),
        ((3, [1], [1, 2]), "not 1 indices and 2 values"),
        ((3, [0.5], [1]), "whole numbers, not float64"),
        ((3, [True], [1]), "whole numbers, not bool"),
        ((3, [1], ["x"]), "numbers, not strings"),
        ((3, [[1]], [[1]]), "one axis"),
        ((3, 1, 1), "one axis"),
        ((3, [[1], [1, 2]], [1]), "not an array"),
    ],
)
def test_a_wrong_sparse_vector_is_refused(arguments: Any, message: str) -> None:
    with pytest.raises(ArgError, match=message):
        SparseVector(*arguments)


def test_scipy_rows_become_sparse_vectors() -> None:
    sparse = pytest.importorskip("scipy.sparse")
    expected = SparseVector(4, [1, 3], [2, 1])
    for make in (sparse.csr_matrix, sparse.csc_array, sparse.coo_array, sparse.lil_matrix, sparse.dok_array):
        assert SparseVector.from_scipy(make(np.array([[0, 2.0, 0, 1]]))) == expected
    assert SparseVector.from_scipy(sparse.coo_array(np.array([0, 2.0, 0, 1]))) == expected
    twice = sparse.coo_array(([1.0, 1.0], ([0, 0], [2, 2])), shape=(1, 4))
    assert SparseVector.from_scipy(twice) == SparseVector(4, [2], [2])
    assert twice.nnz == 2
    with pytest.raises(ArgError, match=r"one row; this scipy object has shape \(2, 4\)"):
        SparseVector.from_scipy(sparse.csr_matrix((2, 4)))


class SparseOfPgvector:
    """As pgvector-python's, whose values cannot be written out."""

    def dimensions(self) -> int:
        return 1_000_000_000

    def indices(self) -> list[int]:
        return [3, 1]

    def values(self) -> list[float]:
        return [0.5, 2.0]

    def to_numpy(self) -> None:
        raise MemoryError


def test_values_of_pgvectors_classes_are_taken_as_they_are() -> None:
    expected = np.array([1, 0, 2], dtype=np.float32)
    for vec in (pgvector.Vector([1, 0, 2]), pgvector.HalfVector([1, 0, 2])):
        assert is_vector(vec)
        for kind in ("vector", "halfvec", "sparsevec"):
            assert encode_vec(vec, table(kind), "vec") == encode_vec(expected, table(kind), "vec")
    bits = pgvector.Bit([True, False, True])
    assert encode_vec(bits, table("bit"), "vec") == encode_vec([1, 0, 1], table("bit"), "vec")
    sparse = pgvector.SparseVector({2: 2.0, 0: 1.0}, 3)
    assert is_vector(sparse)
    assert checked_vector(sparse, table("sparsevec"), "vec") == SparseVector.from_dense(expected)
    huge: Any = checked_vector(SparseOfPgvector(), table("sparsevec", 1_000_000_000), "vec")
    assert huge == SparseVector(1_000_000_000, [1, 3], [2, 0.5])
    assert checked_vector(pgvector.SparseVector([0, 0, 0]), table("sparsevec"), "vec") == SparseVector(3, [], [])
    with pytest.raises(ArgError, match="vec is sparse, SparseVector, but collection 'docs' holds full-precision"):
        checked_vector(sparse, table(), "vec")


# --- checks --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("vec_type", "values", "message"),
    [
        ("halfvec", [1, 2, 70_000], "70000.0 at position 2; half precision goes up to 65,504"),
        ("halfvec", [1, 2, -65_505], "-65505.0 at position 2"),
        ("halfvec", [1, float("nan"), 2], "nan at position 1"),
        ("halfvec", SparseVector(3, [], []), "sparse, SparseVector, but collection 'docs' holds half-precision"),
        ("vector", {1: 2.0}, "sparse, dict, but collection 'docs' holds full-precision vectors"),
        ("bit", [0, 1, 2], "2 at position 2; collection 'docs' holds bits: True or False"),
        ("bit", [0, 0.5, 1], "0.5 at position 1"),
        ("bit", [0, float("nan"), 1], "nan at position 1"),
        ("bit", "101", "holds strings"),
        ("bit", ["1", "0", "1"], "holds strings"),
        ("bit", [[1, 0, 1], [1, 0, 1]], "shape"),
        ("bit", [None, 1, 0], "holds Python objects"),
        ("sparsevec", {3: 1.0}, "record: vec is not a sparse vector: .* indices 0 to 2, not 3"),
        ("sparsevec", {"1": 1.0}, "whole numbers, not '1'"),
        ("sparsevec", {1: float("inf")}, "inf at position 1"),
        ("sparsevec", "text", "not a sparse vector"),
        ("sparsevec", [["a"]], "not a sparse vector"),
    ],
)
def test_a_wrong_value_is_refused_by_name(vec_type: Any, values: Any, message: str) -> None:
    with pytest.raises(ArgError, match=message):
        checked_vector(values, table(vec_type), "record: vec")


@pytest.mark.parametrize("vec_type", VEC_TYPES)
def test_a_wrong_dimension_is_told_for_each_type(vec_type: Any) -> None:
    with pytest.raises(MismatchedDimension, match="has dimension 2; collection 'docs' has dimension 3"):
        checked_vector([1, 0], table(vec_type), "it")


def test_too_many_sparse_values_are_refused() -> None:
    with pytest.raises(ArgError, match="16,001 values that are not zero; pgvector stores up to 16,000"):
        checked_vector(np.ones(16_001), table("sparsevec", 16_001), "it")


@pytest.mark.parametrize(
    ("vec_type", "values"),
    [
        ("halfvec", [65_504, -1, 0]),
        ("bit", [1, 0, 1]),
        ("bit", [True, False, True]),
        ("bit", np.array([1.0, 0.0, 1.0])),
        ("sparsevec", [0, 2, 0]),
        ("sparsevec", {1: 2.0}),
        ("sparsevec", {np.int64(1): 2}),
        ("sparsevec", {}),
        ("sparsevec", SparseVector(3, [1], [2])),
    ],
)
def test_what_a_type_takes_comes_back(vec_type: Any, values: Any) -> None:
    encoded = encode_vec(values, table(vec_type), "it")
    decoded: Any = vec_decoder(table(vec_type))(encoded)
    dense = decoded.to_dense() if vec_type == "sparsevec" else decoded
    if isinstance(values, dict):
        values = SparseVector.from_mapping(values, 3)
    assert dense.tolist() == (values.to_dense() if isinstance(values, SparseVector) else np.asarray(values)).tolist()


@pytest.mark.parametrize(
    ("precision", "sparse", "message"),
    [
        ("double", None, "unknown precision 'double'; expected one of full, half, binary"),
        (16, None, "unknown precision 16"),
        ([], None, "unknown precision"),
        (None, "yes", "sparse must be True or False, not 'yes'"),
        ("half", True, "pgvector stores sparse vectors in full precision only"),
    ],
)
def test_a_wrong_storage_is_refused(precision: Any, sparse: Any, message: str) -> None:
    with pytest.raises(ArgError, match=message):
        vec_type_of(precision, sparse)


# --- measures ------------------------------------------------------------------------------------------


def test_the_default_measure_is_that_of_the_type() -> None:
    assert measure_for(None, "bit", 3).measure == "hamming_distance"
    for vec_type in ("vector", "halfvec", "sparsevec"):
        assert measure_for(None, vec_type, 3).measure == "cosine_distance"


def test_a_measure_that_the_type_lacks_is_refused() -> None:
    with pytest.raises(ArgError, match=r"cosine_distance is not a measure.*bits.* hamming_distance, jaccard_distance$"):
        measure_for("cosine_distance", "bit", 3)
    with pytest.raises(ArgError, match=r"jaccard_distance is not a measure.*sparse.*cosine_distance, l2_distance"):
        measure_for("jaccard_distance", "sparsevec", 3)


@pytest.mark.parametrize("measure", measures_of("bit"))
def test_scores_of_bits_are_between_0_and_1(measure: Any) -> None:
    spec = measure_for(measure, "bit", 8)
    greatest = 8.0 if measure == "hamming_distance" else 1.0
    scores = [spec.score(greatest * share) for share in (0, 0.25, 0.5, 1)]
    assert scores == [1.0, 0.75, 0.5, 0.0]
    assert measure_for(measure, "bit", 8) is spec


# --- precision -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("vec_type", "dimension", "expected"),
    [
        ("vector", 2000, "full"),
        ("vector", 2001, "half"),
        ("vector", 4000, "half"),
        ("vector", 4001, "binary"),
        ("vector", 16_000, "binary"),
        ("halfvec", 4000, "full"),
        ("halfvec", 4001, "binary"),
        ("bit", 64_000, "full"),
        ("sparsevec", 1_000_000_000, "full"),
    ],
)
def test_auto_takes_the_highest_precision_that_fits(vec_type: Any, dimension: int, expected: str) -> None:
    measure = measure_for(None, vec_type, dimension)
    assert precision_to_build(table(vec_type, dimension), measure, "auto") == expected
    assert automatic_precision(table(vec_type, dimension)) == expected


@pytest.mark.parametrize(
    ("made", "measure", "precision", "message"),
    [
        (table(dimension=2001), None, "full", "has 2,001 dimensions; a full-precision index takes up to 2,000"),
        (table(dimension=4001), None, "half", "half precision takes up to 4,000. precision='auto' chooses what fits"),
        (table(dimension=3), "l1_distance", "binary", "the angle.*precision='half' supports all measures"),
        (table(dimension=5000), "l1_distance", "auto", "the angle.*Up to 4,000 dimensions.*has 5,000"),
        (table("bit"), None, "half", "holds bits, and there is no index for them with precision='half'"),
        (table("sparsevec"), None, "binary", "holds sparse vectors, and there is no index"),
        (table("halfvec", 4001), None, "half", "takes up to 4,000"),
        (table(dimension=None), None, "auto", "without a dimension"),
        (table(), None, "double", "unknown precision 'double'; expected one of auto, full, half, binary"),
        (table(), None, None, "unknown precision None"),
        (
            table(version=(0, 6, 2)),
            None,
            "half",
            "needs pgvector 0.7 or newer; the server has 0.6.2.*alter extension vector update.*use precision='full'",
        ),
        (table(dimension=5000, version=(0, 6, 2)), None, "auto", "pgvector 0.7 or newer.*search without an index"),
    ],
)
def test_an_index_that_cannot_be_is_refused(made: Table, measure: Any, precision: Any, message: str) -> None:
    with pytest.raises(ArgError, match=message):
        precision_to_build(made, measure_for(measure, made.vec_type, made.dimension), precision)


@pytest.mark.parametrize("wrong", [0, 0.99, -1, "2", True, float("nan"), float("inf"), [2]])
def test_a_wrong_oversampling_is_refused(wrong: Any) -> None:
    with pytest.raises(ArgError, match="oversampling must be a number from 1 to 1,000,000"):
        checked_oversampling(wrong)


def test_candidates_are_a_multiple_of_the_results() -> None:
    assert candidate_count("binary", 10, None) == 100
    assert candidate_count("binary", 1, None) == 40
    assert candidate_count("half", 10, None) == 12
    assert candidate_count("binary", 10, 2.5) == 25
    assert candidate_count("half", 2**63 - 1, None) == 2**63 - 1


def an_index(precision: Any, measure: Any = "cosine_distance") -> IndexInfo:
    found = {"half": "(vec)::public.halfvec(3)", "binary": '("My ext".binary_quantize(vec))::bit(3)'}.get(precision)
    spec = IndexSpec(table(), measure_for(measure, "vector", 3), precision, vecs.IndexMethod.hnsw, {"m": 16})
    name = indexes.index_name(spec, "1234567")
    column = None if found else "vec"
    rows = [(name, "hnsw", column, spec.opclass, ["m=16"], True, False, 8192, "...", found, None, 0)]
    return indexes.read_indexes(rows, table())[0]


@pytest.mark.parametrize("precision", ["full", "half", "binary"])
@pytest.mark.parametrize("measure", ["cosine_distance", "l2_distance", "max_inner_product"])
def test_an_index_is_read_as_it_was_made(precision: Any, measure: Any) -> None:
    index = an_index(precision, measure)
    assert (index.precision, index.measure, index.column) == (precision, measure, "vec")
    assert (len(index.measures) == 3) == (precision == "binary")
    assert measure in index.measures


@pytest.mark.parametrize(
    "expression",
    [
        "(vec)::halfvec(2)",
        "(l2_normalize(vec))::halfvec(3)",
        "(subvector(vec, 1, 3))::halfvec(3)",
        "(binary_quantize(vec))::bit(2)",
        "(binary_quantize(subvector(vec, 1, 3)))::bit(3)",
    ],
)
def test_an_index_on_another_expression_serves_no_search(expression: str) -> None:
    row = ("mine", "hnsw", None, "halfvec_cosine_ops", None, True, False, 0, "...", expression, None, 0)
    (index,) = indexes.read_indexes([row], table())
    assert (index.precision, index.measure, index.measures, index.column) == (None, None, (), None)


def test_a_search_takes_the_index_of_the_highest_precision() -> None:
    cosine = measure_for(None, "vector", 3)
    full, half, code = (an_index(precision) for precision in ("full", "half", "binary"))
    assert best_index([code, half, full], cosine) is full
    assert best_index([code, half], cosine) is half
    assert best_index([code], measure_for("l2_distance", "vector", 3)) is code
    assert best_index([full, half, code], measure_for("l1_distance", "vector", 3)) is None


def test_the_reason_for_a_precision_is_told() -> None:
    half, code = an_index("half"), an_index("binary")
    assert why_precision(table(dimension=3072), half, 12) == [
        "The vectors have 3,072 dimensions; a full-precision index takes up to 2,000, so index() chose half precision.",
        "It finds 12 candidates by half precision and ranks them by their exact distance, from the vectors as they "
        "are stored.",
    ]
    assert why_precision(table(dimension=6000), code, 100)[0] == (
        "The vectors have 6,000 dimensions; a full-precision index takes up to 2,000, one of half precision up to "
        "4,000, so index() chose binary precision."
    )
    assert why_precision(table("halfvec", 6000), code, 100)[0].startswith(
        "The vectors have 6,000 dimensions; an index of them takes up to 4,000"
    )
    assert "was made with precision='binary'" in why_precision(table(dimension=3072), code, 100)[0]
    assert why_precision(table(), an_index("full"), 10) == why_precision(table(), None, 10) == []


@pytest.mark.parametrize("precision", ["half", "binary"])
def test_candidates_are_limited_inside_and_ranked_outside(precision: Any) -> None:
    vec = vec_param(np.ones(3, np.float32), table())
    shape = Shape(
        table(), measure_for(None, "vector", 3), Columns(vec=True), limit=3, precision=precision, candidates=9
    )
    text, params = search.nearest(shape, Param(vec)).render()
    inside, outside = text.decode().split(") as candidates")
    # The query is sent once, the exact distance comes from inside, the vectors are sent for the results only.
    assert [str(param) for param in params] == ["[1.0,1.0,1.0]"]
    assert inside.strip().endswith("limit 9")
    assert inside.count("vector_send") == 1
    assert outside.split() == ["order", "by", "distance,", "id", "limit", "3"]
