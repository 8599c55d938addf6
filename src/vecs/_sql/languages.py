"""Text search configurations: found, and named with their schema."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from vecs._sql.fragment import Fragment, qualified

if TYPE_CHECKING:
    from typing_extensions import LiteralString


def regconfig(language: str) -> str:
    """Return a text search configuration, which has its schema unless that is pg_catalog, with its schema."""
    has_schema = re.fullmatch(r'("(?:[^"]|"")*"|[^."]+)\..+', language, re.DOTALL)
    return language if has_schema else f"pg_catalog.{language}"


def configuration_name(namespace: LiteralString, configuration: LiteralString) -> Fragment:
    """Write the name of a text search configuration, with its schema unless that is pg_catalog."""
    return qualified(
        """
        case when {namespace}.nspname = 'pg_catalog' then ''
             else pg_catalog.quote_ident({namespace}.nspname) || '.' end
        || pg_catalog.quote_ident({configuration}.cfgname)
        """,
        namespace=Fragment((namespace,)),
        configuration=Fragment((configuration,)),
    )


def find_language(language: str) -> Fragment:
    """Find a text search configuration by name, and how the server writes that name."""
    return qualified(
        """
        select {configuration} from pg_catalog.pg_ts_config c
        join pg_catalog.pg_namespace n on n.oid = c.cfgnamespace
        where {language}::pg_catalog.text = any(array[
            c.cfgname, c.oid::pg_catalog.regconfig::pg_catalog.text, {configuration}, n.nspname || '.' || c.cfgname
        ]::pg_catalog.text[])
        order by (n.nspname = 'pg_catalog') desc, pg_catalog.pg_ts_config_is_visible(c.oid) desc
        limit 1
        """,
        configuration=configuration_name("n", "c"),
        language=language,
    )


def list_languages() -> Fragment:
    """List the installed text search configurations."""
    return qualified("select distinct cfgname::pg_catalog.text from pg_catalog.pg_ts_config order by 1")
