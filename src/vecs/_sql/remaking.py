"""Statements that check whether an empty collection may be replaced: nothing else may be lost with its table."""

from __future__ import annotations

from vecs._checks.shown import brief
from vecs._sql.fragment import Fragment, qualified
from vecs._sql.indexes import NAMED_BY_VECS
from vecs._sql.tables import Table


def has_records(table: Table) -> Fragment:
    """Ask whether there are any records."""
    return qualified("select exists (select from {table})", table=table.identifier)


def lock_against_all(table: Table) -> Fragment:
    """
    Lock a collection for all readers and writers until the transaction ends; an error if anybody uses it now.

    Not waited for: all others would wait behind this for as long as a session is idle in its transaction.
    """
    return qualified("lock table {table} in access exclusive mode nowait", table=table.identifier)


def is_as_made(table: Table) -> Fragment:
    """
    Ask whether nobody else added columns or a comment to a collection, or indexes with names that vecs gives.

    `is_like` compares the rest, also the other indexes.
    """
    columns = [*table.columns, *(["text_search"] if table.language is not None else [])]
    comment = qualified("pg_catalog.obj_description(c.oid, 'pg_class')")
    # JSON that vecs wrote, without keys of others.
    only_ours = qualified(
        "(select pg_catalog.count(*) = 1 from pg_catalog.json_object_keys({comment}::pg_catalog.json))", comment=comment
    )
    return qualified(
        """
        select {uncommented}
           and not exists (
               select from pg_catalog.pg_attribute as a
               where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
                 and not a.attname::pg_catalog.text = any({columns}::pg_catalog.text[]))
           and not exists (
               select from pg_catalog.pg_index as x
               join pg_catalog.pg_class as i on i.oid = x.indexrelid
               join pg_catalog.pg_am as m on m.oid = i.relam
               left join pg_catalog.pg_attribute as a on a.attrelid = c.oid and a.attnum = x.indkey[0]
               where x.indrelid = c.oid and not x.indisprimary
                 and i.relname::pg_catalog.text operator(pg_catalog.~) {own}::pg_catalog.text
                 and (x.indisunique or x.indisclustered or x.indisreplident or x.indnatts <> 1
                      or i.reltablespace <> c.reltablespace
                      or pg_catalog.obj_description(i.oid, 'pg_class') is not null
                      or case when m.amname = 'hnsw' or m.amname = 'ivfflat' then false
                              -- On all metadata, or on a value in it.
                              when m.amname = 'gin' then a.attname is null or a.attname <> 'metadata'
                                  or x.indpred is not null or i.reloptions is not null
                              when m.amname = 'btree' then a.attname is not null
                                  or x.indpred is not null or i.reloptions is not null
                              else true end))
        from pg_catalog.pg_class as c
        join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
        where n.nspname = {schema}::pg_catalog.text and c.relname = {name}::pg_catalog.text
        """,
        schema=table.schema,
        name=table.name,
        columns=columns,
        uncommented=only_ours if table.comment else qualified("{comment} is null", comment=comment),
        own=NAMED_BY_VECS,
    )


