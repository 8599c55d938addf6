"""Settings per request: every statement of a view carries them, and no connection keeps them."""

from __future__ import annotations

import logging
import pickle
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from typing import Any

import psycopg
import pytest
from tests.tenants import TENANTS, a_role, kept_apart, of

import vecs
from vecs.exc import ArgError, CollectionNotFound, DatabaseError, Unavailable

# Writes of hundreds of records go by COPY, those of a few by INSERT.
pytestmark = pytest.mark.usefixtures("small_buffer")

RECORDS = 40


@pytest.fixture
def tenant(superuser_target: str, schema: str) -> Iterator[str]:
    """The role of tenants."""
    with a_role(superuser_target, f"tenant_{schema}") as role:
        yield role


@pytest.fixture(params=["direct", "declared", "bouncer"])
async def owner(
    request: pytest.FixtureRequest, superuser_target: str, schema: str, tenant: str
) -> AsyncGenerator[vecs.AsyncClient]:
    """The client of a table of two tenants, on one connection to the server or to a pooler before it."""
    place = request.getfixturevalue("bouncer") if request.param == "bouncer" else superuser_target
    async with vecs.create_async_client(
        place, schema=schema, pool_size=1, pooler=request.param != "direct", statement_timeout=60
    ) as owner:
        docs = await owner.create_collection("docs", 2, text=True)
        kept_apart(superuser_target, schema, "docs", tenant)
        for name in TENANTS:
            mine = docs.with_settings({"app.tenant": name})
            await mine.upsert([vecs.Record(f"{name}{i}", [i, 1], f"oil {i}", {"n": i}) for i in range(RECORDS)])
        yield owner
        async with owner.connection() as connection:
            await connection.execute("drop table if exists " + f"{schema}.docs")


def only(tenant: str, found: list[Any]) -> int:
    """How many there are, all of them the tenant's."""
    ids = [getattr(one, "id", one) for one in found]
    assert [id for id in ids if not id.startswith(tenant)] == []
    return len(ids)


async def test_every_method_of_a_view_carries_its_settings(owner: vecs.AsyncClient, tenant: str) -> None:
    # More often than psycopg waits before it prepares a statement, and in turn on one connection.
    for _ in range(12):
        for name in TENANTS:
            view = owner.with_settings(of(name, tenant))
            docs = await view.get_collection("docs")
            docs.warns_without_index = False
            assert only(name, await docs.search([1, 1], limit=99)) == RECORDS
            assert only(name, await docs.search([1, 1], limit=99, filters={"n": {"$lt": 9}})) == 9
            assert only(name, await docs.search([1, 1], limit=99, exact=True)) == RECORDS
            assert only(name, await docs.search([1, 1], text="oil", mode="hybrid", limit=5)) == 5
            assert only(name, await docs.search("oil", mode="keyword", limit=99)) == RECORDS
            found = await docs.search([1, 1], text="oils", limit=3, highlight=True)
            assert [match.highlights for match in found] == [((0, 3),)] * 3
            assert [only(name, each) for each in await docs.search_many([[1, 1]] * 25, limit=3)] == [3] * 25
            assert only(name, await docs.get(limit=99)) == RECORDS
            assert only(name, [record async for record in docs.scan()]) == RECORDS
            assert await docs.count() == RECORDS
            assert (await docs.info()).records == RECORDS
            assert (await view.info()).user == tenant
    assert await (await owner.get_collection("docs")).count() == RECORDS * len(TENANTS)
    assert (await owner.info()).user == "postgres"


