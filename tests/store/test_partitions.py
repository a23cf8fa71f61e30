"""Partitions of a day: made ahead, and never in the way of a row, whether they are there or not."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from dispatcher.pipeline.days import AHEAD, Days
from dispatcher.store.session import Login, Session
from tests.support.postgres import connected
from tests.support.sql import insert

PARENTS = ("events", "fanouts", "attempts")
CHILDREN = """
select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid
 where i.inhparent = ('webhooks.' || $1::text)::regclass order by 1
"""
LANDED = "select tableoid::regclass::text from webhooks.{} order by tableoid"
ATTEMPT = """
insert into webhooks.attempts (delivery_id, event_id, endpoint_id, attempt, at, duration_ms, outcome)
values (1, webhooks.uuidv7(), 1, 1, $1, 1, 'delivered')
"""
FANOUT = "insert into webhooks.fanouts (event_id, at, matched) values (webhooks.uuidv7(), $1, 1)"
EVENT = "insert into webhooks.events (id, type, data) values ($1, 'order.paid', '{}')"


@pytest.fixture(autouse=True)
async def today(db):
    """Today's date by the database, with the days made: the template may be of yesterday."""
    await db.execute("select webhooks.make_days()")
    return (await db.fetchval("select now() at time zone 'UTC'")).replace(tzinfo=UTC)


def named(parent: str, at: datetime) -> str:
    return f"{parent}_{at:%Y%m%d}"


def id_at(at: datetime) -> UUID:
    """The lowest version 7 UUID of that instant."""
    return UUID(int=int(at.timestamp() * 1000) << 80 | 7 << 76 | 2 << 62)


def put(db, parent: str, at: datetime):
    """A row dated then."""
    if parent == "events":
        return db.execute(EVENT, id_at(at))
    return db.execute(ATTEMPT if parent == "attempts" else FANOUT, at)


async def children(db, parent: str) -> list[str]:
    return [row["relname"] for row in await db.fetch(CHILDREN, parent)]


async def landed(db, parent: str) -> list[str]:
    return [row[0].removeprefix("webhooks.") for row in await db.fetch(LANDED.format(parent))]


@pytest.mark.parametrize("parent", PARENTS)
async def test_there_are_yesterday_today_the_days_ahead_and_a_default(db, today, parent):
    days = [named(parent, today + timedelta(days=n)) for n in range(-1, AHEAD + 1)]
    assert await children(db, parent) == sorted([*days, f"{parent}_default"])


@pytest.mark.parametrize("parent", PARENTS)
async def test_a_row_lands_in_its_day(db, today, parent):
    for days in (-1, 0):
        await put(db, parent, today + timedelta(days=days))
    assert sorted(await landed(db, parent)) == [named(parent, today - timedelta(days=1)), named(parent, today)]


@pytest.mark.parametrize("parent", PARENTS)
async def test_the_first_and_the_last_instant_of_a_day_belong_to_it(db, today, parent):
    midnight = today.replace(hour=0, minute=0, second=0, microsecond=0)
    await put(db, parent, midnight)
    await put(db, parent, midnight - timedelta(milliseconds=1))
    assert sorted(await landed(db, parent)) == [named(parent, today - timedelta(days=1)), named(parent, today)]


@pytest.mark.parametrize("parent", PARENTS)
async def test_a_row_of_no_day_lands_in_the_default(db, today, parent):
    await put(db, parent, today - timedelta(days=20))
    assert await landed(db, parent) == [f"{parent}_default"]


async def test_an_event_inserted_now_lands_in_today(db, today):
    await insert(db)
    assert await landed(db, "events") == [named("events", today)]


@pytest.mark.parametrize("parent", PARENTS)
async def test_a_day_has_the_indexes_and_constraints_of_its_parent(db, today, parent):
    of = "select count(*) from pg_constraint where conrelid = ('webhooks.' || $1::text)::regclass and contype <> 'n'"
    indexes = "select count(*) from pg_index where indrelid = ('webhooks.' || $1::text)::regclass"
    for count in (of, indexes):
        assert await db.fetchval(count, named(parent, today)) == await db.fetchval(count, parent)


async def test_making_days_again_makes_none(db):
    before = [await children(db, parent) for parent in PARENTS]
    assert await db.fetchval("select webhooks.make_days()") == 0
    assert [await children(db, parent) for parent in PARENTS] == before


async def test_only_what_is_missing_is_made(db, today):
    await db.execute(f"drop table webhooks.{named('attempts', today + timedelta(days=3))}")
    assert await db.fetchval("select webhooks.make_days()") == 1
    assert await db.fetchval(f"select webhooks.make_days({AHEAD + 2})") == 2 * len(PARENTS)


async def test_eight_at_once_make_each_day_once(database):
    async def make() -> int:
        async with connected(database.dsn) as connection:
            return await connection.fetchval(f"select webhooks.make_days({AHEAD + 1})")

    assert sum(await asyncio.gather(*(make() for _ in range(8)))) == len(PARENTS)


async def test_an_insert_does_not_wait_for_days_being_made(database, db, today):
    async with connected(database.dsn) as maker, maker.transaction():
        assert await maker.fetchval(f"select webhooks.make_days({AHEAD + 1})") == len(PARENTS)
        await db.execute("set lock_timeout = '2s'")
        await insert(db)
        for parent in ("fanouts", "attempts"):
            await put(db, parent, today)


async def missed(db, parent: str, at: datetime) -> None:
    """As after a week without a dispatcher: that day was not made, and its row is in the default."""
    await db.execute(f"drop table webhooks.{named(parent, at)}")
    await put(db, parent, at)
    assert await landed(db, parent) == [f"{parent}_default"]


@pytest.mark.parametrize("parent", PARENTS)
async def test_a_day_whose_rows_are_in_the_default_does_not_stop_the_other_days(db, today, parent):
    await missed(db, parent, today)
    await db.fetchval(f"select webhooks.make_days({AHEAD + 1})")
    for each in PARENTS:
        assert named(each, today + timedelta(days=AHEAD + 1)) in await children(db, each)
    assert len(await landed(db, parent)) == 1


async def test_after_weeks_without_a_dispatcher_the_days_ahead_are_made_again(database, db, today):
    for parent in PARENTS:
        for child in await children(db, parent):
            if not child.endswith("_default"):
                await db.execute(f"drop table webhooks.{child}")
    await insert(db)
    await Days(Session(Login(database.dsn), "days")).step()
    assert named("events", today + timedelta(days=AHEAD)) in await children(db, "events")
    assert await db.fetchval("select count(*) from webhooks.events") == 1


async def test_making_days_holds_no_connection_between_two_times(database):
    session = Session(Login(database.dsn), "days")
    await Days(session).step()
    assert not session.is_open
