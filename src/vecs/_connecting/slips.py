"""What a target was probably meant to be that is neither clearly a server nor clearly a folder."""

from __future__ import annotations

import re

from vecs._connecting.separators import has_secret

# The domains that hosts of databases are in; a folder may be called `v1.2`, `my.folder` or `data.db`.
_DOMAINS = (
    "com|net|org|io|dev|app|cloud|ai|co|tech|eu|uk|us|de|fr|es|it|nl|ch|at|be|dk|se|no|fi|pt|cz|ru|ua|tr|in|cn|jp|kr|"
    "tw|au|nz|ca|br|mx|za|internal|local|lan|home|corp|intranet|private|cluster|svc|localdomain|test|example|invalid"
)
_LOCAL = re.compile(r"localhost|(?:\d{1,3}\.){3}\d{1,3}|[\w-]+\.(?:internal|local|lan|localdomain)", re.I)
_HOST = re.compile(rf"(?:[\w-]+\.)+(?:{_DOMAINS})\.?", re.I)
_LONG_HOST = re.compile(rf"(?:[\w-]+\.){{2,}}(?:{_DOMAINS})\.?", re.I)
_THREE_LABELS = re.compile(r"(?:[\w-]+\.){2,}[^\W\d_]{2,}\.?")
_FOLDER = re.compile(r"[/~]|\.\.?(?:[/\\]|$)|[A-Za-z]:[\\/]|\\\\")
# A URL of which pathlib made a path: postgresql:/user:password@host/db.
_URL_AS_PATH = re.compile(r"(?:^|[/\\])(?:[A-Za-z][\w+.-]+:(?=[/\\]|$)|postgres(?:ql)?(?:\+\w+)?:)", re.I)

_NO_MEMORY = (
    "vecs has no server in memory; for a temporary one write: with tempfile.TemporaryDirectory() as folder, "
    "vecs.create_client(folder)"
)
_EXPECTED = "expected postgresql://user:password@host:port/database, or a folder: ./data, /srv/data or a pathlib.Path"
_NOT_FILLED_IN = f"the target has a variable or a placeholder in it that was not filled in; {_EXPECTED}"

_KINDS: tuple[tuple[str, str], ...] = (
    (r"jdbc:", "it is a string for JDBC: leave out jdbc:"),
    (r"(?:psql|pg_dump|pgcli)\s", "it is a command: give only its connection string, from postgresql:// on"),
    (
        r"(?:export\s+|set\s+|\$env:)?[A-Za-z_]\w*\s*[:=]\s*[\"']?(?:postgres|jdbc)",
        "it is a line of a settings file: give only its value, from postgresql:// on",
    ),
    (r"[\"'`“‘„«]", "it begins with a quotation mark, but does not end with one"),
    (
        r"(?:pgsql|psql|pg|postgis|postgre|cockroachdb|timescaledb|timescale|redshift)(?:\+\w+)?://",
        "write postgresql://",
    ),
    (r"https?://", "it is a web address: the connection string of a database begins with postgresql://"),
    (r"file:", "for a folder write only its path"),
    (r"sqlite", "for an embedded Postgres write only a folder, such as ./data"),
)
_VARIABLE = re.compile(r"\$\{|\$\(|\$\w|%\w+%|<[^<>]*>|\{\{|\{\w*\}")
# What str() makes of a variable that is not set, and code that was put between quotation marks.
_UNSET = ("none", "null", "nil", "nan", "undefined", "n/a", "<na>", "nonetype")
_CODE = re.compile(r"os\.(?:environ|getenv)\b|(?:process|import\.meta)\.env\b|(?:get)?env(?:iron)?\s*[(\[]", re.I)
# A path that is nothing else, or begins with it.
_VARIABLE_FIRST = re.compile(r"(?:\$\{\w+\}|\$[A-Za-z_]\w*|%\w+%)(?:[/\\].*)?")
_NAME_OF_VARIABLE = re.compile(r"(?:[A-Z][A-Z0-9]*_)+(?:URL|URI|DSN)")
_MEMORY = re.compile(r"(?:file)?:?:memory:.*", re.I)
_PASSFILE_LINE = re.compile(r"[^:/\\@]*:(?:\d+|\*):[^:]*:[^:]*:.*")


