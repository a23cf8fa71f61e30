"""No endpoint is sent more than it allows, and none can slow another: promises 3 and 4."""

import orjson

from dispatcher.pipeline import lanes
from tests.support.eventually import eventually
from tests.support.receiver import Answer
from tests.support.sql import all_settled, attempts, endpoint, insert, insert_many, subscribe


def numbers(requests) -> list[int]:
    return [orjson.loads(request.body)["data"] for request in requests]


async def test_an_endpoint_is_never_sent_more_than_its_limit_at_once(running, db, receiver):
    receiver.always(Answer(delay_s=0.005))
    await subscribe(db, receiver.url(), max_in_flight=3)
    await insert_many(db, 150)
    async with running():
        await all_settled(db)
    assert len(receiver.requests) == 150
    assert receiver.most_at_once["/hook"] == 3, "the window opens up to the limit, and no further"


async def test_ordered_sends_strictly_one_after_the_other_in_the_order_of_the_inbox(running, db, receiver):
    await subscribe(db, receiver.url(), ordered=True, max_in_flight=8)
    async with running():
        for _ in range(6):
            await insert_many(db, 10)
        await all_settled(db)
    assert receiver.most_at_once["/hook"] == 1
    assert numbers(receiver.requests) == [*range(1, 11)] * 6


async def test_ordered_nothing_passes_a_failing_head(running, db, receiver):
    receiver.will_answer(500, 500, 200)
    await subscribe(db, receiver.url(), ordered=True)
    async with running():
        await insert_many(db, 5)
        await insert(db, data="6")
        await all_settled(db)
    assert numbers(receiver.requests) == [1, 1, 1, 2, 3, 4, 5, 6]


async def test_ordered_a_dead_head_lets_the_next_one_go(running, db, receiver):
    receiver.will_answer(500, 500)
    await subscribe(db, receiver.url(), ordered=True, max_attempts=2)
    async with running():
        await insert_many(db, 3)
        await all_settled(db)
    assert numbers(receiver.requests) == [1, 1, 2, 3]


async def test_a_hundred_hanging_endpoints_do_not_hold_up_a_healthy_one(running, db, receiver):
    for number in range(100):
        receiver.hang(f"/hang/{number}")
        await subscribe(db, receiver.url(f"/hang/{number}"), "{slow.*}", max_attempts=1)
    await subscribe(db, receiver.url("/healthy"), "{quick.*}")
    # A pool smaller than the number of those that hang: without a place for the old, nothing else would ever start.
    async with running(dispatch__max_in_flight=20, dispatch__drain_s=0.1):
        await insert_many(db, 3, "slow.event")
        await eventually(lambda: sum(receiver.in_flight(f"/hang/{n}") for n in range(100)) == 100)
        await insert_many(db, 50, "quick.event")
        await eventually(lambda: len(receiver.at("/healthy")) == 50, within=5)
        assert all(receiver.most_at_once[f"/hang/{n}"] == 1 for n in range(100)), "one slot each"


async def test_a_failing_endpoint_is_parked_and_its_deliveries_wait_in_the_table(running, db, receiver):
    receiver.always(500)
    endpoint_id, _ = await subscribe(db, receiver.url())
    await insert_many(db, 40)
    async with running(breaker__park_base_s=3600, breaker__park_after=3, endpoint__max_attempts=14):
        row = await eventually(lambda: db.fetchrow("select * from webhooks.endpoints where parked_until is not null"))
        assert row["failing_since"] is not None
        seen = len(receiver.requests)
    assert seen <= 8, "then nothing more is sent"
    assert len(receiver.requests) == seen
    untouched = "select count(*) from webhooks.deliveries where endpoint_id = $1 and attempts = 0"
    assert await db.fetchval(untouched, endpoint_id) >= 40 - seen


async def test_a_parked_endpoint_is_probed_and_recovers(running, db, receiver):
    receiver.will_answer(*[500] * 6)
    endpoint_id, _ = await subscribe(db, receiver.url())
    async with running(breaker__park_after=2, breaker__park_base_s=0.05):
        await insert_many(db, 10)
        await all_settled(db)
        await eventually(lambda: _recovered(db, endpoint_id))
    assert {outcome for _, outcome, _, _ in await attempts(db)} == {"delivered", "retrying"}


async def _recovered(db, endpoint_id) -> bool:
    row = await endpoint(db, endpoint_id)
    return row["parked_until"] is None and row["failing_since"] is None


async def test_parking_survives_a_restart(running, db, receiver):
    receiver.always(500)
    await subscribe(db, receiver.url())
    await insert_many(db, 5)
    async with running(breaker__park_base_s=3600, breaker__park_after=2):
        await eventually(lambda: db.fetchrow("select * from webhooks.endpoints where parked_until is not null"))
    seen = len(receiver.requests)
    async with running(breaker__park_base_s=3600, breaker__park_after=2):
        await insert(db, "after.the_restart")
        await eventually(lambda: db.fetchval("select not exists (select from webhooks.inbox)"))
    assert len(receiver.requests) == seen


async def test_unbroken_failure_for_long_disables_the_endpoint_and_holds_its_deliveries(running, db, receiver):
    receiver.always(500)
    endpoint_id, _ = await subscribe(db, receiver.url())
    await insert_many(db, 20)
    async with running(breaker__park_after=2, breaker__park_base_s=0.01, breaker__disable_after_h=0.00001):
        row = await eventually(lambda: db.fetchrow("select * from webhooks.endpoints where state = 'disabled'"))
    assert row["state_reason"] == "failing"
    assert await db.fetchval("select count(*) from webhooks.deliveries where endpoint_id = $1", endpoint_id) > 0


