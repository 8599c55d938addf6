"""Where a client connects, told from what it was given; no server here."""

from __future__ import annotations

import copy
import pickle
import re
from pathlib import Path
from typing import Any

import pytest
from psycopg.conninfo import make_conninfo

from vecs._connecting.options import Options
from vecs._connecting.secrets import seen, unseen
from vecs._connecting.target import FolderTarget, ServerTarget, resolve_target
from vecs.exc import ArgError


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("postgresql://u:s3cret@h:5433/db", "postgresql://u:***@h:5433/db"),
        ("postgres://u@h/db", "postgresql://u@h/db"),
        ("postgresql+psycopg2://h/db", "postgresql://h/db"),
        ("POSTGRESQL://h1:1,h2:2/db", "postgresql://h1:1,h2:2/db"),
        ("host=h dbname=db user=u password=s3cret", "postgresql://u:***@h/db"),
        ("host=/tmp/sockets dbname=db", "postgresql://%2Ftmp%2Fsockets/db"),
        ("postgresql://", "postgresql:///"),
        ("postgresql://u:s3cret@[2001:db8::1]:5433/db", "postgresql://u:***@[2001:db8::1]:5433/db"),
        ("host=::1,h port=5433 password=s3cret", "postgresql://[::1]:5433,h:5433/"),
        ("hostaddr=fe80::1%eth0 dbname=db", "postgresql://[fe80::1%eth0]/db"),
        ("service=mine password=s3cret", "postgresql:///?service=mine"),
        ("host=@abstract password=s3cret", "postgresql://%40abstract/"),
    ],
)
def test_a_server_is_shown_without_its_password(given: str, shown: str) -> None:
    target = resolve_target(given)
    assert isinstance(target, ServerTarget)
    assert str(target) == shown
    assert "s3cret" not in repr(target)


@pytest.mark.parametrize("given", ["./data", "data", "~/data", Path("data"), "C:\\data", "日本/データ"])
def test_a_folder_is_absolute(given: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    target = resolve_target(given)
    assert isinstance(target, FolderTarget)
    assert target.folder is not None
    assert target.folder.is_absolute()
    assert str(target) == str(target.folder)


def test_nothing_is_the_variable_or_the_users_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VECS_URL", raising=False)
    assert resolve_target(None) == FolderTarget(None)
    assert str(resolve_target(None)) == "the embedded server in the user's data folder"
    monkeypatch.setenv("VECS_URL", "postgresql://h/db")
    assert str(resolve_target(None)) == "postgresql://h/db"
    monkeypatch.setenv("VECS_URL", "")
    assert resolve_target(None) == FolderTarget(None)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (5, "the target must be a connection string, a folder or None, not 5"),
        (" ", "the target is an empty string"),
        ("mysql://h/db", "the scheme 'mysql' is not Postgres'"),
        ("postgres:h/db", "looks like a connection string with a mistake"),
        ("user:s3cret@h", "looks like a connection string with a mistake"),
        ("localhost:5432/db", "looks like a connection string with a mistake"),
        ("a\0b", "NUL character"),
        ("postgresql://h:99999/db", "the port in the connection string is not a number from 1 to 65535"),
        ("host='h", "the connection string is malformed"),
    ],
)
def test_what_names_no_place_is_refused_without_showing_it(given: Any, message: str) -> None:
    with pytest.raises(ArgError, match=message) as caught:
        resolve_target(given)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"pool_size": 0}, "pool_size must be an integer at least 1, not 0"),
        ({"connect_timeout": 1.5}, "connect_timeout must be an integer"),
        ({"pool_timeout": 0}, "pool_timeout must be a number of seconds above 0, not 0"),
        ({"statement_timeout": True}, "statement_timeout must be a number of seconds above 0, not True"),
    ],
)
def test_options_are_checked(given: Any, message: str) -> None:
    with pytest.raises(ArgError, match=message):
        Options(**given)
    assert Options(statement_timeout=2.5).statement_timeout == 2.5
    assert Options().statement_timeout is None


# --- what a string is ----------------------------------------------------------------------------------------

FOLDERS = [
    "my-data",
    "./x",
    "/abs",
    "~/x",
    "..",
    "../x",
    "data.db",
    "C:\\x",
    "知識",
    "a b",
    "my.folder",
    "v1.2",
    "notes.md",
    "[draft]",
    "what?",
    "postgresql",
    ".hidden/x",
    "data/v1.2",
    "project.v2/x",
    "data-2024.10.01/v2",
    "data/me@x",
    "/a/b@c",
    "/tmp/${X}",
    "//tmp/x",
    "./db.example.com/x",
    "./a=b",
    Path("db.example.com/x"),
    Path("a:b"),
    Path("/srv/$x"),
    "MY_DATA",
]


