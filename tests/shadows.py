"""A schema in which everything that a statement could name is a trap."""

from __future__ import annotations

from typing import LiteralString

# pgvector is in `ext`, the traps are in `evil`. Whatever is called there raises.
_TRAP: LiteralString = """
create schema evil;
create function evil.sprung() returns pg_catalog.bool language plpgsql as
    $$begin raise exception 'captured: a type or a relation'; end$$
"""

# Of each function the twin, which is the better one where pg_catalog comes last.
_FUNCTIONS: LiteralString = """
do $do$
declare f record;
begin
    for f in
        select p.proname, pg_get_function_identity_arguments(p.oid) as args, p.proretset,
               p.prorettype::regtype::text as result
        from pg_proc p
        where p.pronamespace in ('pg_catalog'::regnamespace, 'ext'::regnamespace) and p.prokind <> 'p'
    loop
        begin
            execute format(
                'create function evil.%I(%s) returns %s %s language plpgsql as '
                '$$begin raise exception ''captured: function %s''; end$$',
                f.proname, f.args, case when f.proretset then 'setof' end, f.result, f.proname
            );
        exception when others then null;  -- What plpgsql cannot return, nobody calls.
        end;
    end loop;
end $do$
"""

# Operators and functions for every pair of usual types: better ones wherever types differ.
_PAIRS: LiteralString = """
do $do$
declare
    types text[] := '{text,varchar,int2,int4,int8,numeric,float4,float8,jsonb,name,bool,oid,regclass,text[],jsonb[]}';
    a text; b text; f text; each text;
begin
    foreach a in array types loop
        foreach b in array types loop
            f := format('evil.%I', 'op_' || a || '_' || b);
            execute format(
                'create function %s(pg_catalog.%s, pg_catalog.%s) returns bool language plpgsql as '
                '$$begin raise exception ''captured: operator on %s and %s''; end$$', f, a, b, a, b
            );
            foreach each in array '{=,<>,<,<=,>,>=,+,-,*,/,||,->,->>,#>>,@>,@@,~~,~~*,!~~}'::text[] loop
                execute format(
                    'create operator evil.%s (leftarg = pg_catalog.%s, rightarg = pg_catalog.%s, function = %s)',
                    each, a, b, f
                );
            end loop;
            foreach each in array '{hashtextextended,starts_with,strpos,left,concat_ws,ts_rank,jsonb_typeof,
                                    array_agg,min,max,sum,count,greatest,quote_ident,ln,exp,to_tsvector}'::text[] loop
                begin
                    execute format(
                        'create function evil.%I(pg_catalog.%s, pg_catalog.%s) returns text language plpgsql as '
                        '$$begin raise exception ''captured: function %s''; end$$', each, a, b, each
                    );
                exception when duplicate_function then null;
                end;
            end loop;
        end loop;
    end loop;
    foreach a in array '{vector,halfvec,sparsevec}'::text[] loop
        execute format(
            'create function evil.op_%s(ext.%s, ext.%s) returns float8 language plpgsql as '
            '$$begin raise exception ''captured: operator on %s''; end$$', a, a, a, a
        );
        foreach each in array '{<->,<#>,<=>,<+>,=,<>,+,-,*}'::text[] loop
            execute format('create operator evil.%s (leftarg = ext.%s, rightarg = ext.%s, function = evil.op_%s)',
                           each, a, a, a);
        end loop;
    end loop;
end $do$
"""

_TYPES: LiteralString = """
do $do$
declare
    types text[] := '{text,varchar,int2,int4,int8,numeric,float4,float8,jsonb,json,name,bool,oid,regclass,regconfig,
                      tsvector,tsquery,bytea,uuid,char,bit}';
    a text; r record;
begin
    foreach a in array types loop
        execute format('create domain evil.%I as pg_catalog.%I check (evil.sprung())', a, a);
    end loop;
    foreach a in array '{vector,halfvec,sparsevec}'::text[] loop
        execute format('create domain evil.%I as ext.%I check (evil.sprung())', a, a);
    end loop;
    for r in select relname from pg_class where relnamespace = 'pg_catalog'::regnamespace and relkind in ('r', 'v') loop
        begin
            execute format('create view evil.%I as select x.* from pg_catalog.%I as x where evil.sprung()',
                           r.relname, r.relname);
        exception when invalid_table_definition then  -- It has columns of anyarray, which no view may have.
            execute format('create view evil.%I as select evil.sprung() as captured', r.relname);
        end;
    end loop;
end $do$
"""

# Not to be felt in a call, but in what is found.
_NAMES: LiteralString = """
create text search configuration evil.english (copy = pg_catalog.simple);
create text search configuration evil.simple (copy = pg_catalog.german);
create collation evil."C" (locale = 'C.UTF-8');
grant usage on schema evil, ext to public
"""

SHADOWS: tuple[LiteralString, ...] = (_TRAP, _FUNCTIONS, _TYPES, _PAIRS, _NAMES)
