"""Days that are over: dropped once nothing needs them, in nobody's way."""

import asyncio
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import asyncpg
import pytest
from structlog.testing import capture_logs

from dispatcher.pipeline.retention import Retention
from dispatcher.store.retention import Keep
from dispatcher.store.session import UPKEEP, Login, Session
from tests.support.days import ATTEMPT, ago, days, id_at, make_day, put_event
from tests.support.eventually import eventually
from tests.support.postgres import connected
from tests.support.refusals import judge, refused
from tests.support.sql import insert, subscribe

PARENTS = ("events", "fanouts", "attempts")


@pytest.fixture
async def retention(database):
    session = Session(Login(database.dsn, settings=UPKEEP), "upkeep")
    yield Retention(session, Keep(30, 30, 7), lambda: 0.0)
    await session.close()


async def whole_round(retention: Retention) -> list[tuple[str, str]]:
    """Until nothing is left; returns what was said."""
    with capture_logs() as said:
        while await retention.step():
            pass
    return [(entry["event"], entry.get("partition", "")) for entry in said]


@pytest.mark.parametrize("parent", PARENTS)
async def test_a_day_past_its_time_is_dropped_and_a_younger_one_stays(db, retention, parent):
    old = await make_day(db, parent, await ago(db, 31.5))
    young = await make_day(db, parent, await ago(db, 29))
    assert await whole_round(retention) == [("partition.dropped", old)]
    assert (old in await days(db), young in await days(db)) == (False, True)


async def test_a_day_that_is_not_quite_past_its_time_stays_whole(db, retention):
    for parent in PARENTS:
        await make_day(db, parent, await ago(db, 30))
    assert await whole_round(retention) == []


async def test_each_table_has_its_own_time(database, db):
    for parent in PARENTS:
        await make_day(db, parent, await ago(db, 5))
    session = Session(Login(database.dsn, settings=UPKEEP), "upkeep")
    said = await whole_round(Retention(session, Keep(10, 2, 7), lambda: 0.0))
    assert [name.split("_")[0] for _, name in said] == ["attempts"]
    said = await whole_round(Retention(session, Keep(3.5, 10, 7), lambda: 0.0))
    assert [name.split("_")[0] for _, name in said] == ["events", "fanouts"]


async def test_a_day_with_an_open_delivery_is_kept_said_once_and_dropped_when_it_has_ended(db, retention):
    at = await ago(db, 40)
    day, fanouts = await make_day(db, "events", at), await make_day(db, "fanouts", at)
    event_id = await put_event(db, at)
    await db.execute("insert into webhooks.deliveries (event_id, endpoint_id) values ($1, 1)", event_id)
    assert await whole_round(retention) == [("partition.needed", day), ("partition.needed", fanouts)]
    assert await whole_round(retention) == []
    await db.execute("delete from webhooks.deliveries")
    assert await whole_round(retention) == [("partition.dropped", day), ("partition.dropped", fanouts)]


@pytest.mark.parametrize("test", [True, False])
async def test_an_open_delivery_of_a_neighbouring_day_keeps_only_that(db, retention, test):
    kept, at = [], await ago(db, 40)
    midnight = at.replace(hour=0, minute=0, second=0, microsecond=0)
    for parent in ("events",):
        kept.append(await make_day(db, parent, at))
        await make_day(db, parent, await ago(db, 39))
        await make_day(db, parent, await ago(db, 41))
    event_id = await put_event(db, midnight)
    statement = "insert into webhooks.deliveries (event_id, endpoint_id, test) values ($1, 1, $2)"
    await db.execute(statement, event_id, test)
    await whole_round(retention)
    assert {day for day in await days(db, "events_") if day < f"events_{await ago(db, 35):%Y%m%d}"} == set(kept)