async def test_a_tenant_writes_its_own_records_alone(owner: vecs.AsyncClient, tenant: str) -> None:
    docs = await owner.with_settings(of("a", tenant)).get_collection("docs")
    with pytest.raises(DatabaseError, match="row-level security"):
        await docs.upsert([vecs.Record("b1", [0, 0], "stolen")])
    # By a staging table, as many as this.
    with pytest.raises(DatabaseError, match="row-level security"):
        await docs.upsert([vecs.Record(f"b{i}", [0, 0], "stolen") for i in range(600)])
    assert await docs.upsert([vecs.Record(f"a{i}", [i, 1], "oil", {"n": i}) for i in range(600)]) == 600
    assert await docs.delete(["b1", "a1"]) == ["a1"]
    assert only("a", await docs.delete(filters={"n": {"$gte": RECORDS}})) == 600 - RECORDS
    assert only("a", await docs.update_metadata({"seen": True}, filters={"n": {"$gte": 0}})) == RECORDS - 1
    of_b = await owner.with_settings(of("b", tenant)).get_collection("docs")
    assert {(record.text or "")[:3] for record in await of_b.get(limit=99)} == {"oil"}
    assert await of_b.count(filters={"seen": True}) == 0
    assert await of_b.count() == RECORDS


async def test_an_error_of_a_view_is_the_statements_own_and_leaves_nothing(
    owner: vecs.AsyncClient, tenant: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "psycopg")
    docs = await owner.get_collection("docs")
    for _ in range(8):
        with pytest.raises(DatabaseError, match='role "nobody_at_all" does not exist'):
            await docs.with_settings({"role": "nobody_at_all"}).get(["a1"])
        with pytest.raises(DatabaseError, match="invalid value for parameter"):
            await docs.with_settings({"work_mem": "much"}).get(["a1"])
        with pytest.raises(CollectionNotFound):
            await owner.with_settings(of("a", tenant)).get_collection("absent")
        with pytest.raises(DatabaseError, match="row-level security"):
            await docs.with_settings(of("a", tenant)).upsert([vecs.Record("b1", [0, 0], "stolen")])
        assert await docs.with_settings(of("a", tenant)).count() == RECORDS
        assert await docs.count() == RECORDS * len(TENANTS)
    assert caplog.messages == []


async def test_what_is_checked_at_the_commit_is_reported(owner: vecs.AsyncClient, tenant: str) -> None:
    async with owner.connection() as connection:
        table = f"{owner.schema}.docs"
        await connection.execute(f"alter table {table} add unique (tenant, document_id) deferrable initially deferred")
    docs = await owner.with_settings(of("a", tenant)).get_collection("docs")
    twice = [vecs.Record(f"a{i}", [1, 1], "x", document_id="d") for i in range(2)]
    with pytest.raises(DatabaseError, match="duplicate key"):
        await docs.upsert(twice)
    assert {record.text for record in await docs.get(["a0", "a1"])} == {"oil 0", "oil 1"}


async def test_a_view_goes_on_after_its_table_was_altered(owner: vecs.AsyncClient, tenant: str) -> None:
    docs = (await owner.get_collection("docs")).with_settings(of("a", tenant))
    for _ in range(8):
        assert await docs.get(["a1"])
    async with owner.connection() as connection:
        await connection.execute(f"alter table {owner.schema}.docs alter column document_id type varchar")
    for _ in range(8):
        assert await docs.get(["a1"])


async def test_a_borrowed_connection_of_a_view_has_its_settings(owner: vecs.AsyncClient, tenant: str) -> None:
    asked = f"select current_user, current_setting('app.tenant', true), count(*) from {owner.schema}.docs"
    for name in TENANTS:
        async with owner.with_settings(of(name, tenant)).connection() as connection:
            for _ in range(8):
                cursor = await connection.execute(asked)
                assert await cursor.fetchone() == (tenant, name, RECORDS)
            async with connection.transaction():
                cursor = await connection.execute(asked)
                assert await cursor.fetchone() == (tenant, name, RECORDS)
        async with owner.connection() as connection:
            cursor = await connection.execute(asked)
            assert await cursor.fetchone() == ("postgres", "", RECORDS * len(TENANTS))