async def test_a_rate_limit_is_kept(running, db, receiver):
    await subscribe(db, receiver.url(), rate_limit=20)
    async with running():
        await insert_many(db, 11)
        await all_settled(db)
    assert receiver.requests[-1].at - receiver.requests[0].at >= 0.49


async def test_a_backlog_of_one_endpoint_does_not_hold_up_another(running, db, receiver):
    receiver.always(Answer(delay_s=0.05), path="/whale")
    await subscribe(db, receiver.url("/whale"), "{bulk.*}", max_in_flight=2)
    await subscribe(db, receiver.url("/fresh"), "{fresh.*}")
    await insert_many(db, 3000, "bulk.import")
    async with running(dispatch__drain_s=1):
        await eventually(lambda: len(receiver.at("/whale")) >= 3)
        await insert(db, "fresh.event")
        await eventually(lambda: receiver.at("/fresh"), within=2)
        assert len(receiver.at("/whale")) < 200


async def test_a_tenant_s_burst_does_not_hold_up_another_tenant(running, db, receiver):
    receiver.always(Answer(delay_s=0.01), path="/burst")
    await subscribe(db, receiver.url("/burst"), tenant="burst")
    await subscribe(db, receiver.url("/calm"), tenant="calm")
    await insert_many(db, 5000, tenant="burst")
    await insert_many(db, 1, tenant="calm")
    async with running(dispatch__drain_s=1):
        await eventually(lambda: receiver.at("/calm"), within=3)
        assert await db.fetchval("select count(*) from webhooks.inbox where tenant = 'burst'") > 1000


async def test_with_too_many_unsettled_nothing_new_starts(running, db, receiver):
    await subscribe(db, receiver.url(), max_in_flight=100)
    async with running(dispatch__max_unsettled=5) as dispatcher:
        await insert_many(db, 200)
        await db.execute("begin; lock table webhooks.attempts in share mode")
        try:
            await eventually(lambda: len(dispatcher._stages.settle) >= 5)
            bound = len(receiver.requests)
            assert bound <= 5 + 100
            assert not dispatcher._stages.settle.has_room()
        finally:
            await db.execute("commit")
        await all_settled(db)
    assert len(receiver.requests) == 200, "and nothing was sent twice"


async def test_a_backlog_is_read_in_the_order_it_became_due(running, db, receiver):
    await subscribe(db, receiver.url(), max_in_flight=1)
    await insert_many(db, 100)
    async with running():
        await all_settled(db)
    assert numbers(receiver.requests) == [*range(1, 101)]


async def test_more_tenants_than_one_fan_out_takes_from_have_their_turns(running, db):
    for number in range(40):
        await insert_many(db, 200, tenant=f"t{number:02}")
    async with running():
        await all_settled(db)
    first, last = await db.fetchrow(
        "select max(f.at) filter (where e.tenant = 't00'), min(f.at) filter (where e.tenant = 't39') "
        "from webhooks.fanouts f join webhooks.events e on e.id = f.event_id"
    )
    assert last < first, "the last tenant waited until the first one's backlog was done"


async def test_ordered_a_head_that_is_put_off_still_waits_after_a_restart(running, db, receiver):
    receiver.will_answer(500, path="/ordered")
    await subscribe(db, receiver.url("/ordered"), "{ordered}", ordered=True)
    await subscribe(db, receiver.url("/other"), "{other}")
    patient = {"endpoint__backoff_base_s": "600", "endpoint__backoff_cap_s": "600"}
    async with running(**patient):
        await insert(db, "ordered")
        await eventually(lambda: db.fetchval("select retry_at is not null from webhooks.deliveries"))
        await insert(db, "ordered")
        await eventually(lambda: db.fetchval("select count(*) = 2 from webhooks.deliveries"))
    await db.execute(
        "insert into webhooks.deliveries (event_id, endpoint_id) select e.id, n.id "
        "from webhooks.events e, webhooks.endpoints n where n.url like '%/other' limit 1"
    )
    async with running(**patient):
        await eventually(lambda: receiver.at("/other"))  # found and read in the same round as the ordered ones
    assert len(receiver.at("/ordered")) == 1


async def test_payload_in_memory_is_bounded_however_many_endpoints_hang(running, db, receiver, monkeypatch):
    monkeypatch.setattr(lanes, "HELD_BYTES", 10_000)
    for number in range(10):
        await subscribe(db, receiver.url(f"/{number}"))
        receiver.hang(f"/{number}")
    async with running() as dispatcher:
        await insert(db, data='"' + "x" * 998 + '"')
        await eventually(lambda: sum(receiver.in_flight(f"/{number}") for number in range(10)) == 10)
        for _ in range(19):
            await insert(db, data='"' + "x" * 998 + '"')
        await eventually(lambda: db.fetchval("select count(*) = 0 from webhooks.inbox"))
        await eventually(lambda: not dispatcher._stages.lanes.hungry)
        assert dispatcher._stages.lanes.held.total == 10_000
        for number in range(10):
            receiver.let_go(f"/{number}")
        await all_settled(db)
        assert dispatcher._stages.lanes.held.total == 0
    assert len(receiver.requests) == 200
