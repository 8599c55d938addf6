"""Values that are not shown."""

from __future__ import annotations

import pickle

from vecs._connecting.secrets import Secret, with_hidden_values


def test_values_of_settings_are_there_and_not_shown() -> None:
    settings = with_hidden_values({"request.jwt.claims": "token"})
    assert settings == {"request.jwt.claims": "token"}
    assert "token" not in repr(settings)
    assert with_hidden_values({}) == {}


def test_a_secret_stays_one_when_it_is_cut_or_pickled() -> None:
    assert repr(Secret("token")[:3]) == "'***'"
    assert repr(pickle.loads(pickle.dumps(Secret("token")))) == "'***'"
