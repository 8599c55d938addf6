"""Rows of a mapped table that have one id, made one: each changes what it names."""

from __future__ import annotations

import json
from collections.abc import Callable

from vecs._checks.json import encode_json
from vecs._sql.binary import encode_jsonb
from vecs._sql.documents import STAGE
from vecs._sql.fragment import Fragment, Identifier, join, qualified
from vecs._sql.rows import EncodedRow
from vecs._sql.tables import Table


def merger(table: Table) -> Callable[[EncodedRow, EncodedRow], EncodedRow]:
    """Return what makes one row of two with the same id: the later one changes what it names, and no more."""
    declared = table.columns.index("declared") if "declared" in table.columns else None

    def merge(former: EncodedRow, row: EncodedRow) -> EncodedRow:
        merged = [there if value is None else value for there, value in zip(former, row, strict=True)]
        if declared is not None:
            both = [json.loads(value[1:]) for value in (former[declared], row[declared]) if value is not None]
            if len(both) > 1:
                merged[declared] = encode_jsonb(encode_json({**both[0], **both[1]}))
        return tuple(merged)

    return merge


def merge_staged(table: Table) -> Fragment:
    """Make the last of several staged rows with one id what `merger` makes of them."""
    parts = [name for name in table.columns if name not in ("id", "declared")]
    values = [
        qualified(
            "(pg_catalog.array_agg(s.{name} order by s.position desc) filter (where s.{name} is not null))[1] as "
            "{name}",
            name=Identifier(name),
        )
        for name in parts
    ]
    merged = [qualified("{name}=m.{name}", name=Identifier(name)) for name in parts]
    if "declared" in table.columns:
        values.append(
            qualified(
                "pg_catalog.array_agg(s.declared order by s.position) filter (where s.declared is not null) as given"
            )
        )
        merged.append(
            qualified(
                # Of several values of one key, the last is kept.
                "declared=(select pg_catalog.jsonb_object_agg(e.key, e.value order by g.place) "
                "from pg_catalog.unnest(m.given) with ordinality as g (keys, place), "
                "pg_catalog.jsonb_each(g.keys) as e)"
            )
        )
    return qualified(
        "update {stage} as r set {merged} from (select pg_catalog.max(s.position) as position{values} "
        'from {stage} as s join (select t.id collate pg_catalog."C" as id from {stage} as t group by 1 '
        'having pg_catalog.count(*) > 1) as twice on twice.id = s.id collate pg_catalog."C" '
        'group by s.id collate pg_catalog."C") as m where r.position = m.position',
        stage=STAGE,
        merged=join(", ", merged or [qualified("position=r.position")]),
        values=join("", (qualified(", {value}", value=value) for value in values)),
    )
