"""Parameters of a connection string: which there are, which values they take, and what was meant by others."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from difflib import get_close_matches
from functools import lru_cache
from ipaddress import ip_address

from psycopg.pq import Conninfo

from vecs._connecting.secrets import SECRETS
from vecs._connecting.separators import check_no_secret_within
from vecs.exc import ArgError

# libpq's, as of PostgreSQL 18; what it says of a wrong one comes only when it connects.
_CHOICES: dict[str, tuple[str, ...]] = {
    "sslmode": ("disable", "allow", "prefer", "require", "verify-ca", "verify-full"),
    "sslnegotiation": ("postgres", "direct"),
    "sslcertmode": ("disable", "allow", "require"),
    "sslcompression": ("0", "1"),
    "sslsni": ("0", "1"),
    "ssl_min_protocol_version": ("TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"),
    "ssl_max_protocol_version": ("TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"),
    "channel_binding": ("disable", "prefer", "require"),
    "gssencmode": ("disable", "prefer", "require"),
    "gssdelegation": ("0", "1"),
    "target_session_attrs": ("any", "read-write", "read-only", "primary", "standby", "prefer-standby"),
    "load_balance_hosts": ("disable", "random"),
}
_NUMBERS = (
    "connect_timeout",
    "keepalives",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_count",
    "tcp_user_timeout",
)
# Without signs between, in small letters.
_ENCODING = re.compile(
    r"auto|sqlascii|euc(jp|cn|kr|tw|jis2004)|utf8|unicode|muleinternal|koi8[ru]?|big5|uhc|gbk|gb18030|johab|sjis|mskanji"
    r"|shiftjis(2004)?|abc|tcvn(5712)?|vscii|alt|win(dows)?(866|874|125[0-8]|932|936|949|950)?|latin([1-9]|10)"
    r"|iso8859([1-9]|10|1[3-6])"
)

# What other programs write into their connection strings, and what it is here.
_POOLED = "leave it out, and give pooler=True if there is a transaction pooler"
_MEANT = {
    "schema": "that is the argument schema=",
    "currentschema": "that is the argument schema=",
    "search_path": "that is the argument schema=",
    "pool_size": "that is the argument pool_size=",
    "max_pool_size": "that is the argument pool_size=",
    "maxpoolsize": "that is the argument pool_size=",
    "min_pool_size": "leave it out; the argument pool_size= limits the connections",
    "max_overflow": "leave it out; the argument pool_size= limits the connections",
    "connection_limit": "that is the argument pool_size=",
    "pool_timeout": "that is the argument pool_timeout=",
    "statement_timeout": "that is the argument statement_timeout=, in seconds",
    "command_timeout": "that is the argument statement_timeout=, in seconds",
    "socket_timeout": "that is the argument statement_timeout=, in seconds",
    "timeout": "that is connect_timeout=, in seconds",
    "ssl": "write sslmode=, for example sslmode=require",
    "sslaccept": "write sslmode=, for example sslmode=require",
    "tls": "write sslmode=, for example sslmode=require",
    "prepare_threshold": _POOLED,
    "preparethreshold": _POOLED,
    "statement_cache_size": _POOLED,
    "prepared_statement_cache_size": _POOLED,
    "prepared_statements": _POOLED,
    "workaround": _POOLED,
    "supa": "leave it out",
    "uselibpqcompat": "leave it out",
    "username": "write user=",
    "database": "write dbname=",
    "server": "write host=",
}
_TRUE, _FALSE = ("true", "1", "yes", "on"), ("false", "0", "no", "off")
_PLACEHOLDER = re.compile(
    r"\$\{\w+\}|%[A-Z_]+%|[\[<{]*your[-_ ]?password[\]>}]*|[<{]+[\w -]*password[\w -]*[>}]+", re.IGNORECASE
)


@lru_cache(maxsize=1)
def known_names() -> frozenset[str]:
    """Return the names of the parameters that this libpq knows."""
    return frozenset(option.keyword.decode() for option in Conninfo.get_defaults())


def taken_pooler(parameters: dict[str, str]) -> bool | None:
    """Take `pgbouncer=`, which Prisma and Supabase write, out of the parameters: whether a pooler is in between."""
    value = parameters.pop("pgbouncer", None)
    if value is not None and value.lower() not in (*_TRUE, *_FALSE):
        raise ArgError("pgbouncer= in the connection string is neither true nor false")
    return None if value is None else value.lower() in _TRUE


def check_names(names: Iterable[str]) -> None:
    """Raise ArgError for a parameter that libpq does not know, with what was probably meant."""
    given = list(names)
    known = known_names()
    for name in given:
        if name in known:
            continue
        close = get_close_matches(name.lower(), sorted(known), 1, 0.8)
        meant = _MEANT.get(name.lower()) or (f"did you mean {close[0]}?" if close else "")
        # A name that nobody knows may be a piece of a password that was not encoded.
        if not meant and (any(other in SECRETS for other in given) or not re.fullmatch(r"[A-Za-z_]{1,40}", name)):
            raise ArgError(
                "the connection string has a parameter that is unknown; a password in it must be percent-encoded, or "
                "in quotes in the key=value form"
            )
        raise ArgError(
            f"the connection string has the parameter {name!r}, which Postgres does not know"
            f"{'; ' + meant if meant else '; leave it out'}"
        )


def check_values(parameters: Mapping[str, str]) -> None:
    """Raise ArgError for a value that libpq or the system's resolver would refuse, without connecting or showing it."""
    check_no_secret_within(parameters)
    for name, value in parameters.items():
        if "\0" in value:
            raise ArgError(f"{name} in the connection string has a NUL character")
        choices = _CHOICES.get(name)
        if choices and value and value.lower() not in map(str.lower, choices):
            close = get_close_matches(value.lower(), choices, 1)
            raise ArgError(
                f"{name}= in the connection string has an unknown value: expected one of {', '.join(choices)}"
                f"{f'; did you mean {close[0]}?' if close else ''}"
            )
        if name in _NUMBERS and value and not re.fullmatch(r"\s*[+-]?\d{1,9}\s*", value, re.ASCII):
            raise ArgError(f"{name}= in the connection string is not a whole number")
    encoding = parameters.get("client_encoding") or "auto"
    if not _ENCODING.fullmatch(re.sub(r"[\W_]", "", encoding).lower()):
        raise ArgError(
            "client_encoding= in the connection string is no encoding of Postgres; leave it out: vecs speaks UTF-8"
        )
    if _PLACEHOLDER.fullmatch(parameters.get("password") or ""):
        raise ArgError("the password in the connection string is a placeholder that was not filled in")
    _check_places(parameters)