def is_path(text: str) -> bool:
    """Whether a string is written as a path: absolute, in the home folder, or beginning with ./ or ../."""
    return bool(_FOLDER.match(text))


def slip_in(text: str) -> str | None:
    """Return what is wrong with a target that is no connection string, None where it clearly is a folder."""
    if "\x00" in text:
        return "the target has a NUL character; expected a connection string or a folder"
    if "://" in text or _URL_AS_PATH.search(text):
        return _of_url(text)
    if has_secret(text):
        return f"the target looks like a connection string with a mistake in it; {_EXPECTED}"
    if is_path(text):
        return _of_path(text)
    if text.lower() in _UNSET:
        return (
            f"the target is {text!r}, which may come from a variable that is not set; write ./{text} for a folder of "
            "that name, or give None for $VECS_URL or the embedded server"
        )
    if _CODE.match(text):
        return f"the target looks like code in quotation marks: leave out the quotation marks; {_EXPECTED}"
    if re.match(r"--?\w[\w-]*[\s=]", text):
        return f"the target looks like the options of a command; {_EXPECTED}"
    first, _, rest = text.replace("\\", "/").partition("/")
    if _MEMORY.fullmatch(text):
        return _NO_MEMORY
    if text.lower().startswith("file:"):
        return "the target is no folder: for a folder write only its path"
    if _VARIABLE.search(text):
        return _NOT_FILLED_IN
    if _NAME_OF_VARIABLE.fullmatch(text):
        return f"the target is the name of a variable and not its value: os.environ[{text!r}]; {_EXPECTED}"
    if _PASSFILE_LINE.fullmatch(text):
        return f"the target looks like a line of a password file (host:port:database:user:password); {_EXPECTED}"
    return _of_host(first, rest, "/" in text.replace("\\", "/"))


def slip_in_path(path: str) -> str | None:
    """Return what is wrong with a pathlib.Path, or another path object; None where nothing is."""
    if "\x00" in path:
        return "the target has a NUL character; expected a connection string or a folder"
    if _URL_AS_PATH.search(path):
        return _of_url(path)
    if has_secret(path):
        return f"the target looks like a connection string with a mistake in it; {_EXPECTED}"
    if _MEMORY.fullmatch(path):
        return _NO_MEMORY
    return _NOT_FILLED_IN if _VARIABLE_FIRST.fullmatch(path) else None


def _of_url(text: str) -> str:
    for start, meant in _KINDS:
        if re.match(start, text, re.I):
            return f"the target looks like a connection string with a mistake in it: {meant}"
    if re.match(r"postgres(ql)?(\+\w+)?:", text, re.I):
        return (
            "the target looks like a connection string with a mistake in it: its :// was lost, as in a path; give it "
            "as a string that begins with postgresql://"
        )
    other = re.match(r"([A-Za-z][A-Za-z0-9+.-]{0,20})://", text)
    if other:
        return f"the scheme {other[1]!r} is not Postgres'; expected postgresql://..."
    return f"the target looks like a connection string with a mistake in it; {_EXPECTED}"


def _of_path(text: str) -> str | None:
    first = text[2:].partition("/")[0]
    if text.startswith("//") and (_is_host(first, named_alone=False) or re.search("[:@?]", text)):
        return f"the target looks like a connection string whose beginning is missing; {_EXPECTED}"
    return None


def _of_host(first: str, rest: str, has_rest: bool) -> str | None:
    if "@" in first or ":" in first:
        return (
            "the target looks like a connection string with a mistake in it: its beginning, postgresql://, is missing; "
            f"{_EXPECTED}"
        )
    if re.search(r":.*@|[?;&,\s]\s*\w+\s*=", f"{first}/{rest}"):
        return f"the target looks like a connection string with a mistake in it; {_EXPECTED}"
    if _is_host(first, named_alone=not has_rest):
        return f"the target looks like a host; write postgresql://{_EXPECTED[len('expected postgresql://') :]}"
    return None


def _is_host(name: str, *, named_alone: bool) -> bool:
    if _LOCAL.fullmatch(name):
        return True
    if named_alone:
        return bool(_LONG_HOST.fullmatch(name))
    return bool(_HOST.fullmatch(name) or _THREE_LABELS.fullmatch(name))