async def test_settings_of_the_server_hold_for_a_view(owner: vecs.AsyncClient) -> None:
    docs = await owner.get_collection("docs")
    slow = {"$or": [{f"k{i}": {"$ilike": "%x%"}} for i in range(900)]}
    await docs.with_settings({"app.tenant": "a"}).upsert((f"a{i}", [i, 1], {"n": "x" * 100}) for i in range(5000))
    with pytest.raises(DatabaseError, match="statement timeout"):
        await docs.with_settings({"statement_timeout": 1}).count(filters=slow)
    async with owner.with_settings({"hnsw.ef_search": 77, "work_mem": "7MB"}).connection() as connection:
        cursor = await connection.execute("select current_setting('hnsw.ef_search'), current_setting('work_mem')")
        assert await cursor.fetchone() == ("77", "7MB")
        cursor = await connection.execute("select current_setting('statement_timeout')")
        assert await cursor.fetchone() == ("1min",)


async def test_a_view_builds_indexes_with_its_settings(owner: vecs.AsyncClient, tenant: str) -> None:
    async with owner.connection() as connection:
        await connection.execute(f"alter table {owner.schema}.docs owner to {tenant}")
        await connection.execute(f"grant create on schema {owner.schema} to {tenant}")
        await connection.execute(f"alter table {owner.schema}.docs force row level security")
    docs = await owner.with_settings(of("a", tenant)).get_collection("docs")
    if owner._executor.pooler:
        with pytest.raises(DatabaseError, match="through the client without settings"):
            await docs.index()
        docs = await owner.get_collection("docs")
    await docs.index()
    async with owner.connection() as connection:
        cursor = await connection.execute(
            "select count(*), bool_and(pg_get_userbyid(relowner) = %s) from pg_class "
            "where relname like 'ix_vector%%' and relnamespace = %s::regnamespace",
            [tenant, owner.schema],
        )
        assert await cursor.fetchone() == (1, True)
    assert (await owner.info()).user == "postgres"
    mine = docs.with_settings(of("a", tenant))
    assert only("a", await mine.search([1, 1], limit=99)) == RECORDS


async def test_a_tenant_that_deletes_everything_deletes_its_own(owner: vecs.AsyncClient, tenant: str) -> None:
    docs = await owner.get_collection("docs")
    async with owner.connection() as connection:
        # Which would empty the table for all of them.
        await connection.execute(f"grant truncate on {owner.schema}.docs to {tenant}")
    of_a, of_b = (docs.with_settings(of(name, tenant)) for name in TENANTS)
    await of_b.truncate()
    assert (await of_a.count(), await of_b.count()) == (RECORDS, 0)
    async with owner.connection() as connection:
        await connection.execute(f"revoke update on {owner.schema}.docs from {tenant}")
    await (await owner.with_settings(of("b", tenant)).get_collection("docs")).truncate()
    assert await docs.count() == RECORDS
    await of_a.truncate()
    assert await docs.count() == 0
    async with owner.connection() as connection:
        await connection.execute(f"revoke delete on {owner.schema}.docs from {tenant}")
    with pytest.raises(DatabaseError, match="ask for: grant delete on") as caught:
        await of_a.truncate()
    assert "truncate" not in str(caught.value)


async def test_a_row_that_policies_refuse_says_what_may_be_the_reason(owner: vecs.AsyncClient, tenant: str) -> None:
    docs = (await owner.get_collection("docs")).with_settings(of("a", tenant))
    for number in (1, 600):
        with pytest.raises(DatabaseError, match=r"settings of the call \(app.tenant, role\) do not match the policy"):
            await docs.upsert([vecs.Record(f"b{i}", [0, 0], "stolen") for i in range(number)])


async def test_a_role_that_may_not_be_set_says_how_it_is_granted(target: str, schema: str) -> None:
    async with vecs.create_async_client(target, schema=schema) as client:
        plain = await client.create_collection("docs", 2)
        user = (await client.info()).user
        calls: list[Callable[[], Awaitable[Any]]] = [
            lambda: client.with_settings({"role": "pg_monitor"}).get_collection("docs"),
            lambda: plain.with_settings({"role": "pg_monitor"}).count(),
            lambda: plain.with_settings({"role": "pg_monitor"}).upsert([("b1", [1, 2], {})]),
            lambda: plain.with_settings({"role": "pg_monitor"}).truncate(),
        ]
        for call in calls:
            with pytest.raises(DatabaseError, match=f'ask for: grant "pg_monitor" to "{user}"$'):
                await call()


