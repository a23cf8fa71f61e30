"""Schema `webhooks` by numbered migrations: whoever runs it, however often, it is the same schema or none."""

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from dispatcher.errors import SchemaError, StatementFailed
from dispatcher.store.migrate import ROLES, known, migrate, refuse_unmigrated, script
from dispatcher.store.session import Login, Session
from tests.support.postgres import connected, started
from tests.support.schema import catalog, recorded

ALL = [f"{migration.number:04} {migration.name}" for migration in known()]
GRANTEES = "select count(*) from pg_roles where rolname = any ($1::text[])"


@pytest.fixture(scope="module")
def bare():
    """A cluster of our own, in which nobody has made the group roles."""
    with started() as cluster:
        yield cluster


@pytest.fixture
async def without_roles(bare):
    """The same with two ordinary roles: `app_owner`, and `builder`, which may make roles. Roles are gone afterwards."""
    await bare.execute("create role app_owner login", "create role builder login createrole")
    yield bare
    await bare.execute(*(f"drop role if exists {role}" for role in (*ROLES, "builder", "app_owner")))


async def test_an_ordinary_owner_makes_all_of_it(empty):
    report = await migrate(empty.dsn)
    assert (report.applied, report.granted, report.left_to_do) == (ALL, list(ROLES), [])
    assert await recorded(empty) == ALL


async def test_a_second_time_there_is_nothing_to_do(empty):
    await migrate(empty.dsn)
    before = await catalog(empty)
    report = await migrate(empty.dsn)
    assert (report.applied, report.left_to_do) == ([], [])
    assert await catalog(empty) == before


async def test_eight_at_once_are_one_that_works_and_seven_that_find_it_done(empty):
    reports = await asyncio.gather(*(migrate(empty.dsn) for _ in range(8)))
    assert sorted(report.applied for report in reports) == [[]] * 7 + [ALL]
    assert all(report.granted == list(ROLES) for report in reports)


async def test_databases_of_one_cluster_at_once_share_the_group_roles(without_roles):
    async with AsyncExitStack() as stack:
        databases = [await stack.enter_async_context(owned_by(without_roles, "builder")) for _ in range(6)]
        reports = await asyncio.gather(*(migrate(database.dsn_as("builder")) for database in databases))
        assert [report.applied for report in reports] == [ALL] * 6
        assert [report.granted for report in reports] == [list(ROLES)] * 6
        for database in databases:
            assert await may(database, "webhooks_producer", "webhooks.events", "data", "insert")


@asynccontextmanager
async def owned_by(cluster, role):
    database = await cluster.create(owner=role)
    try:
        yield database
    finally:
        await cluster.drop(database)


async def may(database, role: str, table: str, column: str, privilege: str) -> bool:
    async with connected(database.superuser_dsn) as connection:
        return await connection.fetchval("select has_column_privilege($1, $2, $3, $4)", role, table, column, privilege)


async def test_who_may_not_make_roles_is_told_what_an_administrator_has_to_run(without_roles):
    async with without_roles.database(migrated=False) as database:
        report = await migrate(database.dsn)
        assert (report.applied, report.granted) == (ALL, [])
        assert [text.splitlines()[0] for text in report.left_to_do] == [
            f"create role {role} nologin;" for role in ROLES
        ]


async def test_what_the_administrator_runs_is_what_migrate_would_have_granted(without_roles, cluster):
    async with without_roles.database(migrated=False) as by_hand, cluster.database(migrated=False) as by_itself:
        report = await migrate(by_hand.dsn)
        async with connected(by_hand.superuser_dsn) as administrator:
            for statements in report.left_to_do:
                await administrator.execute(statements)
        await migrate(by_itself.dsn)
        assert await catalog(by_hand) == await catalog(by_itself)
        assert await may(by_hand, "webhooks_operator", "webhooks.endpoints", "state", "select")
        assert not await may(by_hand, "webhooks_operator", "webhooks.endpoints", "secret", "select")


async def test_once_an_administrator_has_made_the_roles_migrate_grants_to_them(without_roles):
    async with without_roles.database(migrated=False) as database:
        await migrate(database.dsn)
        await without_roles.execute(*(f"create role {role} nologin" for role in ROLES))
        report = await migrate(database.dsn)
        assert (report.applied, report.granted, report.left_to_do) == ([], list(ROLES), [])


async def test_a_role_that_may_not_make_the_schema_is_told_what_its_owner_has_to_run(empty):
    with pytest.raises(SchemaError, match="app_nobody may not create schema webhooks") as refused:
        await migrate(empty.dsn_as("app_nobody"))
    async with connected(empty.dsn_as("postgres")) as owner:
        await owner.execute(str(refused.value).partition("run: ")[2])
    report = await migrate(empty.dsn_as("app_nobody"))
    assert report.applied == ALL


