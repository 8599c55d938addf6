"""Connection strings whose parts are separated wrongly: a password in them is shown nowhere; no server here."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import vecs
from vecs._connecting.separators import masked
from vecs._connecting.target import FolderTarget, ServerTarget, resolve_target
from vecs.exc import ArgError

WRONG: list[tuple[str, str]] = [
    ("host=127.0.0.1;port=5999;password=s3cret", "write blanks between"),
    ("host=h,password=s3cret", "write blanks between"),
    ("host=h&password=s3cret", "write blanks between"),
    ("host=h, port=5999", "write blanks between"),
    ("dbname=d;password=s3cret", "write blanks between"),
    ("dbname=d:app:s3cret", "write blanks between"),
    ("user=a;password=s3cret;host=h", "write blanks between"),
    ("user=app:s3cret host=h", "write blanks between"),
    ("user=app/s3cret host=h", "write blanks between"),
    ("password=s3cret;host=h", "write blanks between"),
    ("service=x;password=s3cret", "write blanks between"),
    ("host=h port=1;password=s3cret", "write blanks between"),
    ("host=h sslmode=require;password=s3cret", "write blanks between"),
    ("host=h application_name=x,password=s3cret", "write blanks between"),
    ("host=/tmp;password=s3cret", "write blanks between"),
    ("host=h:s3cret", "cannot be the name of a host"),
    ("host=h!s3cret", "cannot be the name of a host"),
    ("host='h password=s3cret'", "within the host"),
    ("host=h dbname='d;password=s3cret'", "within the name of the database"),
    ("host=h user='app pwd: s3cret'", "within the user"),
    ("host=h dbname='postgresql://u:s3cret'", "within the name of the database"),
    ("postgresql://h/d;user=a;password=s3cret", "write \\? before the first"),
    ("postgresql://h/d&user=a&password=s3cret", "write \\? before the first"),
    ("postgresql://h/d,password=s3cret", "write \\? before the first"),
    ("postgresql://h/d user=a password=s3cret", "write \\? before the first"),
    ("postgresql://h/d|s3cret", "write \\? before the first"),
    ("postgresql://h/d/s3cret", "write \\? before the first"),
    ("postgresql://h/d#s3cret", "write \\? before the first"),
    ("postgresql://h/d:app:s3cret", "a port is written behind the host"),
    ("postgresql://h/prod:5999", "a port is written behind the host"),
    ("postgresql://h/prod&sslmode=require", "& between parameters"),
    ("postgresql://h/prod;", "write \\? before the first"),
    ("postgresql://h/prod,", "write \\? before the first"),
    ("postgresql://h/d?user=a;password=s3cret", "& between parameters"),
    ("postgresql://h/d?user=a,password=s3cret", "& between parameters"),
    ("postgresql://h/d?user=a#s3cret", "& between parameters"),
    ("postgresql://h/d?user=a?password=s3cret", "& between parameters"),
    ("postgresql://h/d?user=a:s3cret", "& between parameters"),
    ("postgresql://h/d?user=a s3cret", "a blank in the user"),
    ("postgresql://h/d?password=s3cret;sslmode=require", "& between parameters"),
    ("postgresql://h/d%3Bpassword%3Ds3cret", "within the name of the database"),
    ("postgresql://app%3Bpwd=s3cret@h/d", "percent-encoded"),
    ("postgresql://%2Ftmp%3Bpassword%3Ds3cret/d", "within the host"),
    ("postgresql://app;s3cret@h/d", "percent-encoded"),
    ("postgresql://app,s3cret@h/d", "percent-encoded"),
    ("postgresql:// app:s3cret@h/d", "a blank in the user"),
    ("postgresql://h&s3cret/d", "cannot be the name of a host"),
    ("postgresql://app:s3cret/d", "its port is not a number"),
    ("postgresql://u:s3cret@h:abc/prod", "its port is not a number"),
    ("postgresql://h/d?sslmode=s3cret", "expected one of disable, allow"),
    ("postgresql://h/d?client_encoding=s3cret", "no encoding of Postgres"),
    ("postgresql://h/d?connect_timeout=s3cret", "not a whole number"),
    ("postgresql://h/d?pgbouncer=s3cret", "neither true nor false"),
    ("postgresql://h/d?hostaddr=s3cret", "not an IP address"),
    ("h/d password=s3cret", "with a mistake in it"),
    ("/h/d?password=s3cret", "with a mistake in it"),
    ("./h;pwd=s3cret", "with a mistake in it"),
    ("h d, user = a", "with a mistake in it"),
    ("-h localhost -W s3cret", "options of a command"),
    ("localhost:5432", "its beginning, postgresql://, is missing"),
    ("::1", "its beginning, postgresql://, is missing"),
    ("app@h", "its beginning, postgresql://, is missing"),
]


@pytest.mark.parametrize(("text", "told"), WRONG, ids=[str(number) for number in range(len(WRONG))])
def test_a_wrong_separator_is_named_and_shows_no_password(text: str, told: str) -> None:
    with pytest.raises(ArgError, match=told) as caught:
        resolve_target(text)
    assert "s3cret" not in str(caught.value)
    assert "5999" not in str(caught.value)
    assert caught.value.__context__ is None


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("postgresql://h/a%3Bb%26c%2Cd%3Ae%2Ff", "dbname", "a;b&c,d:e/f"),
        ("postgresql://h/my db", "dbname", "my db"),
        ("postgresql://a%3Bb%3Ac%20d@h/d", "user", "a;b:c d"),
        ("postgresql://h/d?user=a%3Bb", "user", "a;b"),
        ("host=h dbname='a;b, c=d'", "dbname", "a;b, c=d"),
        ("host=h user='app:x'", "user", "app:x"),
        ("host=h user=DOMAIN\\\\me", "user", "DOMAIN\\me"),
        ("host=a,b port=1,2", "host", "a,b"),
        ("host=h require_auth=scram-sha-256,md5", "require_auth", "scram-sha-256,md5"),
        ("host=h options='-c x.token=1;y=2'", "options", "-c x.token=1;y=2"),
        ("postgresql://h/d?options=-csearch_path=x,y", "options", "-csearch_path=x,y"),
        ("host=h password=a;b=c,d&e", "password", "a;b=c,d&e"),
        ("postgresql://u:a;b=c,d&e@h/d", "password", "a;b=c,d&e"),
        ("postgresql://h/d?sslrootcert=/etc/secrets/ca.pem", "sslrootcert", "/etc/secrets/ca.pem"),
    ],
)
def test_names_that_have_such_signs_are_taken_where_they_are_encoded_or_quoted(
    text: str, name: str, value: str
) -> None:
    place = resolve_target(text)
    assert isinstance(place, ServerTarget)
    assert str(place.parameters[name]) == value


@pytest.mark.parametrize("text", ["None", "none", "null", "NULL", "undefined", "nan", "NaN", "n/a"])
def test_the_text_of_a_variable_that_is_not_set_is_no_folder(text: str) -> None:
    with pytest.raises(ArgError, match=re.escape(f"write ./{text} for a folder")):
        resolve_target(text)
    assert resolve_target(f"./{text}") == FolderTarget(Path(text).absolute())


@pytest.mark.parametrize("text", ["os.environ['X']", 'os.getenv("X")', "process.env.X", "getenv('X')", "env(X)"])
def test_a_piece_of_a_program_is_no_folder(text: str) -> None:
    with pytest.raises(ArgError, match="looks like code in quotation marks"):
        resolve_target(text)


def test_what_is_shown_is_masked_whoever_made_the_target() -> None:
    for name in ("host", "user", "dbname", "service", "port"):
        assert "s3cret" not in str(ServerTarget({name: "x;password=s3cret"}))
    assert masked("plain") == "plain"


def test_a_path_object_that_was_a_connection_string_is_refused() -> None:
    with pytest.raises(ArgError, match="with a mistake in it"):
        resolve_target(Path("host=h;password=s3cret"))


# --- any mistake ---------------------------------------------------------------------------------------------

WORD = "s3cretW0rd"
SEPARATORS = st.sampled_from([" ", ";", "&", ",", "?", "#", "|", "; ", ", ", " ; ", "&amp;", "\t", "??", "/?", ";;"])
KEYS = st.sampled_from(["host", "user", "dbname", "port", "sslmode", "application_name", "service", "connect_timeout"])
VALUES = st.sampled_from(["h", "app", "5432", "require", "", "'q'", "127.0.0.1"])
SECRET = st.sampled_from([f"{key}{WORD}" for key in ("password=", "password = ", "pwd=", "passwd=", "PASSWORD=")])


@st.composite
def mixed_up(draw: Any) -> str:
    """A connection string with a password at any place, between separators that may be the wrong ones."""
    others = draw(st.lists(st.builds("{}={}".format, KEYS, VALUES), max_size=4))
    others.insert(draw(st.integers(0, len(others))), draw(SECRET))
    text = "".join(part + draw(SEPARATORS) for part in others[:-1])
    text += others[-1] + draw(st.sampled_from(["", ";", ","]))
    starts = ["", "postgresql://", "postgresql://h/", "postgresql://h", "postgresql://a@h:1/d", "h/d", "//h"]
    start = draw(st.sampled_from(starts))
    return start + (draw(SEPARATORS) if start else "") + text


@given(mixed_up())
def test_a_password_between_any_separators_is_shown_nowhere(text: str) -> None:
    shown_without(text)


@given(
    st.sampled_from(
        [
            "postgresql://app{0}{1}@h/d",
            "postgresql://h/d{0}app:{1}",
            "postgresql://h/d{0}app{0}{1}",
            "postgresql://h/d?user=app{0}{1}",
            "postgresql://app:{1}{0}h/d",
            "user=app{0}{1} host=h",
            "host=h{0}app:{1}",
            "dbname=d{0}{1}",
        ]
    ),
    st.sampled_from([";", "&", ",", "#", "|", ":", "/"]),
)
def test_a_password_behind_a_user_and_any_sign_is_shown_nowhere(template: str, sign: str) -> None:
    shown_without(template.format(sign, WORD))


def shown_without(text: str) -> None:
    try:
        place = resolve_target(text)
    except ArgError as error:
        shown = str(error)
    else:
        shown = f"{place} {place!r} {vecs.Client(place)!r}"
    assert WORD not in shown