async def test_a_role_under_policies_deletes_its_own_without_settings_too(
    owner: vecs.AsyncClient, superuser_target: str, tenant: str
) -> None:
    docs = await owner.get_collection("docs")
    async with owner.connection() as connection:
        await connection.execute(f"grant truncate on {owner.schema}.docs to {tenant}")
    options = f"-c role={tenant} -c app.tenant=b"
    target = psycopg.conninfo.make_conninfo(superuser_target, options=options)
    async with vecs.create_async_client(target, schema=owner.schema) as client:
        await (await client.get_collection("docs")).truncate()
    assert only("a", await docs.get(limit=99)) == RECORDS


async def test_policies_that_came_after_the_collection_was_opened_hold(
    owner: vecs.AsyncClient, superuser_target: str, tenant: str
) -> None:
    options = f"-c role={tenant} -c app.tenant=b"
    target = psycopg.conninfo.make_conninfo(superuser_target, options=options)
    async with owner.connection() as connection:
        await connection.execute(f"grant truncate on {owner.schema}.docs to {tenant}")
        await connection.execute(f"alter table {owner.schema}.docs disable row level security")
    async with vecs.create_async_client(target, schema=owner.schema) as client:
        docs = await client.get_collection("docs")
        assert await docs.count() == RECORDS * len(TENANTS)
        async with owner.connection() as connection:
            await connection.execute(f"alter table {owner.schema}.docs enable row level security")
        await docs.truncate()
    assert only("a", await (await owner.get_collection("docs")).get(limit=99)) == RECORDS


@pytest.mark.parametrize(
    "settings", [{"role": "postgres"}, {"app.tenant": "a"}, {"work_mem": "5MB", "App.Tenant": "a"}]
)
async def test_a_view_of_a_tenant_is_for_records_and_not_for_tables(
    superuser_target: str, schema: str, settings: dict[str, str]
) -> None:
    async with vecs.create_async_client(superuser_target, schema=schema) as client:
        docs = await client.create_collection("docs", 2)
        view = client.with_settings(settings)
        mine = docs.with_settings(settings)
        calls: list[Callable[[], Awaitable[Any]]] = [
            lambda: view.create_collection("new", 2),
            lambda: view.get_or_create_collection("new", dimension=2),
            lambda: view.delete_collection("docs"),
            lambda: view.rename_collection("docs", "new"),
            lambda: mine.rename("new"),
            lambda: mine.enable_text(),
        ]
        for call in calls:
            with pytest.raises(DatabaseError, match="use the client without settings") as caught:
                await call()
            assert sorted(settings)[0].lower() in str(caught.value)
            assert await client.collection_names() == ["docs"]
        assert not (await docs.info()).has_text


async def test_a_view_with_limits_alone_is_for_tables_too(superuser_target: str, schema: str) -> None:
    async with vecs.create_async_client(superuser_target, schema=schema) as client:
        view = client.with_settings({"statement_timeout": "1min", "hnsw.ef_search": 99})
        docs = await view.create_collection("docs", 2)
        await docs.upsert([("1", [1, 2], {})])
        await docs.enable_text()
        await docs.truncate()
        await docs.rename("other")
        assert await docs.count() == 0
        await view.delete_collection("other")
        assert await client.collection_names() == []