@pytest.mark.parametrize("given", FOLDERS, ids=str)
def test_what_is_clearly_a_folder_is_one(given: Any) -> None:
    place = resolve_target(given)
    assert place == FolderTarget(Path(given).expanduser().absolute())
    assert resolve_target(place) is place


URL = "postgresql://u:s3cret@h/d"
# Given, what its error tells.
SLIPS: list[tuple[Any, str]] = [
    (f"jdbc:{URL}", "leave out jdbc:"),
    (f"psql {URL}", "it is a command"),
    (f"psql '{URL}'", "it is a command"),
    (f"DSN: {URL}", "give only its value"),
    (f"DATABASE_URL={URL}", "give only its value"),
    (f'export DATABASE_URL="{URL}"', "give only its value"),
    (f'"{URL}', "begins with a quotation mark"),
    (f"see {URL}", "with a mistake in it; expected"),
    ("mysql://u:s3cret@h/d", "the scheme 'mysql' is not Postgres'"),
    ("sqlite:///x.db", "write only a folder"),
    ("file:///srv/x", "write only its path"),
    ("file:x", "write only its path"),
    ("https://u:s3cret@x.supabase.co", "it is a web address"),
    ("cockroachdb://u:s3cret@h/d", "write postgresql://"),
    ("postgresql:/u:s3cret@h/d", ":// was lost"),
    ("postgres:u:s3cret@h/d", ":// was lost"),
    (Path(URL), ":// was lost"),
    (Path(URL).absolute(), "with a mistake in it; expected"),
    (Path("mysql://u:s3cret@h/d"), "with a mistake in it; expected"),
    (Path("a\0b"), "NUL character"),
    ("postgresql//u:s3cret@h/d", "with a mistake in it"),
    ("//u:s3cret@h/d", "whose beginning is missing"),
    ("//db.example.com/d", "whose beginning is missing"),
    ("h/d?password=s3cret", "with a mistake in it"),
    ("Host=h;Username=u;Password=s3cret", "one for .NET"),
    ("h/d;Password=s3cret", "with a mistake in it"),
    ("u:s3cret@h/d", "with a mistake in it"),
    ("u@h", "with a mistake in it"),
    ("host:5432:db:u:s3cret", "a line of a password file"),
    ("*:*:*:u:s3cret", "a line of a password file"),
    ("host.docker.internal:5432/db", "with a mistake in it"),
    ("[::1]:5432/db", "with a mistake in it"),
    ("::1", "with a mistake in it"),
    ("localhost", "looks like a host"),
    ("localhost/db", "looks like a host"),
    ("127.0.0.1/db", "looks like a host"),
    ("db.example.com", "looks like a host"),
    ("db.example.com/mydb", "looks like a host"),
    ("example.com/mydb", "looks like a host"),
    ("ep-x.eu.aws.neon.tech/db", "looks like a host"),
    ("${DATABASE_URL}", "was not filled in"),
    ("$DATABASE_URL", "was not filled in"),
    ("%DATABASE_URL%", "was not filled in"),
    (Path("$DATABASE_URL"), "was not filled in"),
    (Path("${DATA}/vecs"), "was not filled in"),
    (Path("%APPDATA%/vecs"), "was not filled in"),
    (Path(":memory:"), "tempfile.TemporaryDirectory"),
    ("DATABASE_URL", "os.environ['DATABASE_URL']"),
    ("MY_PG_DSN", "the name of a variable"),
    ("<your-url>", "was not filled in"),
    ("{{ url }}", "was not filled in"),
    (":memory:", "tempfile.TemporaryDirectory"),
    ("file::memory:?cache=shared", "tempfile.TemporaryDirectory"),
    ("~nobody-of-this-name/x", "home folder is not known"),
    ('""', "an empty string"),
    ({"password": "s3cret"}, "not dict"),
    (b"postgresql://u:s3cret@h/d", "not bytes"),
]


@pytest.mark.parametrize(("given", "told"), SLIPS, ids=[str(number) for number in range(len(SLIPS))])
def test_what_is_neither_clearly_a_server_nor_a_folder_is_refused_with_what_was_meant(given: Any, told: str) -> None:
    with pytest.raises(ArgError, match=re.escape(told)) as caught:
        resolve_target(given)
    assert "s3cret" not in str(caught.value)
    assert caught.value.__context__ is None