def _check_places(parameters: Mapping[str, str]) -> None:
    # An unencoded @ or / in a password moves its rest into the host, the port or the database, which are shown.
    hosts = (parameters.get("host") or "").split(",")
    ports = (parameters.get("port") or "").split(",")
    if any("@" in (parameters.get(key) or "").lstrip("@") for key in ("host", "port", "dbname")):
        raise ArgError(
            "the connection string has one @ too many; a password with special characters must be percent-encoded"
        )
    for port in ports:
        if port and not (port.isascii() and port.isdigit() and 0 < int(port[:6]) < 65536):
            raise ArgError("the port in the connection string is not a number from 1 to 65535")
    addresses = (parameters.get("hostaddr") or "").split(",")
    places = max(len(hosts), len(addresses))
    if len(ports) not in (1, places):
        raise ArgError(f"the connection string has {len(ports)} ports for {places} hosts; give one, or one for each")
    for host in hosts:
        if not _may_be_host(host):
            shown = f" {host[:80]!r}" if re.fullmatch(r"[\w.-]+", host) else ""
            raise ArgError(f"the host{shown} in the connection string cannot be the name of a host")
    for address in addresses:
        if address and not _is_address(address):
            raise ArgError("hostaddr= in the connection string is not an IP address; write host=")


def _may_be_host(host: str) -> bool:
    if not host or host.startswith(("/", "@")) or re.match(r"[A-Za-z]:\\", host) or _is_address(host):
        return True
    with suppress(UnicodeError):
        # As the resolver makes them: none may be empty or longer than 63 characters.
        labels = host.encode("idna").decode().removesuffix(".").split(".")
        return all(re.fullmatch(r"[\w-]{1,63}", label) for label in labels)
    return False


def _is_address(host: str) -> bool:
    with suppress(ValueError):
        return bool(ip_address(host.partition("%")[0]))
    return False
