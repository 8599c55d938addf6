"""Which index is asked for, which one is kept, and what is built: decided without a server."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from vecs import IndexArgsHNSW, IndexArgsIVFFlat, IndexMethod
from vecs._indexing.wanted import IndexPlan, IndexRequest, index_on_key, lists_for, plan_index, requested_index
from vecs._sql.indexes import IndexInfo, IndexSpec, index_name, read_indexes
from vecs._sql.tables import Extension, Table
from vecs.exc import ArgError
from vecs.filters import parse_filters
from vecs.measures import measure_for

TABLE = Table("s", "docs", 3, Extension("public", (0, 8, 5), 1))
NOVELS = parse_filters({"kind": "novel"})


def request(measure: Any = "cosine_distance", **options: Any) -> IndexRequest:
    return IndexRequest(measure_for(measure, "vector", 3), **options)


def wanted(**options: Any) -> IndexSpec:
    return requested_index(TABLE, request(args=IndexArgsHNSW(), **options))


def planned(spec: IndexSpec, *existing: IndexInfo, replace: bool = True) -> IndexPlan:
    return plan_index(spec, existing, replace=replace, concurrently=False)


def built(spec: IndexSpec, unique: str = "1234567", *, valid: bool = True) -> IndexInfo:
    """An index as the catalog tells of it once it is built."""
    expression = {"half": "(vec)::halfvec(3)", "binary": "(binary_quantize(vec))::bit(3)"}.get(spec.precision)
    options = [f"{name}={value}" for name, value in spec.options.items()]
    condition = "(metadata @> ...)" if spec.condition.parts else None
    name, column = index_name(spec, unique), None if expression else "vec"
    row = (name, spec.method.value, column, spec.opclass, options, valid, False, 8192, "", expression, condition, 0)
    return read_indexes([row], spec.table)[0]


METADATA = IndexInfo("ix_meta_1234567", "gin", "metadata", None, {}, True, False, 8192, "")


def test_a_method_left_open_is_hnsw_where_pgvector_has_it() -> None:
    old = replace(TABLE, extension=Extension("public", (0, 4, 4), 1))
    assert requested_index(TABLE, request()).method is IndexMethod.hnsw
    assert requested_index(old, request()).method is IndexMethod.ivfflat
    with pytest.raises(ArgError, match=r"it is 0\.4\.4\), or use method='ivfflat'"):
        requested_index(old, request(method=IndexMethod.hnsw))


def test_parameters_are_checked_or_left_open() -> None:
    assert requested_index(TABLE, request()).options == {}
    spec = requested_index(TABLE, request(method=IndexMethod.ivfflat, args=IndexArgsIVFFlat(7)))
    assert spec.options == {"lists": 7}
    with pytest.raises(ArgError, match="lists must be an integer from 1 to 32768"):
        requested_index(TABLE, request(method=IndexMethod.ivfflat, args=IndexArgsIVFFlat(0)))


def test_an_index_that_pgvector_does_not_have_is_refused() -> None:
    with pytest.raises(ArgError, match="pgvector has no ivfflat index for l1_distance of full-precision vectors"):
        requested_index(TABLE, request("l1_distance", method=IndexMethod.ivfflat))
    old = replace(TABLE, extension=Extension("public", (0, 6, 2), 1))
    with pytest.raises(ArgError, match=r"l1_distance needs pgvector 0\.7 or newer; the server has 0\.6\.2"):
        requested_index(old, request("l1_distance"))


def test_an_index_on_a_part_is_on_the_vectors_as_they_are_stored() -> None:
    assert requested_index(TABLE, request(filters=NOVELS)).condition.parts
    with pytest.raises(ArgError, match=r"has 3\. Leave filters= out, or give precision='full'$"):
        requested_index(TABLE, request(filters=NOVELS, precision="half"))
    with pytest.raises(ArgError, match=r"has 3,000\. Leave filters= out$"):
        requested_index(replace(TABLE, dimension=3000), request(filters=NOVELS))


def test_an_index_that_equals_the_wanted_one_is_kept() -> None:
    spec = wanted()
    there = built(spec)
    assert planned(spec, there, METADATA) == (there.name, [], [])


def test_a_new_collection_gets_the_index_and_one_for_metadata() -> None:
    name, (first, second), superseded = planned(wanted())
    assert first.render()[0].decode().startswith(f'create index "{name}" on "s"."docs" using "hnsw" ')
    assert "using gin (metadata" in second.render()[0].decode()
    assert superseded == []


@pytest.mark.parametrize("unlike", [{"precision": "half"}, {"args": IndexArgsHNSW(8)}])
def test_another_index_for_the_measure_is_superseded(unlike: dict[str, Any]) -> None:
    there = built(requested_index(TABLE, request(**{"args": IndexArgsHNSW(), **unlike})))
    plan = planned(wanted(), there, METADATA)
    assert plan.name != there.name
    assert len(plan.statements) == 1
    assert plan.superseded == [there.name]


def test_an_index_for_another_measure_stays() -> None:
    there = built(wanted(measure="l2_distance"))
    assert planned(wanted(), there).superseded == []


def test_binary_codes_of_any_measure_are_superseded_by_binary_codes() -> None:
    there = built(wanted(measure="l2_distance", precision="binary"))
    assert planned(wanted(precision="binary"), there).name == there.name
    other = built(requested_index(TABLE, request(precision="binary", args=IndexArgsHNSW(8))))
    assert planned(wanted(precision="binary"), other).superseded == [other.name]


def test_an_invalid_index_counts_for_nothing() -> None:
    spec = wanted()
    plan = planned(spec, built(spec, valid=False))
    assert len(plan.statements) == 2
    assert plan.superseded == []


def test_without_replace_an_index_for_the_measure_is_an_error() -> None:
    there = built(wanted())
    with pytest.raises(ArgError, match=f"^replace is set to False but an index exists: '{there.name}' for cosine_dist"):
        planned(wanted(), there, replace=False)
    assert planned(wanted(measure="l2_distance"), there, replace=False).statements


def test_an_index_on_a_part_concerns_only_those_on_the_same_part() -> None:
    spec = wanted(filters=NOVELS)
    whole, same = built(wanted()), built(spec)
    other = built(wanted(filters=parse_filters({"kind": "poem"})))
    assert planned(spec, whole, other, METADATA).superseded == []
    assert planned(spec, whole, other, same, METADATA) == (same.name, [], [])
    larger = built(requested_index(TABLE, request(filters=NOVELS, args=IndexArgsHNSW(8))), "7654321")
    assert planned(spec, larger).superseded == [larger.name]


@pytest.mark.parametrize(("rows", "lists"), [(100_000, 100), (150_000, 100), (60_000, 100), (300_000, 300), (10, 1)])
def test_a_collection_that_grew_a_little_keeps_its_number_of_lists(rows: int, lists: int) -> None:
    spec = requested_index(TABLE, request(method=IndexMethod.ivfflat, args=IndexArgsIVFFlat(100)))
    assert lists_for(spec, [METADATA, built(spec)], rows) == lists


def test_a_metadata_index_is_found_by_key_and_type() -> None:
    of_year = replace(METADATA, name="years", method="btree", column=None, key="year", key_type="number")
    assert index_on_key([METADATA, of_year], "year", "number") == "years"
    assert index_on_key([METADATA, of_year], "year", "string") is None
    assert index_on_key([replace(of_year, valid=False)], "year", "number") is None
