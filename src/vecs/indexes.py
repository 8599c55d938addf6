"""Index methods as plain data: their options, the measures they serve, the setting that tunes a search."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeAlias, cast

from vecs._checks.numbers import checked_int
from vecs._checks.shown import brief
from vecs._checks.wrong_calls import constructor_explains_wrong_calls
from vecs.exc import ArgError
from vecs.measures import MEASURES
from vecs.storage import VEC_TYPES


class IndexMethod(str, Enum):
    """How an index is built; `auto` chooses HNSW where pgvector has it."""

    auto = "auto"
    ivfflat = "ivfflat"
    hnsw = "hnsw"


@constructor_explains_wrong_calls
@dataclass(frozen=True)
class IndexArgsHNSW:
    """
    Build parameters of an HNSW index; None means pgvector's default.

    `m`: links per node, 2 to 100. `ef_construction`: candidates during the build, 4 to 1000, at least 2 * m.
    """

    m: int | None = 16
    ef_construction: int | None = 64


@constructor_explains_wrong_calls
@dataclass(frozen=True)
class IndexArgsIVFFlat:
    """Build parameters of an IVFFlat index: `n_lists` clusters, 1 to 32768."""

    n_lists: int


IndexArgs: TypeAlias = IndexArgsHNSW | IndexArgsIVFFlat


@dataclass(frozen=True)
class MethodSpec:
    """
    What pgvector calls a method.

    `options` maps each storage option to its least, greatest and default value and its tag in index names
    (stock vecs finds an index by its name); `opclasses` are those it has; `search_setting`
    is the setting that trades speed for recall, with its range.
    """

    method: IndexMethod
    options: Mapping[str, tuple[int, int, int | None, str]]
    opclasses: frozenset[str]
    search_setting: str
    search_range: tuple[int, int]


_IVFFLAT = frozenset({f"{kind}_{measure}_ops" for kind in ("vector", "halfvec") for measure in ("l2", "ip", "cosine")})
# Some of these do not exist, such as Jaccard's of vectors; no collection can ask for them.
_EVERY = frozenset({spec.opclass_for(kind) for spec in MEASURES.values() for kind in VEC_TYPES})

METHODS: dict[IndexMethod, MethodSpec] = {
    IndexMethod.hnsw: MethodSpec(
        IndexMethod.hnsw,
        {"m": (2, 100, 16, "m"), "ef_construction": (4, 1000, 64, "efc")},
        _EVERY,
        "hnsw.ef_search",
        (1, 1000),
    ),
    IndexMethod.ivfflat: MethodSpec(
        IndexMethod.ivfflat,
        {"lists": (1, 32768, None, "nl")},
        _IVFFLAT | {"bit_hamming_ops"},
        "ivfflat.probes",
        (1, 32768),
    ),
}


def build_options(args: IndexArgs) -> dict[str, int]:
    """Return checked storage options; a value out of range raises ArgError."""
    if isinstance(args, IndexArgsHNSW):
        given = {"m": args.m, "ef_construction": args.ef_construction}
        method = IndexMethod.hnsw
    else:
        given = {"lists": args.n_lists}
        method = IndexMethod.ivfflat
    options: dict[str, int] = {}
    for name, (least, greatest, default, _) in METHODS[method].options.items():
        value = default if given[name] is None else given[name]
        options[name] = checked_int(value, name, least, greatest)
    if method is IndexMethod.hnsw and options["ef_construction"] < 2 * options["m"]:
        raise ArgError(
            f"ef_construction is {options['ef_construction']}; it must be at least 2 * m = {2 * options['m']}"
        )
    return options


def default_lists(rows: int) -> int:
    """
    Return pgvector's advice for `lists`: rows / 1000 up to a million rows, then the square root.

    Without vecs 0.4's least of 30: with the 10 probes of a search, up to 10,000 rows are then all compared.
    """
    return min(max(rows // 1000, 1) if rows < 1_000_000 else int(rows**0.5), 32768)


def resolve_method(
    method: IndexMethod | str | IndexArgs, args: IndexArgs | None
) -> tuple[IndexMethod, IndexArgs | None]:
    """Sort out the two spellings, `method=IndexArgsHNSW(m=16)` and 0.4's pair of arguments."""
    if isinstance(method, IndexArgsHNSW):
        return IndexMethod.hnsw, method
    if isinstance(method, IndexArgsIVFFlat):
        return IndexMethod.ivfflat, method
    try:
        # An enumeration represents, in its own error, whatever it is given.
        chosen = IndexMethod(method if isinstance(cast("Any", method), str) else "")
    except ValueError:
        expected = ", ".join(m.value for m in IndexMethod)
        raise ArgError(f"invalid index method {brief(method)}; expected one of {expected}") from None
    if args is None:
        return chosen, None
    if chosen is IndexMethod.auto:
        raise ArgError("Index build parameters are not allowed when using the IndexMethod.auto index; name the method")
    if not isinstance(args, IndexArgsHNSW | IndexArgsIVFFlat):
        raise ArgError(f"index_arguments must be an IndexArgsHNSW or an IndexArgsIVFFlat, not {brief(args)}")
    fitting = IndexMethod.hnsw if isinstance(args, IndexArgsHNSW) else IndexMethod.ivfflat
    if fitting is not chosen:
        raise ArgError(f"{type(args).__name__} build parameters were supplied but {chosen.value} index was specified")
    return chosen, args
