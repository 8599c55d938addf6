"""Calls that are done once more where the database was altered since the client looked at it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any, TypeVar, cast

from vecs._checks.wrong_calls import explain_wrong_call, explaining
from vecs._connecting.altered import may_be_altered
from vecs._connecting.refused import Need
from vecs.exc import VecsException

F = TypeVar("F", bound=Callable[..., Any])

# Arguments that may be iterators, which a second run of the method would find empty.
_ITERABLES = {"ids", "document_ids", "queries", "like", "unlike"}


def async_anew(*needs: Need) -> Callable[[F], F]:
    """
    Run a method of a collection again if it fails because its table, or pgvector, has changed.

    Nothing is done twice, because a statement that fails is rolled back. If nothing has changed, or the method fails
    again, its error is raised. If the server denied a privilege, the error names the ones that the method `needs` and
    the role lacks. Wrong arguments are reported in the same place, without one more call on the stack.
    """

    def decorate(method: F) -> F:
        iterables = bool(_ITERABLES & inspect.signature(method).parameters.keys())

        @wraps(method)
        async def call(collection: Any, *args: Any, **kwargs: Any) -> Any:
            if iterables:
                args = tuple(map(_kept, args))
                kwargs = {name: _kept(value) for name, value in kwargs.items()}
            before = collection._known
            try:
                return await method(collection, *args, **kwargs)
            except TypeError:
                explain_wrong_call(method, (collection, *args), kwargs)
                raise
            except VecsException as error:
                if not may_be_altered(error) or not await collection._is_altered(before, error):
                    await collection._say_what_to_grant(error, needs)
                    raise
            try:
                return await method(collection, *args, **kwargs)
            except VecsException as error:
                await collection._say_what_to_grant(error, needs)
                raise

        return explaining(cast("F", call))

    return decorate


def _kept(argument: Any) -> Any:
    return list(cast("Iterator[Any]", argument)) if isinstance(argument, Iterator) else argument
