"""Calls and names that are wrong, and what is said of them."""

from __future__ import annotations

import asyncio
import copy
import inspect
import pickle
from collections.abc import Callable
from typing import Any

import pytest

from vecs._checks.meant import words
from vecs._checks.wrong_calls import (
    Telling,
    constructor_explains_wrong_calls,
    explain_wrong_call,
    explains_wrong_calls,
    methods_explain_wrong_calls,
    missing_in_module,
)
from vecs.exc import ArgError, CallError, NoSuchName, VecsException


class Part:
    def search(self, query: object, *, limit: int = 10, filters: object = None) -> object:
        return query, limit, filters

    async def count(self, filters: object = None) -> object:
        return filters

    def broken(self, query: object) -> object:
        raise TypeError(f"of the body {query}")

    async def abroken(self) -> object:
        raise TypeError("of the body")

    def anything(self, first: object, **others: object) -> object:
        return first, others

    def update(self, metadata: object, *, ids: object = None) -> object:
        return metadata, ids

    def listed(self, steps: object) -> object:
        return steps

    def positional(self, first: object, /) -> object:
        return first

    nothing = 5


def hiding(function: Callable[..., Any]) -> Any:
    return lambda args, kwargs: (args, {name: "***" for name in kwargs})


class Base(Part, Telling):
    _instead = words(("add", "upsert(records)"))

    def __init__(self, target: object = None, *, schema: object = None) -> None:
        self.target, self.schema = target, schema

    @classmethod
    def of(cls, target: object, *, schema: object = None) -> Base:
        return cls(target, schema=schema)

    @classmethod
    async def aof(cls, target: object = None) -> Base:
        return cls(target)

    @property
    def failing(self) -> object:
        raise AttributeError("of the property")


Part.__module__ = "vecs.part"
Made: Any = methods_explain_wrong_calls(Base, hiding=hiding)
ONE: Any = Made("here")


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: ONE.search(1, k=3), "unknown argument 'k'; did you mean 'limit'? Base.search() takes query, limit"),
        (lambda: ONE.search(q=3), "unknown argument 'q'; did you mean 'query'? "),
        (lambda: ONE.search(1, 5), "Base.search() takes only query by position; write limit=..."),
        (lambda: ONE.search(1, {}), "Base.search() takes only query by position; write filters=..."),
        (lambda: ONE.search(1, 1.5), "Base.search() takes only query by position; by name it takes limit, filters"),
        (lambda: ONE.search(1, True), "Base.search() takes only query by position; by name it takes limit, filters"),
        (lambda: ONE.search(), "Base.search() needs the argument 'query'; it takes query, limit, filters"),
        (lambda: ONE.search(1, query=2), "Base.search() was called wrongly: multiple values for argument 'query'"),
        (lambda: asyncio.run(ONE.count(where=3)), "unknown argument 'where'; did you mean 'filters'? Base.count()"),
        (lambda: asyncio.run(ONE.count(1, 2)), "Base.count() takes only filters by position"),
        (lambda: ONE.anything(k=2), "Base.anything() needs the argument 'first'; it takes first"),
        (lambda: ONE.listed(1, 2), "Base.listed() takes only steps by position; put the steps in a list"),
        (lambda: ONE.positional(1, 2), "Base.positional() takes nothing by position"),
        (lambda: Made(1, scheme=3), "unknown argument 'scheme'; did you mean 'schema'? Base() takes target, schema"),
        (lambda: Made.of(), "Base.of() needs the argument 'target'"),
        (lambda: asyncio.run(Made.aof(1, 2)), "Base.aof() takes only target by position"),
        (lambda: Made.search(), "Part.search() needs"),
        (lambda: ONE.update(["a"], {}), "Base.update() takes only metadata by position; write metadata first"),
        (lambda: ONE.update(["a"], metadata={}), "Base.update() takes metadata first; write ids=..."),
    ],
)
def test_a_wrong_call_is_told_with_what_is_right(call: Callable[[], object], told: str) -> None:
    with pytest.raises(CallError) as caught:
        call()
    assert str(caught.value).startswith(told)
    assert isinstance(caught.value, ArgError)
    assert isinstance(caught.value, TypeError)
    assert caught.value.__suppress_context__


def test_good_calls_and_errors_of_the_body_are_as_they_were() -> None:
    assert ONE.search(1, limit=2) == (1, 2, None)
    assert asyncio.run(ONE.count(3)) == 3
    assert ONE.anything(1, k=2) == (1, {"k": 2})
    for call in (lambda: ONE.broken(1), lambda: asyncio.run(ONE.abroken())):
        with pytest.raises(TypeError, match="of the body") as caught:
            call()
        assert not isinstance(caught.value, VecsException)
    assert inspect.iscoroutinefunction(Made.count)
    assert str(inspect.signature(Made.search)).startswith("(self, query: ")
    assert Made.search.__qualname__ == "Base.search"
    assert Made.nothing == 5


def test_what_may_be_a_password_is_hidden_where_an_object_is_made() -> None:
    assert Made(schema="secret").schema == "***"
    assert Made.of(1, schema="secret").schema == "***"
    assert asyncio.run(Made.aof(target="secret")).target == "***"


def test_a_function_and_a_constructor_may_explain_wrong_calls() -> None:
    def made(target: object) -> object:
        return target

    with pytest.raises(CallError, match=r"^unknown argument 'path'; did you mean 'target'\? .*made\(\) takes target$"):
        explains_wrong_calls(made)(path=1)
    explain_wrong_call(made, (1,), {})

    class Plain:
        def __init__(self, dimension: int) -> None:
            self.dimension = dimension

    made_by: Any = constructor_explains_wrong_calls(Plain)
    with pytest.raises(CallError, match=r"did you mean 'dimension'\? Plain\(\) takes dimension"):
        made_by(dim=3)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("add", "Base has no 'add'; instead: upsert(records)"),
        ("serach", "Base has no 'serach'; did you mean 'search'?"),
        ("zzz", "Base has no 'zzz'"),
    ],
)
def test_a_name_that_is_not_there_is_told_with_what_to_write(name: str, told: str) -> None:
    with pytest.raises(NoSuchName) as caught:
        getattr(ONE, name)
    assert str(caught.value) == str(pickle.loads(pickle.dumps(caught.value))) == told
    assert repr(told) in repr(caught.value)
    assert isinstance(caught.value, AttributeError)
    assert not hasattr(ONE, name)


def test_private_names_and_properties_fail_as_in_python() -> None:
    for name in ("_x", "__x__", "_repr_html_"):
        with pytest.raises(AttributeError, match="'Base' object has no attribute") as caught:
            getattr(ONE, name)
        assert not isinstance(caught.value, VecsException)
    with pytest.raises(AttributeError, match="of the property"):
        _ = ONE.failing
    assert copy.copy(ONE).target == "here"
    assert pickle.loads(pickle.dumps(ONE)).target == "here"


def test_a_base_may_know_private_names() -> None:
    class Knowing:
        def __getattr__(self, name: str) -> str:
            return name

    class Both(Telling, Knowing):
        pass

    assert Both()._x == "_x"
    with pytest.raises(NoSuchName):
        _ = Both().x


def test_a_module_tells_what_it_has() -> None:
    with pytest.raises(NoSuchName, match=r"^vecs has no 'connect'; instead: create_client\(\)$"):
        missing_in_module("vecs", "connect", ["Client"], {"connect": "create_client()"})
    with pytest.raises(AttributeError, match="^module 'vecs' has no attribute '__path'$"):
        missing_in_module("vecs", "__path", [], {})