async def test_searches_under_row_level_security_find_what_exact_ones_find(
    owner: vecs.AsyncClient, tenant: str
) -> None:
    docs = await owner.get_collection("docs")
    others = docs.with_settings({"app.tenant": "b"})
    await others.upsert((f"b{i}", [(i * 7919) % 4001 - 2000, (i * 104729) % 4003 - 2001], {}) for i in range(1, 4000))
    await docs.index()
    mine = docs.with_settings(of("a", tenant))
    for vec in ([1, 1], [-1, 0.5], [0, -1]):
        found = [match.id for match in await mine.search(vec, limit=RECORDS)]
        exact = [match.id for match in await mine.search(vec, limit=RECORDS, exact=True)]
        assert len(found) == len(exact) == RECORDS
        assert found[:10] == exact[:10]
        several = await mine.search_many([vec, vec], limit=10)
        assert [[match.id for match in each] for each in several] == [exact[:10]] * 2


async def test_a_collections_view_reads_anew_what_the_role_may(owner: vecs.AsyncClient, tenant: str) -> None:
    async with owner.connection() as connection:
        await connection.execute(f"revoke update on {owner.schema}.docs from {tenant}")
    docs = await owner.get_collection("docs")
    assert await docs.delete(["b0"]) == ["b0"]
    assert await docs.with_settings(of("a", tenant)).delete(filters={"n": 1}) == ["a1"]


async def test_views_of_views_add_their_settings(superuser_target: str, schema: str) -> None:
    async with vecs.create_async_client(superuser_target, schema=schema) as client:
        view = client.with_settings({"app.tenant": "a", "app.user": 1}).with_settings({"App.Tenant": "b"})
        async with view.connection() as connection:
            cursor = await connection.execute("select current_setting('app.tenant'), current_setting('app.user')")
            assert await cursor.fetchone() == ("b", "1")
        assert client.with_settings(None) == client.with_settings({}) == client
        assert client.with_settings({"app.a": 1}) == client.with_settings({"app.a": "1"}) != client
        assert hash(client.with_settings({"app.a": 1})) == hash(client.with_settings({"app.a": "1"}))
        assert client.with_settings({"app.a": 1}) != "another thing"
        assert isinstance(view, vecs.AsyncClient)


async def test_a_repr_of_a_view_has_names_and_no_values(superuser_target: str) -> None:
    view = vecs.AsyncClient(superuser_target).with_settings({"request.jwt.claims": {"token": "s3cret"}, "role": "r"})
    assert "settings=['request.jwt.claims', 'role']" in repr(view)
    assert "s3cret" not in repr(view)
    with pytest.raises(ArgError, match="search_path"):
        view.with_settings({"search_path": "evil"})


async def test_a_view_is_closed_with_its_client_alone(superuser_target: str, schema: str) -> None:
    async with vecs.create_async_client(superuser_target, schema=schema) as client:
        await client.create_collection("docs", 2)
        pool: Any = client._executor._connections._pool
        async with client.with_settings({"app.tenant": "a"}) as view:
            await view.collection_names()
        await view.close()
        assert client._executor._connections._pool is pool
        assert await client.collection_names() == ["docs"]


async def test_a_pickled_view_has_its_settings_and_connections_of_its_own(superuser_target: str, schema: str) -> None:
    async with vecs.create_async_client(superuser_target, schema=schema) as client:
        docs = (await client.create_collection("docs", 2)).with_settings({"app.tenant": "a"})
        copy = pickle.loads(pickle.dumps(docs))
        async with copy.client as view, view.connection() as connection:
            cursor = await connection.execute("select current_setting('app.tenant')")
            assert await cursor.fetchone() == ("a",)
            assert await copy.count() == 0
        with pytest.raises(psycopg.OperationalError):
            await connection.execute("select 1")


async def test_a_view_heals_as_its_client_does(owner: vecs.AsyncClient, tenant: str, superuser_target: str) -> None:
    docs = (await owner.get_collection("docs")).with_settings(of("a", tenant))
    assert await docs.count() == RECORDS
    with psycopg.connect(superuser_target, autocommit=True) as admin:
        admin.execute("select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'vecs'")
    for _ in range(20):
        try:
            assert await docs.count() == RECORDS
            break
        except Unavailable:
            # PgBouncer hands out its other dead connections, too.
            continue
    assert await docs.count() == RECORDS
