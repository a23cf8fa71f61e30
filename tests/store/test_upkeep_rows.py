"""Rows no day takes along, in a DEFAULT or as keys; and a day whose rows are in the DEFAULT gets its partition."""

import asyncio
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from dispatcher.pipeline import days as days_stage
from dispatcher.pipeline.days import Days
from dispatcher.store import retention as store
from dispatcher.store.retention import Keep, Slice, delete_old_rows, old_rows
from dispatcher.store.session import UPKEEP, Login, Session
from tests.support.days import ATTEMPT, ago, days, name_of, put_event
from tests.support.eventually import eventually
from tests.support.postgres import connected
from tests.support.sql import insert

KEEP = Keep(30, 30, 7)
FANOUT = "insert into webhooks.fanouts (event_id, at, matched) values ($1, $2, 1)"
KEYS = """
insert into webhooks.event_keys (tenant, key, event_id, at)
select '', n::text, webhooks.uuidv7(), now() - $2::float8 * interval '1 day' from generate_series(1, $1::int) n
"""


@pytest.fixture
async def upkeep(database):
    session = Session(Login(database.dsn, settings=UPKEEP), "upkeep")
    yield session
    await session.close()


async def deleted(session: Session) -> dict[str, int]:
    """What was, by table; `old_rows` had said so before."""
    foreseen = {each.table: each.rows for each in await old_rows(session, KEEP) if each.rows}
    found: dict[str, int] = {}
    async for piece in delete_old_rows(session, KEEP):
        assert isinstance(piece, Slice)
        if piece.rows:
            found[piece.table] = found.get(piece.table, 0) + piece.rows
    assert found == foreseen
    return found


async def test_old_rows_of_a_default_go_and_young_ones_stay(db, upkeep):
    for number, n in enumerate((50, 31, 29, 20)):
        at = await ago(db, n)
        event_id = await put_event(db, at, number)
        await db.execute(FANOUT, event_id, at)
        await db.execute(ATTEMPT, at)
    assert await deleted(upkeep) == {"events_default": 2, "fanouts_default": 2, "attempts_default": 2}
    assert await deleted(upkeep) == {}
    for parent in ("events", "fanouts", "attempts"):
        assert await db.fetchval(f"select count(*) from webhooks.{parent}") == 2


async def test_an_old_event_in_the_default_stays_while_it_is_to_be_delivered_or_fanned_out(db, upkeep):
    at = await ago(db, 50)
    delivered, waiting, done = [await put_event(db, at, number) for number in range(3)]
    for event_id in (delivered, waiting, done):
        await db.execute(FANOUT, event_id, at)
    await db.execute("insert into webhooks.deliveries (event_id, endpoint_id) values ($1, 1)", delivered)
    await db.execute("insert into webhooks.inbox (event_id, tenant, type) values ($1, '', 'a')", waiting)
    await deleted_without_foresight(upkeep)
    left = {row[0] for row in await db.fetch("select id from webhooks.events")}
    assert left == {delivered, waiting}
    assert left == {row[0] for row in await db.fetch("select event_id from webhooks.fanouts")}


async def deleted_without_foresight(session: Session) -> None:
    async for _ in delete_old_rows(session, KEEP):
        pass


async def test_a_large_default_is_read_a_few_pages_at_a_time(db, upkeep, monkeypatch):
    monkeypatch.setattr(store, "PAGES", 2)
    for age in ("40 days", "1 day", "40 days"):
        await db.execute(
            "insert into webhooks.attempts_default (delivery_id, event_id, endpoint_id, at, duration_ms, outcome) "
            f"select n, webhooks.uuidv7(), 1, date '2020-01-01' - interval '{age}', 1, 'delivered' "
            "from generate_series(1, 500) n"
        )
    slices = [piece.rows async for piece in delete_old_rows(upkeep, KEEP) if piece.table == "attempts_default"]
    assert sum(slices) == 1500
    assert len(slices) > 5
    assert max(slices) < 300


async def test_keys_past_their_time_are_free_again_a_slice_at_a_time(db, upkeep):
    await db.execute(KEYS, 2500, 8.0)
    await db.execute("select webhooks.emit('order.paid', '1'::text, key => 'young')")
    slices = [piece.rows async for piece in delete_old_rows(upkeep, KEEP) if piece.table == "event_keys"]
    assert slices == [1000, 1000, 500]
    assert await db.fetchval("select array_agg(key) from webhooks.event_keys") == ["young"]
    first, second = [await db.fetchval("select webhooks.emit('a.b', '1'::text, key => $1)", key) for key in ("7", "7")]
    assert first == second


async def test_keys_of_requests_are_forgotten_after_a_day_a_slice_at_a_time(db, upkeep):
    await db.execute(
        "insert into webhooks.requests (token_id, key, fingerprint, at) "
        "select 1, n, '', now() - case when n > 1500 then interval '23 h' else interval '25 h' end "
        "from generate_series(1, 1600) n"
    )
    assert [piece.rows for piece in await old_rows(upkeep, KEEP) if piece.table == "requests"] == [1500]
    slices = [piece.rows async for piece in delete_old_rows(upkeep, KEEP) if piece.table == "requests"]
    assert slices == [1000, 500]
    assert await db.fetchval("select count(*) from webhooks.requests") == 100


async def test_a_key_somebody_is_using_is_left_for_another_time(database, db, upkeep):
    await db.execute(KEYS, 3, 8.0)
    async with connected(database.dsn) as other, other.transaction():
        await other.execute("select from webhooks.event_keys where key = '2' for update")
        await deleted_without_foresight(upkeep)
        assert await db.fetchval("select array_agg(key) from webhooks.event_keys") == ["2"]


