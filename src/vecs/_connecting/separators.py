"""
Parts of a connection string that are not separated as libpq has it.

Then one value holds what is meant for others, a password too: `host=h;password=p` is one host to libpq. Hosts, users
and names of databases are shown, by vecs and by the server, so that such a string must go no further.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from vecs._connecting.secrets import SECRET, SECRETS
from vecs.exc import ArgError

_ANY_KEY = re.compile(r"[;&,?#|\s]\s*\w+\s*=")
# Signs that a value has in it only where it is quoted, or percent-encoded in a URL; `options` are not taken apart.
_NAME = r"[;&,?#|=:/\"<>()]"
_SIGNS = {
    "user": rf"{_NAME}|\s",
    "dbname": _NAME,
    "service": _NAME,
    "host": r"[;&?#|=\"\s]|,(?=\s|$)",
    "hostaddr": r"[;&?#|=\"\s]|,(?=\s|$)",
    "port": r"[^\d,+-]|,(?=\s|$)",
}
_OTHERS = r"[;&#=]|,(?=\s|$)|,(?=\s*\w+\s*=)"
_CALLED = {"dbname": "the name of the database", "service": "the name of the service"}


def check_url_parts(parts: Iterable[tuple[str, str]]) -> None:
    """Raise ArgError for parts of a URL, by libpq's names and as they are written, that hold a separator."""
    for name, written in parts:
        # A name with an @ is refused anyway, as a password that was not encoded.
        sign = None if name == "dbname" and "@" in written else _sign_in(name, written)
        if sign == ":" and name == "dbname":
            raise ArgError(
                "the connection string has a ':' behind the name of the database: a port is written behind the host "
                "(postgresql://host:port/database), and as part of the name it is %3A"
            )
        if sign is not None:
            raise ArgError(
                f"the connection string has {_named(sign)} in {_called(name)}, which must be percent-encoded if it is "
                "part of it; write ? before the first parameter and & between parameters"
            )


def check_pairs(pairs: Iterable[tuple[str, str]]) -> None:
    """Raise ArgError for pairs of the key=value form, as they are written, that hold a separator."""
    for name, written in pairs:
        quoted = written.startswith("'")
        sign = None if quoted else _sign_in(name, re.sub(r"\\.", "", written))
        if sign is not None:
            raise ArgError(
                f"the connection string has {_named(sign)} in {_called(name)}, which must be in quotes ('...') if it "
                "is part of it; write blanks between the parts: host=h port=5432 dbname=d user=u password=p"
            )


def check_no_secret_within(parameters: Mapping[str, str]) -> None:
    """Raise ArgError where a value that is shown holds a secret, however it is written."""
    for name, value in parameters.items():
        if name not in (*SECRETS, "options") and (SECRET.search(value) or "://" in value):
            raise ArgError(
                f"the connection string has another parameter, or another connection string, within {_called(name)}; "
                "write host=h port=5432 dbname=d user=u password=p, or postgresql://user:password@host:port/database"
            )


def has_secret(text: str) -> bool:
    """Whether a text that is shown has a password, or another secret, by its name in it."""
    return bool(SECRET.search(text))


def masked(text: str) -> str:
    """Return a text without what follows the name of a secret."""
    found = SECRET.search(text)
    return text if found is None else f"{text[: found.end()]}***"


def _sign_in(name: str, written: str) -> str | None:
    if name in SECRETS or name == "options":
        # They may have any sign; but a password that ends where another parameter begins is another password.
        found = re.search(r"[;&,](?=\s*(?:host|hostaddr|port|dbname|user|password|sslmode)\s*=)", written)
    else:
        found = re.search(_SIGNS.get(name, _OTHERS), written) or _ANY_KEY.search(written)
    return found and found[0]


def _named(sign: str) -> str:
    return "a blank" if sign.isspace() else f"the sign {sign[0]!r}" if not sign[0].isalnum() else "letters"


def _called(name: str) -> str:
    return _CALLED.get(name, f"the {name}")
