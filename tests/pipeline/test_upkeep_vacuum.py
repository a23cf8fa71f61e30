"""What is dead is taken away by the dispatcher itself, and who stands in the way is named."""

from contextlib import asynccontextmanager

import pytest
from structlog.testing import capture_logs

from dispatcher.pipeline.vacuum import DEAD, HELD_S, Vacuum
from dispatcher.store.session import PLANS, UPKEEP, Login, Session
from tests.support.eventually import eventually
from tests.support.postgres import connected

CHURN = """
insert into webhooks.inbox (event_id, tenant, type)
select webhooks.uuidv7(), '', 'a' from generate_series(1, $1::int)
"""
COUNTED = "select pg_stat_get_dead_tuples('webhooks.inbox'::regclass)"
SIZE = "select pg_relation_size('webhooks.inbox')"


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
async def stage(database, clock):
    session = Session(Login(database.dsn, settings=UPKEEP), "vacuum")
    quiet = Session(Login(database.dsn, settings=PLANS), "quiet")
    yield Vacuum(session, quiet, clock)
    await session.close()
    await quiet.close()


async def churn(db, rows: int = 5 * DEAD) -> None:
    """Rows come and go, and Postgres has counted them."""
    before = await db.fetchval(COUNTED)
    await db.execute("alter table webhooks.inbox set (autovacuum_enabled = off)")
    await db.execute(CHURN, rows)
    await db.execute("delete from webhooks.inbox")
    await eventually(lambda: _is_counted(db, before + rows))


async def _is_counted(db, rows: int) -> bool:
    seen = await db.fetchval(COUNTED)
    assert seen >= rows, seen
    return True


async def stepped(stage: Vacuum) -> list[dict]:
    with capture_logs() as said:
        assert await stage.step() == 0
    return said


async def test_where_nothing_is_dead_nothing_is_done_and_no_connection_held(stage):
    assert await stepped(stage) == []
    assert not stage._session.is_open


async def test_what_is_dead_is_taken_away_and_its_room_used_again(db, stage):
    await churn(db)
    size = await db.fetchval(SIZE)
    for _ in range(3):
        assert await stepped(stage) == []
        await eventually(lambda: _is_clean(db))
        await churn(db)
    assert await db.fetchval(SIZE) <= 1.2 * size


async def _is_clean(db) -> bool:
    assert await db.fetchval(COUNTED) == 0
    return True


async def test_a_table_that_is_locked_is_not_waited_for(database, db, stage):
    await churn(db)
    async with connected(database.dsn) as other, other.transaction():
        await other.execute("lock table webhooks.inbox in share mode")
        assert await stepped(stage) == []
        assert await db.fetchval(COUNTED) > 0


@asynccontextmanager
async def looking_back(dsn: str, application: str):
    async with connected(dsn) as other:
        await other.execute(f"set application_name = '{application}'")
        async with other.transaction(isolation="repeatable_read"):
            await other.fetch("select 1 from webhooks.migrations")
            yield await other.fetchval("select pg_backend_pid()")


async def test_who_looks_back_for_long_is_named_once_and_once_when_that_is_over(database, db, stage, clock):
    async with looking_back(database.superuser_dsn, "nightly report") as pid:
        await churn(db)
        assert await stepped(stage) == []
        clock.now += HELD_S / 2
        assert await stepped(stage) == []
        clock.now += HELD_S
        (said,) = await stepped(stage)
        assert (said["event"], said["log_level"], said["by"]) == ("vacuum.held_back", "warning", "transaction")
        assert (said["pid"], said["name"], said["role"]) == (pid, "nightly report", "postgres")
        clock.now += HELD_S
        assert await stepped(stage) == []
        assert await db.fetchval(COUNTED) > 0
    (said,) = await eventually(lambda: stepped(stage))
    assert said["event"] == "vacuum.resumed"
    await stepped(stage)
    await eventually(lambda: _is_clean(db))


async def test_a_session_of_our_own_says_since_when(database, db, stage, clock):
    async with looking_back(database.dsn, "mine"):
        await churn(db)
        await stepped(stage)
        clock.now += HELD_S
        (said,) = await stepped(stage)
        assert said["since"] is not None


async def test_while_somebody_looks_back_it_is_not_tried_again_in_vain(database, db, stage):
    passes = "select vacuum_count from pg_stat_all_tables where relid = 'webhooks.inbox'::regclass"
    async with looking_back(database.dsn, "mine"):
        await churn(db)
        await stepped(stage)
        await eventually(lambda: db.fetchval(passes))
        for _ in range(3):
            await stepped(stage)
        await churn(db, DEAD)
        assert await db.fetchval(passes) == 1


async def test_a_vacuum_that_takes_too_long_is_left_to_autovacuum(database, db, clock):
    session = Session(Login(database.dsn, settings={**UPKEEP, "statement_timeout": "1ms"}), "vacuum")
    quiet = Session(Login(database.dsn, settings=PLANS), "quiet")
    stage = Vacuum(session, quiet, clock)
    await churn(db, 100 * DEAD)
    (said,) = await stepped(stage)
    assert (said["event"], said["table"]) == ("vacuum.failed", "inbox")
    clock.now += 60
    assert await stepped(stage) == []
    await quiet.close()
    await session.close()