# --- days whose rows are in the DEFAULT


async def missed(db, parent: str, count: int = 1) -> str:
    """As after a week without a dispatcher: today was not made, and its rows are in the default."""
    await db.execute("select webhooks.make_days()")
    at = await ago(db, 0)
    name = name_of(parent, at)
    await db.execute(f"drop table webhooks.{name}")
    for _ in range(count):
        await (insert(db) if parent == "events" else db.execute(ATTEMPT, at))
    assert await db.fetchval(f"select count(*) from webhooks.{parent}_default") == count
    return name


@pytest.mark.parametrize("parent", ["events", "attempts"])
async def test_a_day_whose_rows_are_in_the_default_gets_its_partition_and_them(database, db, parent):
    name = await missed(db, parent, 3)
    with capture_logs() as said:
        await Days(Session(Login(database.dsn, settings=UPKEEP), "days")).step()
    assert [entry["event"] for entry in said] == ["partition.created"]
    assert name in await days(db)
    assert await db.fetchval(f"select count(*) from webhooks.{name}") == 3
    assert await db.fetchval(f"select count(*) from webhooks.{parent}_default") == 0


async def test_a_day_with_more_rows_than_can_be_moved_in_a_moment_stays_in_the_default(database, db):
    name = await missed(db, "attempts")
    await db.execute(
        "insert into webhooks.attempts (delivery_id, event_id, endpoint_id, duration_ms, outcome) "
        "select n, webhooks.uuidv7(), 1, 1, 'delivered' from generate_series(1, 10000) n"
    )
    stage = Days(Session(Login(database.dsn, settings=UPKEEP), "days"))
    with capture_logs() as said:
        await stage.step()
        await stage.step()
    assert [entry["event"] for entry in said] == ["partition.missed"]
    assert name not in await days(db)
    assert await db.fetchval("select count(*) from webhooks.attempts_default") == 10001


async def test_beside_a_large_default_days_are_for_somebody_to_make_in_a_quiet_hour(database, db, monkeypatch):
    """Each day that is attached reads the DEFAULT, and what is inserted there waits."""
    name = await missed(db, "attempts")
    monkeypatch.setattr(days_stage, "LARGE", 0)
    stage = Days(Session(Login(database.dsn, settings=UPKEEP), "days"))
    with capture_logs() as said:
        await stage.step()
        await stage.step()
    assert [(entry["event"], entry["tables"]) for entry in said] == [("partition.deferred", ["attempts_default"])]
    assert name not in await days(db)


async def test_many_bytes_stored_apart_are_not_moved_either(db):
    """A few hundred rows of a megabyte are gigabytes to move."""
    at = await ago(db, 0)
    name = await missed(db, "events")
    await db.execute("alter table webhooks.events_default alter column data set storage external")
    await db.execute(
        "insert into webhooks.events (type, data) "
        "select 'a.b', to_json(repeat('x', 900000)) from generate_series(1, 80)"
    )
    assert await db.fetchval("select webhooks.move_day('events', $1)", at.date()) is False
    assert name not in await days(db)


async def test_a_default_that_somebody_reads_is_for_another_time(database, db):
    name = await missed(db, "events")
    stage = Days(Session(Login(database.dsn, settings=UPKEEP), "days"))
    async with connected(database.dsn) as reader:
        async with reader.transaction():
            await reader.fetch("select * from webhooks.events")
            await stage.step()
            assert name not in await days(db)
        await stage.step()
        assert name in await days(db)


async def test_no_insert_fails_or_is_lost_while_its_day_is_moved(database, db):
    name = await missed(db, "events", 500)
    count, stopping = [0], asyncio.Event()

    async def insert_on() -> None:
        async with connected(database.dsn) as producer:
            await producer.execute("set lock_timeout = '1s'")
            while not stopping.is_set():
                await insert(producer)
                count[0] += 1

    async with asyncio.TaskGroup() as tasks:
        for _ in range(4):
            tasks.create_task(insert_on())
        await eventually(lambda: count[0] > 20)
        stage = Days(Session(Login(database.dsn, settings=UPKEEP), "days"))

        async def moved() -> bool:
            await stage.step()
            return name in await days(db)

        await eventually(moved)
        before = count[0]
        await eventually(lambda: count[0] > before + 20)
        stopping.set()
    assert await db.fetchval("select count(*) from webhooks.events") == 500 + count[0]
    assert await db.fetchval("select count(*) from webhooks.events_default") == 0
    assert await db.fetchval("select count(distinct event_id) from webhooks.inbox") == 500 + count[0]


async def test_an_insert_that_comes_while_today_is_made_waits_and_lands_in_it(database, db):
    await db.execute("select webhooks.make_days()")
    today = name_of("events", await ago(db, 0))
    await db.execute(f"drop table webhooks.{today}")
    async with connected(database.dsn) as maker, asyncio.TaskGroup() as tasks:
        transaction = maker.transaction()
        await transaction.start()
        assert await maker.fetchval("select webhooks.make_days()") == 1
        inserted = tasks.create_task(insert(db))
        await eventually(lambda: maker.fetchval("select exists (select from pg_locks where not granted)"))
        await transaction.commit()
        await inserted
    assert await db.fetchval(f"select count(*) from webhooks.{today}") == 1


async def test_only_a_day_that_is_missing_is_moved(db):
    at = await ago(db, 0)
    await db.execute("select webhooks.make_days()")
    assert await db.fetchval("select webhooks.move_day('events', $1)", at.date()) is False
    assert await db.fetchval("select webhooks.move_day('events', $1)", (at - timedelta(days=20)).date()) is False