class BytesPath:
    def __fspath__(self) -> bytes:
        return b"/srv/s3cret"


def test_a_path_of_bytes_is_refused() -> None:
    with pytest.raises(ArgError, match="not bytes"):
        resolve_target(BytesPath())


@pytest.mark.parametrize("frame", ["{}", '"{}"', "'{}'\n", " {}\r\n", "“{}”", "„{}“", "\ufeff{}", "\u00a0{}", '" {} "'])
def test_blanks_and_one_pair_of_quotation_marks_are_passed_over(frame: str) -> None:
    assert resolve_target(frame.format(URL)) == resolve_target(URL)
    assert resolve_target(frame.format("./x")) == resolve_target("./x")


def test_the_variable_takes_no_relative_folder_without_a_dot(monkeypatch: pytest.MonkeyPatch) -> None:
    for given, told in (("data", "write ./ before"), (":memory:", "TemporaryDirectory"), ("localhost", "a host")):
        monkeypatch.setenv("VECS_URL", given)
        with pytest.raises(ArgError, match=f"^\\$VECS_URL: .*{told}"):
            resolve_target(None)
    for given in ("./data", "/srv/data", "~/data"):
        monkeypatch.setenv("VECS_URL", given)
        assert resolve_target(None) == resolve_target(given)


def test_an_error_calls_the_target_by_its_name() -> None:
    with pytest.raises(ArgError, match="^url looks like a host"):
        resolve_target("localhost", "url")


# --- connection strings --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "password"),
    [
        ("postgresql://u:a/b@h/d", "a/b"),
        ("postgresql://u:50%@h/d", "50%"),
        ("postgresql://u:a%zz@h/d", "a%zz"),
        ("postgresql://u:a b@h/d", "a b"),
        ("postgresql://u:a#b@h/d", "a#b"),
        ("postgresql://u:a?b@h/d", "a?b"),
        ("postgresql://u:a@b@h/d", "a@b"),
        ("postgresql://u:a@b?c@h/d", "a@b?c"),
        ("postgresql://u:a:b@h/d", "a:b"),
        ("postgresql://u:a+b@h/d", "a+b"),
        ("postgresql://u:a%20b%2F@h/d", "a b/"),
        ("postgresql://u:pässwörd@h/d", "pässwörd"),
        ("postgresql://me@server:pw@h/d", "pw"),
        ("postgresql://u@h/d?password=a%26b", "a&b"),
        ("postgresql://u:pw@h/d?application_name=me@work", "pw"),
        ("postgresql://u:pw@h1:1,[::1]:2/d?target_session_attrs=read-write", "pw"),
        ("postgresql://u:pw@[fe80::1%eth0]/d", "pw"),
        ("postgresql://u:pw@bücher.example/my db?", "pw"),
        ("postgresql://u:pw@/d?host=/tmp&ssl=true", "pw"),
        ("host=h password='a b\\'c'", "a b'c"),
        ("host = h password = pw options=''", "pw"),
        ("service=x password= pw", "pw"),
    ],
)
def test_a_password_is_read_where_there_is_one_way_to(given: str, password: str) -> None:
    place = resolve_target(given)
    assert isinstance(place, ServerTarget)
    assert str(place.parameters["password"]) == password