async def test_a_missing_migration_is_applied(empty):
    async with connected(empty.dsn) as connection:
        for migration in known()[:-1]:
            await connection.execute(migration.text)
            await connection.execute(migration.record)
    report = await migrate(empty.dsn)
    assert report.applied == ALL[-1:]
    assert await recorded(empty) == ALL


TAMPERED = [
    ("update webhooks.migrations set checksum = 'other' where number = 3", "migration 0003 endpoints is not the one"),
    (
        "insert into webhooks.migrations values (9999, 'later', 'x')",
        "newer than this dispatcher.*9999.*upgrade dispatcher",
    ),
]


@pytest.mark.parametrize(("change", "said"), TAMPERED, ids=["changed", "newer"])
async def test_migrations_that_are_not_ours_are_refused_by_migrate_and_by_run(database, db, session, change, said):
    await db.execute(change)
    with pytest.raises(SchemaError, match=said):
        await migrate(database.dsn)
    with pytest.raises(SchemaError, match=said):
        await refuse_unmigrated(session)


async def test_a_migration_that_fails_takes_all_the_others_back(empty):
    async with connected(empty.dsn) as connection:
        await connection.execute("create schema webhooks; create table webhooks.deliveries (ours int)")
        with pytest.raises(StatementFailed, match='42P07: relation "deliveries" already exists'):
            await migrate(empty.dsn)
        rows = await connection.fetch("select relname from pg_class where relnamespace = 'webhooks'::regnamespace")
        assert [row["relname"] for row in rows] == ["deliveries"]
        await connection.execute("drop table webhooks.deliveries")
    assert (await migrate(empty.dsn)).applied == ALL


async def test_the_script_makes_the_schema_that_migrate_makes(empty, database, psql):
    done = psql(empty, script())
    assert (done.returncode, done.stderr) == (0, "")
    assert await catalog(empty) == await catalog(database)


async def test_after_the_script_migrate_finds_it_done(empty, psql):
    psql(empty, script())
    assert await recorded(empty) == ALL
    assert (await migrate(empty.dsn)).applied == []


async def test_the_script_a_second_time_changes_nothing(empty, psql):
    psql(empty, script())
    before = await catalog(empty), await recorded(empty)
    psql(empty, script())
    assert (await catalog(empty), await recorded(empty)) == before


async def test_the_script_grants_nothing_to_roles_that_are_not_there(without_roles, psql):
    async with without_roles.database(migrated=False) as database:
        assert psql(database, script()).returncode == 0
        assert await recorded(database) == ALL
        async with connected(database.superuser_dsn) as connection:
            assert await connection.fetchval(GRANTEES, list(ROLES)) == 0


@pytest.fixture
async def session(database):
    async with opened(database.dsn) as session:
        yield session


@asynccontextmanager
async def opened(dsn: str):
    session = Session(Login(dsn), "test")
    try:
        yield session
    finally:
        await session.close()


async def test_a_migrated_schema_is_accepted(session):
    await refuse_unmigrated(session)


async def test_without_a_schema_run_says_to_migrate(empty):
    async with opened(empty.dsn) as session:
        with pytest.raises(SchemaError, match="schema webhooks is not there; run: dispatcher migrate"):
            await refuse_unmigrated(session)


async def test_a_schema_without_our_tables_lacks_every_migration(empty):
    async with connected(empty.dsn) as connection:
        await connection.execute("create schema webhooks")
    async with opened(empty.dsn) as session:
        with pytest.raises(SchemaError, match=f"lacks {', '.join(ALL)}; run: dispatcher migrate"):
            await refuse_unmigrated(session)


async def test_a_schema_that_is_behind_says_what_it_lacks(db, session):
    await db.execute("delete from webhooks.migrations where number > 4")
    with pytest.raises(SchemaError, match=f"lacks {', '.join(ALL[4:])}; run: dispatcher migrate"):
        await refuse_unmigrated(session)


async def test_a_role_that_does_not_own_the_schema_is_told_who_does(database):
    async with opened(database.dsn_as("app_nobody")) as session:
        with pytest.raises(SchemaError, match="role app_nobody does not own schema webhooks; connect as app_owner"):
            await refuse_unmigrated(session)


async def test_what_it_says_to_grant_is_enough(cluster, database):
    await cluster.execute("create role app_member login")
    try:
        async with opened(database.dsn_as("app_member")) as session:
            with pytest.raises(SchemaError) as refused:
                await refuse_unmigrated(session)
            await cluster.execute(str(refused.value).partition(", or: ")[2])
            await refuse_unmigrated(session)
    finally:
        await cluster.execute("drop role app_member")
