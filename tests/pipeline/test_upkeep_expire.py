"""Work that an endpoint at rest holds ends after hold_days, each with its recorded outcome; nothing else does."""

import pytest
from structlog.testing import capture_logs

from dispatcher.pipeline import expire
from dispatcher.pipeline.expire import Expire
from dispatcher.pipeline.lanes import Lanes
from dispatcher.policy.breaker import Breaker
from dispatcher.policy.lane import Lane
from dispatcher.policy.pool import Pool
from dispatcher.store.session import PLANS, Login, Session
from tests.support.eventually import eventually
from tests.support.factories import a_delivery, an_endpoint
from tests.support.postgres import connected
from tests.support.sql import attempts, deliveries, insert, insert_many, subscribe

AGED = "update webhooks.deliveries set created_at = now() - $1::float8 * interval '1 day'"
RESTING = """
update webhooks.endpoints
   set state = $2, state_reason = $3, state_at = now() - $4::float8 * interval '1 day'
 where id = $1
"""
OPEN = """
insert into webhooks.deliveries (event_id, endpoint_id, test)
select webhooks.uuidv7(), $1, $3 from generate_series(1, $2::int)
"""


@pytest.fixture
def lanes():
    return Lanes(Pool(10, 10), lambda: 100.0)


@pytest.fixture
async def stage(database, lanes):
    session = Session(Login(database.dsn, settings=PLANS), "quiet")
    yield Expire(session, lanes, hold_days=7)
    await session.close()


async def hold(db, endpoint_id: int, count: int, *, test: bool = False) -> None:
    await db.execute(OPEN, endpoint_id, count, test)


async def rest(db, endpoint_id: int, state: str = "paused", reason: str | None = None, days: float = 8.0) -> None:
    # state_at is set by the trigger when the state changes, and kept when it does not.
    await db.execute(RESTING, endpoint_id, state, reason, days)
    await db.execute(RESTING, endpoint_id, state, reason, days)


@pytest.fixture
async def endpoint_id(db):
    endpoint_id, _ = await subscribe(db, "https://example.com/hook")
    await hold(db, endpoint_id, 3)
    await db.execute(AGED, 8.0)
    return endpoint_id


async def whole_round(stage: Expire) -> list[tuple[int, int]]:
    """(endpoint, deliveries) of each slice that ended some."""
    with capture_logs() as said:
        while await stage.step():
            pass
    assert {entry["event"] for entry in said} <= {"delivery.expired"}
    return [(entry["endpoint_id"], entry["deliveries"]) for entry in said]


RESTS = [("paused", None), ("disabled", "failing"), ("disabled", "invalid_url"), ("disabled", None), ("inactive", None)]


@pytest.mark.parametrize(("state", "reason"), RESTS)
async def test_what_an_endpoint_at_rest_has_held_for_too_long_expires(db, stage, endpoint_id, state, reason):
    await rest(db, endpoint_id, state, reason)
    assert await whole_round(stage) == [(endpoint_id, 3)]
    assert await attempts(db) == [(None, "expired", "expired", None)] * 3
    assert await db.fetchval("select distinct state from webhooks.delivery_status") == "expired"
    assert await whole_round(stage) == []


@pytest.mark.parametrize(
    ("state", "reason", "rested", "aged"),
    [("active", None, 8, 8), ("disabled", "gone", 8, 8), ("paused", None, 6.9, 8), ("paused", None, 8, 6.9)],
)
async def test_what_may_still_be_sent_or_has_another_end_does_not(db, stage, endpoint_id, state, reason, rested, aged):
    await rest(db, endpoint_id, state, reason, rested)
    await db.execute(AGED, float(aged))
    assert await whole_round(stage) == []
    assert len(await deliveries(db, endpoint_id)) == 3


async def test_a_test_delivery_never_does(db, stage, endpoint_id):
    await hold(db, endpoint_id, 2, test=True)
    await db.execute(AGED, 8.0)
    await rest(db, endpoint_id)
    assert await whole_round(stage) == [(endpoint_id, 3)]
    assert {row["test"] for row in await deliveries(db, endpoint_id)} == {True}


async def test_what_is_in_hand_is_left_to_its_own_ending(db, stage, lanes, endpoint_id):
    await rest(db, endpoint_id)
    lane = Lane(an_endpoint(id=endpoint_id), Breaker())
    lanes.add(lane)
    mine = (await deliveries(db, endpoint_id))[1]["id"]
    lanes.offer(a_delivery(id=mine, endpoint_id=endpoint_id))
    assert await whole_round(stage) == [(endpoint_id, 2)]
    assert [row["id"] for row in await deliveries(db, endpoint_id)] == [mine]


async def test_what_is_old_is_found_among_what_is_not_whatever_its_place_in_the_lane(
    db, stage, endpoint_id, monkeypatch
):
    monkeypatch.setattr(expire, "SLICE", 10)
    await rest(db, endpoint_id)
    await hold(db, endpoint_id, 50)
    await db.execute(
        "update webhooks.deliveries set due_at = now() + id * interval '1 s', "
        "created_at = now() - case when id % 5 = 0 then 8 else 1 end * interval '1 day'"
    )
    assert sum(ended for _, ended in await whole_round(stage)) == 10
    assert not [row["id"] for row in await deliveries(db, endpoint_id) if row["id"] % 5 == 0]


async def test_every_endpoint_has_its_turn(db, stage):
    for number in range(3):
        endpoint_id, _ = await subscribe(db, f"https://example.com/{number}")
        await hold(db, endpoint_id, number)
        await rest(db, endpoint_id)
    await db.execute(AGED, 8.0)
    assert [ended for _, ended in await whole_round(stage)] == [1, 2]


async def test_an_endpoint_that_somebody_resumes_this_instant_keeps_its_work(database, db, stage, endpoint_id):
    await rest(db, endpoint_id)
    async with connected(database.dsn) as operator, operator.transaction():
        await operator.execute("select webhooks.resume($1)", endpoint_id)
        assert await whole_round(stage) == []
    assert await whole_round(stage) == []
    assert len(await deliveries(db, endpoint_id)) == 3


async def test_a_delivery_that_somebody_is_at_is_for_another_round(database, db, stage, endpoint_id):
    await rest(db, endpoint_id)
    async with connected(database.dsn) as operator, operator.transaction():
        (first, *_) = await deliveries(db, endpoint_id)
        await operator.execute("select from webhooks.deliveries where id = $1 for update", first["id"])
        assert await whole_round(stage) == [(endpoint_id, 2)]
    assert await whole_round(stage) == [(endpoint_id, 1)]


async def test_under_anothers_epoch_nothing_expires(db, stage, lanes, endpoint_id):
    await rest(db, endpoint_id)
    lanes.epoch = 7
    assert await whole_round(stage) == []
    assert len(await deliveries(db, endpoint_id)) == 3


async def test_beside_a_dispatcher_what_a_paused_endpoint_held_expires_and_the_next_event_arrives(
    running, db, receiver
):
    endpoint_id, _ = await subscribe(db, receiver.url())
    async with running(dispatch__hold_days=7):
        await db.execute("select webhooks.pause($1)", endpoint_id)
        await insert_many(db, 5)
        await eventually(lambda: deliveries(db, endpoint_id))
        await db.execute(AGED, 8.0)
        await rest(db, endpoint_id)

        async def expired() -> bool:
            return not await deliveries(db, endpoint_id)

        await eventually(expired)
        await db.execute("select webhooks.resume($1)", endpoint_id)
        await insert(db)
        await eventually(lambda: receiver.requests)
    assert len(receiver.requests) == 1
