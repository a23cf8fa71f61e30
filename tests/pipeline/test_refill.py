"""Where a lane that reads on begins: behind what it has in hand, and now and then at the start."""

from datetime import timedelta

import pytest

from dispatcher.model import Outcome, Settlement
from dispatcher.pipeline.lanes import Lanes
from dispatcher.pipeline.refill import LOW_S, Refill
from dispatcher.policy.breaker import Breaker
from dispatcher.policy.lane import Lane
from dispatcher.policy.pool import Pool
from dispatcher.store.session import PLANS, Login, Session
from tests.support.factories import an_endpoint

FILL = """
insert into webhooks.deliveries (id, event_id, endpoint_id, due_at)
select n, webhooks.uuidv7(), 1, now() - interval '1 hour' + n * interval '1 s' from generate_series($1::int, $2::int) n
"""


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def lane(clock):
    lane = Lane(an_endpoint(id=1, max_in_flight=2), Breaker())
    lanes = Lanes(Pool(10, 10), clock)
    lanes.add(lane)
    lane.lanes = lanes
    lane.more = True
    lanes.touch(lane)
    return lane


@pytest.fixture
async def refill(database, lane):
    session = Session(Login(database.dsn, settings=PLANS), "refill")
    yield Refill(session, lane.lanes, pump=lambda: None)
    await session.close()


async def send_all(db, lane: Lane) -> list[int]:
    """What is queued is delivered; returns which that was."""
    done = []
    while lane.queue:
        lane.window = 2
        settlement = Settlement(lane.start(lane.lanes.clock()), Outcome.DELIVERED)
        lane.finish(settlement, lane.lanes.clock())
        done.append(settlement.delivery.id)
        await db.execute("delete from webhooks.deliveries where id = $1", settlement.delivery.id)
        lane.lanes.settled([settlement], {settlement.delivery.id})
    return done


async def test_it_reads_on_behind_what_it_has_read(db, lane, refill):
    await db.execute(FILL, 1, 10)
    assert await refill.step() == 4
    low = await db.fetchval("select due_at from webhooks.deliveries where id = 4")
    assert lane.low == low
    assert await send_all(db, lane) == [1, 2, 3, 4]
    await refill.step()
    assert await send_all(db, lane) == [5, 6, 7, 8]


async def test_what_comes_to_be_due_before_is_found_once_there_is_nothing_behind(db, lane, refill):
    await db.execute(FILL, 11, 16)
    await refill.step()
    await db.execute(FILL, 1, 2)
    sent = await send_all(db, lane)
    while await refill.step() or lane.more:
        sent += await send_all(db, lane)
    assert sent == [11, 12, 13, 14, 15, 16, 1, 2]
    assert not lane.more


async def test_what_comes_to_be_due_before_is_found_after_a_while_however_much_there_is_behind(db, lane, refill, clock):
    await db.execute(FILL, 11, 40)
    await refill.step()
    await db.execute(FILL, 1, 1)
    await send_all(db, lane)
    await refill.step()
    assert 1 not in await send_all(db, lane)
    clock.now += LOW_S
    await refill.step()
    assert (await send_all(db, lane))[0] == 1


async def test_what_is_given_back_is_read_again_first(db, lane, refill):
    await db.execute(FILL, 1, 10)
    await refill.step()
    lane.release()
    lane.lanes.touch(lane)
    assert lane.low is None
    await refill.step()
    assert await send_all(db, lane) == [1, 2, 3, 4]


async def test_an_ordered_lane_always_reads_from_its_head(db, lane, refill):
    lane.endpoint = an_endpoint(id=1, ordered=True)
    lane.lanes.touch(lane)
    await db.execute(FILL, 5, 9)
    await refill.step()
    assert await send_all(db, lane) == [5, 6]
    await db.execute(FILL, 1, 1)
    await refill.step()
    assert (await send_all(db, lane))[0] == 1


async def test_dead_entries_that_an_old_snapshot_keeps_are_walked_past_only_from_the_start(database, db, lane, refill):
    await db.execute("alter table webhooks.deliveries set (autovacuum_enabled = off)")
    await db.execute(FILL, 1, 3000)
    async with db.transaction():
        pass
    snapshot = Session(Login(database.dsn), "old")
    connection = await snapshot.connection()
    transaction = connection.transaction(isolation="repeatable_read")
    await transaction.start()
    await connection.fetchval("select count(*) from webhooks.deliveries")
    await db.execute("delete from webhooks.deliveries where id <= 2990")

    async def entries(low: object) -> int:
        rows = await db.fetch(
            "explain (analyze, buffers, costs off, timing off, summary off) select id from webhooks.deliveries "
            "where endpoint_id = 1 and not test and due_at >= coalesce($1::timestamptz, '-infinity') "
            "order by endpoint_id, due_at, id limit 4",
            low,
        )
        (hits,) = [int(row[0].split("shared hit=")[1].split()[0]) for row in rows if "shared hit=" in row[0]][:1]
        return hits

    await refill.step()
    assert lane.low is not None
    assert await entries(None) > 5 * await entries(lane.low - timedelta(seconds=1))
    await transaction.rollback()
    await snapshot.close()