async def test_a_day_with_an_event_that_waits_for_fan_out_is_kept(db, retention):
    at = await ago(db, 40)
    day = await make_day(db, "events", at)
    event_id = await put_event(db, at)
    await db.execute("insert into webhooks.inbox (event_id, tenant, type) values ($1, 'a', 'order.paid')", event_id)
    assert await whole_round(retention) == [("partition.needed", day)]


async def test_with_more_waiting_than_can_be_looked_at_nothing_old_goes(db, retention):
    await make_day(db, "events", await ago(db, 40))
    await db.execute(
        "insert into webhooks.inbox (event_id, tenant, type) select webhooks.uuidv7(), '', 'a' "
        "from generate_series(1, 10001)"
    )
    assert [event for event, _ in await whole_round(retention)] == ["partition.needed"]


async def test_a_day_that_somebody_reads_is_left_until_they_have_ended(database, db, retention):
    day = await make_day(db, "events", await ago(db, 40))
    async with connected(database.dsn) as reader:
        async with reader.transaction():
            await reader.fetch(f"select * from webhooks.{day}")
            assert await whole_round(retention) == [("partition.locked", day)]
            assert await whole_round(retention) == []
        assert await whole_round(retention) == [("partition.dropped", day)]


async def test_an_insert_that_is_not_committed_is_waited_for_no_longer_than_a_moment(database, db, retention):
    day = await make_day(db, "events", await ago(db, 40))
    async with connected(database.dsn) as producer:
        async with producer.transaction():
            await insert(producer)
            assert await whole_round(retention) == [("partition.locked", day)]
            await insert(db)
        assert await whole_round(retention) == [("partition.dropped", day)]


async def test_what_is_replayed_while_a_day_is_about_to_be_dropped_keeps_it(database, db, retention):
    at = await ago(db, 40)
    day = await make_day(db, "events", at)
    await put_event(db, at)
    endpoint_id, _ = await subscribe(db, "https://example.com/hook")
    async with connected(database.dsn) as operator:
        async with operator.transaction():
            assert await operator.fetchval("select webhooks.replay($1, $2)", endpoint_id, at.replace(hour=0)) == 1
            assert await whole_round(retention) == [("partition.locked", day)]
        assert await whole_round(retention) == [("partition.needed", day)]


async def test_two_at_once_drop_each_day_once(database, db):
    for number in range(35, 41):
        await make_day(db, "attempts", await ago(db, number))

    async def drop() -> list[tuple[str, str]]:
        session = Session(Login(database.dsn, settings=UPKEEP), "upkeep")
        rounds = Retention(session, Keep(30, 30, 7), lambda: 0.0)
        with capture_logs() as said:
            while await rounds.step():
                pass
        return [entry["partition"] for entry in said if entry["event"] == "partition.dropped"]

    await asyncio.gather(drop(), drop())
    left = await days(db, "attempts")
    if len(left) > 10:  # they met: what one found locked is for another time
        await drop()
    assert not [day for day in await days(db, "attempts_2") if day < f"attempts_{await ago(db, 34):%Y%m%d}"]


async def test_partitions_that_are_not_ours_are_left_alone(db, retention):
    await db.execute(
        "create table webhooks.attempts_20010101 partition of webhooks.attempts "
        "for values from ('2001-01-01 00:00+00') to ('2001-03-01 00:00+00');"
        "create table webhooks.attempts_2002 partition of webhooks.attempts "
        "for values from ('2002-01-01 00:00+00') to ('2003-01-01 00:00+00');"
        "create table webhooks.attempts_20030101 (like webhooks.attempts)"
    )
    assert await whole_round(retention) == []


async def test_under_an_isolation_level_that_hides_what_was_committed_nothing_is_dropped(db):
    day = await make_day(db, "events", await ago(db, 40))
    async with db.transaction(isolation="repeatable_read"):
        judge(await refused(db, f"select webhooks.drop_day('{day}')"), "isolation_is_read_committed", "22023")
    assert await db.fetchval("select webhooks.drop_day($1)", day) == "dropped"
    assert await db.fetchval("select webhooks.drop_day($1)", day) == "gone"