MALFORMED: list[tuple[str, str]] = [
    ("postgresql://u:5/s3cret@h/d", "in more than one way"),
    ("postgresql://u:s3cret@h/d@x", "in more than one way"),
    ("postgresql://h/d@x", "one @ too many"),
    ("postgresql://postgresql://u:s3cret@h/d", "one @ too many"),
    ("postgresql://u:s3cret@h:port/d", "malformed"),
    ("postgresql://u:s3cret@::1/d", "malformed"),
    ("postgresql://u:s3cret%ff@h/d", "malformed"),
    ("postgresql://u:s3cret@h/d\ud800", "malformed"),
    ("postgresql://u:s3cret@h/d%00", "NUL character|malformed"),
    ("postgresql://u:s3cret@h/d?application_name=%00", "NUL character"),
    ("postgresql://u:s3cret@h/d?sslmode", "malformed"),
    ("postgresql://u:${PW}@h/d", "a placeholder"),
    ("postgresql://u:s3cret@${HOST}/d", "a placeholder"),
    ("postgresql://postgres:[YOUR-PASSWORD]@db.x.supabase.co/postgres", "a placeholder"),
    ("host=h password=a s3cret", "malformed"),
    ("host=h password='s3cret", "malformed"),
    ("postgresql://…", "cannot be the name of a host"),
    ("postgresql://u:s3cret@a..b/d", "'a..b' in the connection string cannot be"),
    (f"postgresql://{'x' * 64}/d", "cannot be the name of a host"),
    ("host='a b'", "cannot be the name of a host"),
    ("host=a,b,c port=1,2", "2 ports for 3 hosts"),
    ("hostaddr=localhost", "write host="),
    ("postgresql://h/d?schema=x", "the argument schema="),
    ("postgresql://h/d?pool_size=5", "the argument pool_size="),
    ("postgresql://h/d?connection_limit=1", "the argument pool_size="),
    ("postgresql+asyncpg://u:s3cret@h/d?ssl=require", "sslmode=require"),
    ("postgresql://h/d?sslmod=require", "did you mean sslmode"),
    ("postgresql://h/d?nonsense=1", "'nonsense', which Postgres does not know; leave it out"),
    ("postgresql://h/d?password=p&s3cret=1", "must be percent-encoded"),
    (f"postgresql://h/d?{'s3cret' * 9}=1", "must be percent-encoded"),
    ("postgresql://h/d?sslmode=disabled", "did you mean disable"),
    ("postgresql://h/d?channel_binding=x", "expected one of disable, prefer, require"),
    ("postgresql://h/d?gssencmode=x", "expected one of"),
    ("postgresql://h/d?target_session_attrs=master", "expected one of any, read-write"),
    ("postgresql://h/d?client_encoding=klingon", "no encoding of Postgres"),
    ("postgresql://h/d?connect_timeout=soon", "not a whole number"),
    ("host=h nope=1", "'nope'"),
    ("postgresql://h/d?pgbouncer=maybe", "neither true nor false"),
]


@pytest.mark.parametrize(("given", "told"), MALFORMED, ids=[str(number) for number in range(len(MALFORMED))])
def test_a_connection_string_with_a_mistake_says_which_and_connects_nowhere(given: str, told: str) -> None:
    with pytest.raises(ArgError, match=told) as caught:
        resolve_target(given)
    assert "s3cret" not in str(caught.value)
    assert len(str(caught.value)) < 400
    assert caught.value.__context__ is None


def test_every_value_that_libpq_takes_is_taken() -> None:
    for pair in ("sslmode=verify-full", "client_encoding=UTF-8", "client_encoding=ISO_8859_1", "connect_timeout=5"):
        assert isinstance(resolve_target(f"postgresql://h/d?{pair}"), ServerTarget)
    for host in ("my_db", "h.", "192.168.0.1", "/run/postgresql", "C:\\sockets", "münchen.example", ""):
        assert isinstance(resolve_target(f"dbname=d host='{host}'".replace("\\", "\\\\")), ServerTarget)


@pytest.mark.parametrize(("value", "pooler"), [("true", True), ("1", True), ("FALSE", False), ("off", False)])
def test_a_connection_string_says_whether_a_pooler_is_in_between(value: str, pooler: bool) -> None:
    for given in (f"postgresql://h/d?pgbouncer={value}&sslmode=require", f"host=h pgbouncer={value} sslmode=require"):
        place = resolve_target(given)
        assert isinstance(place, ServerTarget)
        assert place.pooler is pooler
        assert "pgbouncer" not in place.parameters
        assert place.parameters["sslmode"] == "require"
    place = resolve_target("postgresql://h/d")
    assert isinstance(place, ServerTarget)
    assert place.pooler is None


# --- secrets -------------------------------------------------------------------------------------------------


def test_secrets_are_in_no_repr_of_the_parameters_and_survive_copies() -> None:
    place = resolve_target(f"{URL}?sslpassword=s3cret&oauth_client_secret=s3cret&passfile=/p")
    assert isinstance(place, ServerTarget)
    parameters = place.parameters
    for one in (parameters, {**parameters}, dict(parameters), copy.copy(parameters), copy.deepcopy(parameters)):
        assert "s3cret" not in f"{one!r} {one} {one['password']!r} {one['password'][:3]!r}"
        assert make_conninfo(**one).count("s3cret") == 3
    assert "/p" in repr(parameters)
    again = pickle.loads(pickle.dumps(place))
    assert again == place
    assert "s3cret" not in repr(again.parameters)


def test_what_a_caller_gave_is_unseen_until_it_is_asked_for() -> None:
    assert repr(unseen("s3cret")).count("s3cret") == 0
    assert unseen(unseen("s3cret")) == unseen("s3cret")
    assert (unseen(None), seen(None), seen(5)) == (None, None, 5)
    assert resolve_target(unseen(URL)) == resolve_target(URL)
