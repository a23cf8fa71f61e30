"""Upgrades need no stop: a dispatcher works with the schema before and after its own, and locks are short."""

import asyncio

import pytest

from dispatcher.errors import SchemaError, StatementFailed
from dispatcher.store import migrate as migrations
from dispatcher.store.migrate import NEEDED, known, migrate, refuse_unmigrated, script
from tests.support.daemon import daemon
from tests.support.eventually import eventually
from tests.support.postgres import connected
from tests.support.schema import catalog, made_up_to, recorded
from tests.support.sql import all_settled, insert, subscribe

ALL = [f"{migration.number:04} {migration.name}" for migration in known()]
ALL_NUMBERS = [migration.number for migration in known()]
SINCE = 7
"""From this migration on an upgrade needs no stop; it takes a lock on what others read."""
LATER = "insert into webhooks.migrations values (9999, 'later', 'x', now(), $1)"


async def test_a_later_schema_that_says_so_is_accepted(db, session):
    await db.execute(LATER, ALL_NUMBERS[-1])
    assert "upgrade soon" in await refuse_unmigrated(session)


async def test_a_later_schema_that_needs_later_dispatchers_is_refused(db, session):
    await db.execute(LATER, ALL_NUMBERS[-1] + 1)
    with pytest.raises(SchemaError, match="migration 9999 is unknown to it"):
        await refuse_unmigrated(session)


@pytest.mark.parametrize("number", [number for number in ALL_NUMBERS if number >= NEEDED])
async def test_an_earlier_schema_that_has_what_we_need_is_accepted(db, session, number):
    await db.execute("delete from webhooks.migrations where number > $1", number)
    said = await refuse_unmigrated(session)
    assert said == (
        "" if number == ALL_NUMBERS[-1] else f"schema webhooks lacks {', '.join(ALL[number:])}; run: dispatcher migrate"
    )


@pytest.mark.parametrize("migration", known()[SINCE:], ids=lambda migration: migration.name)
def test_a_later_migration_leaves_a_running_dispatcher_of_the_version_before_at_work(migration):
    assert migration.works_with is not None
    assert migration.works_with < migration.number


# Upgrading beside a busy application


async def test_a_migration_gives_way_to_whoever_waits_behind_it(empty, monkeypatch):
    await made_up_to(empty, SINCE - 1)
    monkeypatch.setattr(migrations, "PAUSE_S", 0.01)
    async with connected(empty.dsn) as reader, connected(empty.dsn) as producer:
        await reader.execute("begin; select * from webhooks.migrations")  # a lock that 0007 cannot have beside it
        task = asyncio.create_task(migrate(empty.dsn))
        await eventually(lambda: producer.fetchval("select exists (select from pg_locks where not granted)"))
        await producer.execute("set lock_timeout = '5s'")
        await producer.fetch("select * from webhooks.migrations")
        assert not task.done()
        await reader.execute("commit")
        assert (await task).applied == ALL[SINCE - 1 :]


async def test_a_lock_that_is_never_given_up_is_said(empty, monkeypatch):
    await made_up_to(empty, SINCE - 1)
    monkeypatch.setattr(migrations, "PAUSE_S", 0.01)
    monkeypatch.setattr(migrations, "TRIES", 2)
    async with connected(empty.dsn) as reader:
        await reader.execute("begin; select * from webhooks.migrations")
        with pytest.raises(StatementFailed, match=r"somebody's transaction keeps a lock.*tried 2 times"):
            await migrate(empty.dsn)
    assert await recorded(empty) == ALL[: SINCE - 1]


async def test_the_script_from_a_number_on_is_what_a_schema_behind_lacks(empty, database, psql):
    await made_up_to(empty, SINCE - 1)
    done = psql(empty, script(SINCE))
    assert (done.returncode, done.stderr) == (0, "")
    assert await catalog(empty) == await catalog(database)


async def test_a_daemon_delivers_before_and_after_the_schema_is_migrated_under_it(empty, receiver):
    await made_up_to(empty, NEEDED)
    async with connected(empty.dsn) as db:
        await db.execute("select webhooks.make_days()")
        await subscribe(db, receiver.url())
        async with daemon(empty.dsn) as running:
            await delivers_one(db, receiver)
            await migrate(empty.dsn)
            await db.execute(LATER, ALL_NUMBERS[-1])
            await delivers_one(db, receiver)
            assert not running.said("loop.stalled")
            running.terminate()
            assert await running.ends() == 0
        async with daemon(empty.dsn) as running:
            assert "upgrade soon" in (await running.says("schema.differed"))["note"]
            await delivers_one(db, receiver)


async def delivers_one(db, receiver) -> None:
    before = len(receiver.requests)
    await insert(db)
    await all_settled(db)
    assert len(receiver.requests) == before + 1
