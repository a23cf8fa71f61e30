"""Attempts are counted once each, whatever happens in between, and what the views say is what counting by hand says."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from dispatcher.errors import StatementFailed
from dispatcher.pipeline import rates as stage_module
from tests.support.eventually import eventually
from tests.support.postgres import connected
from tests.support.rates import are_exact, pass_time, put, rates, scatter, stage_of, work
from tests.support.sql import insert_many, subscribe

QUARTER, HOUR = timedelta(minutes=15), timedelta(hours=1)
ENDPOINTS, ATTEMPTS = 3, 3000


@pytest.fixture
def stage(database):
    return stage_of(database.dsn)


@pytest.fixture
async def endpoint_id(db):
    endpoint_id, _ = await subscribe(db, "https://example.com/hook")
    return endpoint_id


@pytest.fixture
async def backlog(db, endpoint_id):
    """Attempts of a day and a bit, none of them counted yet, of three endpoints."""
    for number in range(1, ENDPOINTS):
        await subscribe(db, f"https://example.com/{number}")
    await scatter(db, ENDPOINTS, ATTEMPTS)
    await db.execute("update webhooks.rates_until set until = until - interval '2 days'")
    return endpoint_id


async def until(db) -> datetime:
    return await db.fetchval("select until from webhooks.rates_until")


async def spans(db) -> list[int]:
    """How many minutes each row is about."""
    return [row[0] for row in await db.fetch("select distinct minutes from webhooks.rates order by 1")]


async def test_the_figures_are_exact_before_counting_after_it_and_as_time_passes(db, stage, backlog):
    assert 0 < await are_exact(db) < ATTEMPTS
    await work(stage)
    assert await spans(db) == [1, 15]
    for passed in (QUARTER, QUARTER, 2 * HOUR, 21 * HOUR, 3 * HOUR):
        await pass_time(db, passed)
        await put(db, backlog, count=10)
        assert await are_exact(db)
        await work(stage)
        assert await are_exact(db)
    assert await are_exact(db) <= 40


@pytest.mark.usefixtures("backlog")
async def test_what_the_last_hour_needs_no_longer_is_put_together(db, stage):
    await pass_time(db, QUARTER)
    await work(stage)
    minutes = "select count(*) from webhooks.rates where minutes = 1"
    assert 100 < await db.fetchval(minutes) <= 75 * ENDPOINTS
    rows = await db.fetchval("select count(*) from webhooks.rates")
    await pass_time(db, HOUR)
    await work(stage)
    assert await db.fetchval(minutes) <= 15 * ENDPOINTS
    assert await db.fetchval("select count(*) from webhooks.rates") < rows
    assert await are_exact(db)


async def test_what_is_left_of_an_endpoint_that_is_gone_goes_with_its_day(db, stage, backlog):
    await work(stage)
    await db.execute("delete from webhooks.endpoints where id = $1", backlog)
    await pass_time(db, 23 * HOUR)
    await work(stage)
    assert await are_exact(db)
    assert await db.fetchval("select count(*) from webhooks.rates_sums") > 0
    await pass_time(db, 3 * HOUR)
    await work(stage)
    for table in ("rates", "rates_sums"):
        assert await db.fetchval(f"select count(*) from webhooks.{table}") == 0


@pytest.mark.usefixtures("backlog")
async def test_after_days_without_a_dispatcher_only_the_last_one_is_caught_up_with(db, stage):
    await db.execute("update webhooks.rates_until set until = until - interval '30 days'")
    assert await work(stage) <= 24 * 4 + 20
    assert await are_exact(db)


@pytest.mark.usefixtures("backlog")
async def test_slices_and_pieces_come_to_the_same(db, stage, monkeypatch):
    monkeypatch.setattr(stage_module, "SLICE", 7)
    monkeypatch.setattr(stage_module, "MOST", 4)
    await work(stage)
    assert await are_exact(db)
    for passed in (HOUR, 24 * HOUR):
        await pass_time(db, passed)
        await work(stage)
        assert await are_exact(db) >= 0


@pytest.mark.usefixtures("backlog")
async def test_nothing_is_counted_twice_by_two_at_once(database, db):
    stages = [stage_of(database.dsn) for _ in range(3)]
    await asyncio.gather(*(work(stage) for stage in stages))
    assert await are_exact(db)
    await pass_time(db, 2 * HOUR)
    await asyncio.gather(*(work(stage) for stage in stages))
    assert await are_exact(db)


@pytest.mark.usefixtures("backlog")
async def test_a_span_that_has_been_counted_by_somebody_else_is_not_counted_again(db, stage):
    (span,) = await stage._session.fetch("find_uncounted", 15, 45.0)
    await work(stage)
    counted = await db.fetch("select * from webhooks.rates_sums")
    await stage._session.fetch("count_attempts", span["since"], span["low"], span["until"], span["minutes"])
    await stage._session.close()
    assert await db.fetch("select * from webhooks.rates_sums") == counted


@pytest.mark.usefixtures("backlog")
@pytest.mark.parametrize("table", ["rates", "rates_sums"])
async def test_what_could_not_be_written_is_counted_later(db, stage, table):
    """As when the server ends in the middle of it."""
    await db.execute(f"alter table webhooks.{table} add constraint nothing_goes check (false)")
    with pytest.raises(StatementFailed, match="nothing_goes"):
        await work(stage)
    assert await db.fetchval("select count(*) from webhooks.rates") == 0
    assert await are_exact(db)
    await db.execute(f"alter table webhooks.{table} drop constraint nothing_goes")
    await work(stage)
    assert await are_exact(db)


@pytest.mark.usefixtures("backlog")
async def test_a_statement_that_cannot_be_done_is_tried_with_less(database, db):
    stage = stage_of(database.dsn, lock_timeout="10ms")
    for _ in range(5):
        await stage.step()
    assert stage._most == stage_module.MOST
    async with connected(database.dsn) as other, other.transaction():
        await other.execute("select from webhooks.rates_until for update")
        with pytest.raises(StatementFailed):
            await stage.step()
    assert stage._most == 1
    await work(stage)
    assert await are_exact(db)


async def test_a_minute_is_counted_when_all_of_it_is_committed(database, db, stage, endpoint_id, monkeypatch):
    # As if a settle had begun in a minute that has been over for long, and its commit waited for a standby.
    monkeypatch.setattr(stage_module, "LATE_S", -60.0)  # up to a minute ahead
    async with connected(database.dsn) as settling, settling.transaction():
        began = await settling.fetchval("select now()")
        await put(settling, endpoint_id)
        await work(stage)
        assert await until(db) <= began
    assert await are_exact(db) == 1
    await work(stage)
    assert await until(db) > began
    assert await db.fetchval("select sum(delivered) from webhooks.rates_sums") == 1


async def test_a_clock_that_was_set_back_is_followed(db, stage, backlog, monkeypatch):
    with monkeypatch.context() as ahead:
        ahead.setattr(stage_module, "LATE_S", -60.0)
        await work(stage)
    # It was ahead by hours, and counted what was written then.
    await put(db, backlog, ago=-2 * HOUR)
    await db.execute(
        "insert into webhooks.rates "
        "select $1, 1, date_trunc('minute', max(at)), 1, 0, '{27}', '{1}' from webhooks.attempts",
        backlog,
    )
    await db.execute("update webhooks.rates_until set until = until + interval '3 h'")
    await work(stage)
    assert await until(db) <= datetime.now(UTC)
    assert await are_exact(db)
    await pass_time(db, 3 * HOUR)
    await work(stage)
    assert await are_exact(db)


@pytest.mark.usefixtures("backlog")
async def test_no_connection_is_held_while_there_is_nothing_to_do(stage):
    await work(stage)
    assert not stage._session.is_open


async def test_beside_a_dispatcher_the_figures_are_there_at_once_and_stay_when_they_are_counted(
    running, db, receiver, monkeypatch
):
    monkeypatch.setattr(stage_module, "EVERY_S", 0.05)
    endpoint_id, _ = await subscribe(db, receiver.url(), max_attempts=1)
    shown = "select delivered_1h, failed_1h, delivered_24h, failed_24h from webhooks.endpoint_status"

    async def says(*figures: int) -> bool:
        row = tuple(await db.fetchrow(shown))
        assert row == figures, row
        return True

    async with running():
        await insert_many(db, 5)
        await eventually(lambda: says(5, 0, 5, 0))
        assert not await spans(db)
        receiver.always(500)
        await insert_many(db, 2)
        await eventually(lambda: says(5, 2, 5, 2))
        await pass_time(db, QUARTER)
        await eventually(lambda: spans(db))
        await says(5, 2, 5, 2)
    row = await rates(db, endpoint_id)
    assert (float(row["success_1h"]), float(row["success_24h"])) == (0.7143, 0.7143)
    assert row["p95_ms_1h"] == row["p95_ms_24h"] > 0
