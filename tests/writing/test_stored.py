"""What an error says of batches that were committed before it, without a server."""

from __future__ import annotations

import pickle
import sys
from typing import Any

import pytest

from vecs._writing.stored import say_stored
from vecs.exc import ArgError, MissingDependency, Unavailable, VecsException

SAID = "before that, batch_size= committed the first 1,200 of the records given"


@pytest.mark.parametrize("kind", [ArgError, Unavailable, MissingDependency])
def test_an_error_keeps_its_class_and_says_how_many_records_are_stored(kind: type[VecsException]) -> None:
    error = kind("no")
    say_stored(error, 0)
    assert (str(error), error.stored) == ("no", 0)
    say_stored(error, 1200)
    for each in (error, pickle.loads(pickle.dumps(error))):
        assert (str(each), each.stored) == (f"no; {SAID}", 1200)


def test_an_error_of_another_library_gets_a_note() -> None:
    error: Any = KeyError("no")
    say_stored(error, 1200)
    assert getattr(error, "__notes__", []) == ([SAID] if sys.version_info >= (3, 11) else [])