def is_like(table: Table, other: Table) -> Fragment:
    """
    Ask whether two tables are the same but for their names, records, comments, and indexes with names that vecs gives.

    Compared are all that the catalog says of the tables, of their columns and of the types of their rows, their
    constraints, what depends on them, comments on columns, security labels, parents and subscriptions. The first one
    may lack indexes that the other has. vecs 0.4 made ids of the type varchar, which counts as text.
    """
    return qualified(
        """
        select pg_catalog.count(distinct facts) = 1 and not exists (
            {indexes} where x.indrelid = {table}::pg_catalog.regclass and {others}
            except all {indexes} where x.indrelid = {other}::pg_catalog.regclass)
        from (
            select pg_catalog.jsonb_build_array(
                pg_catalog.to_jsonb(c) - '{{oid,relname,reltype,relfilenode,relpages,reltuples,relallvisible,
                    relallfrozen,reltoastrelid,relnatts,relfrozenxid,relminmxid}}'::pg_catalog.text[],
                (select pg_catalog.jsonb_object_agg(
                    a.attname,
                    (pg_catalog.to_jsonb(a) - '{{attrelid,attnum,atttypid,attcacheoff,atthasmissing,attmissingval}}'
                        ::pg_catalog.text[])
                    || pg_catalog.jsonb_build_object(
                        'type', case when a.atttypid = 'pg_catalog.varchar'::pg_catalog.regtype and a.atttypmod = -1
                            then 'pg_catalog.text'::pg_catalog.regtype::pg_catalog.oid else a.atttypid end,
                        'default', pg_catalog.pg_get_expr(d.adbin, d.adrelid),
                        'comment', pg_catalog.col_description(c.oid, a.attnum)))
                    from pg_catalog.pg_attribute as a
                    left join pg_catalog.pg_attrdef as d on d.adrelid = a.attrelid and d.adnum = a.attnum
                    where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped),
                array(
                    select pg_catalog.concat_ws(
                        ' ', k.contype, pg_catalog.pg_get_constraintdef(k.oid), i.reloptions, i.reltablespace,
                        x.indisclustered, pg_catalog.obj_description(k.oid, 'pg_constraint'))
                    from pg_catalog.pg_constraint as k
                    left join pg_catalog.pg_index as x on x.indexrelid = k.conindid
                    left join pg_catalog.pg_class as i on i.oid = k.conindid
                    where k.conrelid = c.oid order by 1),
                array(
                    select pg_catalog.concat_ws(' ', d.classid, d.deptype, r.relkind)
                    from pg_catalog.pg_depend as d
                    left join pg_catalog.pg_class as r
                        on r.oid = d.objid and d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
                    where d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.refobjid = c.oid
                      and (r.oid is null or not (r.relkind = 'i' or r.relkind = 't'))
                    order by 1),
                array(
                    select pg_catalog.concat_ws(
                        ' ', t.typacl, pg_catalog.obj_description(t.oid, 'pg_type'),
                        (select pg_catalog.count(*) from pg_catalog.pg_depend as d
                         where d.refclassid = 'pg_catalog.pg_type'::pg_catalog.regclass and d.refobjid = t.oid))
                    from pg_catalog.pg_type as t
                    where t.oid = c.reltype
                       or t.oid = (select typarray from pg_catalog.pg_type where oid = c.reltype)
                    order by 1),
                (select t.reloptions from pg_catalog.pg_class as t where t.oid = c.reltoastrelid),
                exists (
                    select from pg_catalog.pg_seclabel as l
                    where l.classoid = 'pg_catalog.pg_class'::pg_catalog.regclass and l.objoid = c.oid),
                exists (select from pg_catalog.pg_inherits as h where h.inhrelid = c.oid),
                exists (select from pg_catalog.pg_subscription_rel as u where u.srrelid = c.oid)
            ) as facts
            from pg_catalog.pg_class as c
            where c.oid = {table}::pg_catalog.regclass or c.oid = {other}::pg_catalog.regclass
        ) as compared
        """,
        table=table.identifier.sql,
        other=other.identifier.sql,
        indexes=_INDEXES,
        others=qualified(
            "i.relname::pg_catalog.text operator(pg_catalog.!~) {own}::pg_catalog.text", own=NAMED_BY_VECS
        ),
    )


# Their definitions without their names, and what a definition leaves out.
_INDEXES = qualified(
    """
    select pg_catalog.substring(pg_catalog.pg_get_indexdef(i.oid), ' USING .*'), i.reltablespace,
        pg_catalog.obj_description(i.oid, 'pg_class'), x.indisunique, x.indisprimary, x.indisclustered, x.indisreplident
    from pg_catalog.pg_index as x join pg_catalog.pg_class as i on i.oid = x.indexrelid
    """
)


def changes(former: Table, made: Table) -> str:
    """Say in which ways a collection differs from the one that it replaced."""
    pairs = (
        ("dimension", former.dimension, made.dimension),
        ("vectors", former.storage.described, made.storage.described),
        ("text columns", former.has_text, made.has_text),
        ("language", former.language, made.language),
        ("model", former.comment.get("identity"), made.comment.get("identity")),
    )
    told = [f"{what} {brief(old)} became {brief(now)}" for what, old, now in pairs if old != now]
    return ", ".join(told) or "transform"