async def test_a_database_whose_sessions_are_serializable_is_kept_tidy_too(database, db, retention):
    await db.execute(
        f"alter role app_owner in database {database.name} set default_transaction_isolation = serializable"
    )
    day = await make_day(db, "events", await ago(db, 40))
    assert await whole_round(retention) == [("partition.dropped", day)]


@asynccontextmanager
async def inserting(database, statement: str = ""):
    """Somebody inserts without a pause, and would not wait for a lock for a second; yields how often they have."""
    count = [0]
    stopping = asyncio.Event()

    async def insert_on() -> None:
        async with connected(database.dsn) as producer:
            await producer.execute("set lock_timeout = '1s'")
            while not stopping.is_set():
                await (producer.execute(statement, datetime.now(UTC)) if statement else insert(producer))
                count[0] += 1

    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(insert_on()) for _ in range(4)]
        await eventually(lambda: count[0] > 10)
        yield count
        stopping.set()
        await asyncio.gather(*running)


@pytest.mark.parametrize(("parent", "statement"), [("events", ""), ("attempts", ATTEMPT)])
async def test_inserts_go_on_while_days_are_dropped(database, db, retention, parent, statement):
    made = {await make_day(db, parent, await ago(db, number)) for number in range(35, 45)}
    async with inserting(database, statement) as count:
        async with connected(database.dsn) as reader, reader.transaction():
            busy = min(made)
            await reader.fetch(f"select * from webhooks.{busy}")

            async def all_but_one() -> bool:
                await whole_round(retention)
                assert await days(db) & made == {busy}
                return True

            await eventually(all_but_one)
        before = count[0]

        async def none() -> bool:
            await whole_round(retention)
            assert not await days(db) & made
            return True

        await eventually(none)
        await eventually(lambda: count[0] > before + 10)


async def test_an_id_of_a_day_that_may_have_been_dropped_is_refused(db):
    at = await ago(db, 3)
    statement = "insert into webhooks.events (id, type, data) values ($1, 'order.paid', '1')"
    await db.execute(statement, id_at(at))
    await db.execute("update webhooks.holder set events_days = 2")
    error = await refused(db, statement, id_at(at, 1))
    judge(error, "id_is_recent", "23514")
    assert "2 days" in error.hint
    for given in (0.01, None, float("nan"), float("inf"), -1.0):
        await db.execute("update webhooks.holder set events_days = $1", given)
        await db.execute(statement, id_at(await ago(db, 0.9), int((given or 0) == 0.01)))
        await db.execute("delete from webhooks.events")


async def test_a_connection_is_held_only_while_there_is_something_to_do(retention):
    assert await retention.step()
    await whole_round(retention)
    assert not retention._session.is_open


async def test_a_long_round_is_followed_by_a_long_rest(database, db):
    now = [0.0]
    session = Session(Login(database.dsn, settings=UPKEEP), "upkeep")
    retention = Retention(session, Keep(30, 30, 7), lambda: now[0])
    assert await retention.step()
    now[0] = 1.0
    await whole_round(retention)
    await db.execute(ATTEMPT, await ago(db, 50))
    now[0] = 100.0
    assert await whole_round(retention) == []
    now[0] = 102.0
    assert await whole_round(retention) == [("retention.applied", "")]


async def test_a_session_that_is_lost_in_a_round_begins_another(db, retention):
    await db.execute(ATTEMPT, await ago(db, 50))
    assert await retention.step()
    retention._session.drop()
    assert await whole_round(retention) == [("retention.applied", "")]


def test_a_day_of_the_schema_is_one_of_utc():
    assert id_at(datetime(2026, 1, 1, tzinfo=UTC)).hex.startswith("019b76d")


async def test_owners_only_may_drop_a_day(database, db):
    day = await make_day(db, "events", await ago(db, 40))
    async with connected(database.dsn_as("app_operator")) as operator:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await operator.execute("select webhooks.drop_day($1)", day)
