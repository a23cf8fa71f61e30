"""What sends something again, or for a try: retry, replay, ping."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from tests.support.sql import deliveries, insert, insert_many, states, subscribe
from tests.support.stages import fan_out, settle

URL = "https://example.com/hook"


# --- retry


async def test_retry_makes_an_open_delivery_due_now_with_all_its_attempts(db, session, delivery):
    delivery_id, _ = delivery
    await settle(session, delivery_id, "retrying")
    assert await db.fetchval("select due_at > now() and attempts = 1 from webhooks.deliveries")
    assert await db.fetchval("select webhooks.retry($1)", delivery_id) is True
    row = await db.fetchrow("select id, attempts, due_at <= clock_timestamp() as due from webhooks.deliveries")
    assert tuple(row) == (delivery_id, 0, True)


async def test_retry_moves_the_head_of_an_ordered_lane_to_its_end(db, session):
    await subscribe(db, URL, ordered=True)
    await insert_many(db, 3)
    await fan_out(session)
    first, *others = [row["id"] for row in await db.fetch("select id from webhooks.deliveries order by due_at, id")]
    await db.execute("update webhooks.deliveries set retry_at = now() + interval '1 h' where id = $1", first)
    await db.execute("select webhooks.retry($1)", first)
    rows = await db.fetch("select id, retry_at from webhooks.deliveries order by due_at, id")
    assert rows == [(delivery_id, None) for delivery_id in (*others, first)]


async def test_retry_brings_a_dead_delivery_back_under_its_id(db, session, delivery):
    delivery_id, _ = delivery
    await settle(session, delivery_id, "dead")
    assert await db.fetchval("select webhooks.retry($1)", delivery_id) is True
    assert await states(db) == ["pending"]
    row = await db.fetchrow("select id, attempts, due_at <= clock_timestamp() as due, test from webhooks.deliveries")
    assert tuple(row) == (delivery_id, 0, True, False)
    assert await db.fetchval("select webhooks.retry($1)", delivery_id) is True


@pytest.mark.parametrize("outcome", ["delivered", "cancelled", "expired"])
async def test_retry_says_no_to_a_delivery_that_is(outcome, db, session, delivery):
    await settle(session, delivery[0], outcome)
    assert await db.fetchval("select webhooks.retry($1)", delivery[0]) is False
    assert await states(db) == [outcome]


@pytest.mark.parametrize("unknown", [0, -1, 99, 2**63 - 1, None])
async def test_retry_says_no_to_a_delivery_that_never_was(unknown, db, delivery):
    assert delivery[0] not in (0, -1, 99)
    assert await db.fetchval("select webhooks.retry($1)", unknown) is False


async def test_retry_says_no_to_a_dead_delivery_whose_endpoint_is_gone(db, session, delivery):
    delivery_id, endpoint_id = delivery
    await settle(session, delivery_id, "dead")
    await db.execute("select webhooks.unsubscribe($1)", endpoint_id)
    assert await db.fetchval("select webhooks.retry($1)", delivery_id) is False


# --- replay


async def replayed(db, endpoint_id: int, since: str = "now() - interval '1 h'", rest: str = "") -> int:
    return await db.fetchval(f"select webhooks.replay($1, since => {since}{rest})", endpoint_id)


async def test_replay_makes_new_deliveries_of_what_matches_and_says_how_many(db, session):
    endpoint_id, _ = await subscribe(db, URL, "{order.*}", tenant="acme", filter="$ > 1")
    await insert_many(db, 3, "order.paid", "acme")
    await insert_many(db, 3, "invoice.paid", "acme")
    await insert_many(db, 3, "order.paid", "globex")
    await fan_out(session)
    before = [row["id"] for row in await deliveries(db, endpoint_id)]
    assert await replayed(db, endpoint_id) == 2
    after = await deliveries(db, endpoint_id)
    assert len(after) == len(before) + 2 == 4
    assert not {row["id"] for row in after[2:]} & set(before)
    assert {row["event_id"] for row in after[:2]} == {row["event_id"] for row in after[2:]}


@pytest.mark.parametrize(
    ("types", "count"), [("{*}", 3), ("{a}", 1), ("{a.*}", 2), ("{a.*,a,a.b}", 3), ("{b.*}", 0), ("{webhook.*}", 0)]
)
async def test_replay_of_some_types_only(db, session, types, count):
    endpoint_id, _ = await subscribe(db, URL)
    for type_ in ("a", "a.b", "a.c"):
        await insert(db, type_)
    await fan_out(session)
    assert await replayed(db, endpoint_id, rest=f", types => '{types}'") == count


def an_id(at: datetime) -> UUID:
    """A version 7 UUID dated then."""
    return UUID(int=int(at.timestamp() * 1000) << 80 | 7 << 76 | 2 << 62)


async def test_replay_looks_from_since_until_until(db, session):
    endpoint_id, _ = await subscribe(db, URL)
    for hours in (1, 2, 3):
        await insert(db, id=an_id(datetime.now(UTC) - timedelta(hours=hours)))
    await fan_out(session)
    spans = {("150 min", "90 min"): 1, ("150 min", "0 min"): 2, ("4 h", "90 min"): 2, ("30 min", "0 min"): 0}
    for (since, until), count in spans.items():
        rest = f", until => now() - interval '{until}'"
        assert await replayed(db, endpoint_id, f"now() - interval '{since}'", rest) == count


async def test_replay_leaves_what_waits_in_the_inbox_to_its_fan_out(db, session):
    endpoint_id, _ = await subscribe(db, URL)
    await insert(db)
    assert await replayed(db, endpoint_id) == 0
    await fan_out(session)
    assert await replayed(db, endpoint_id) == 1


async def test_replay_does_not_repeat_test_sends(db):
    endpoint_id, _ = await subscribe(db, URL, "{*,webhook.*}")
    await db.execute("select webhooks.ping($1)", endpoint_id)
    assert await replayed(db, endpoint_id) == 0


async def test_replay_from_the_beginning_of_time(db, session):
    endpoint_id, _ = await subscribe(db, URL)
    await insert(db)
    await fan_out(session)
    assert await replayed(db, endpoint_id, "'4713-01-01 BC'", ", until => '9999-12-31'") == 1


# --- ping


@pytest.mark.parametrize("state", ["inactive", "active", "paused", "disabled"])
async def test_ping_makes_one_test_delivery_for_its_endpoint_alone_in_state(state, db, session):
    endpoint_id, _ = await subscribe(db, URL, "{webhook.ping}", tenant="acme")
    for types in ("{*}", "{webhook.*,webhook.ping}"):
        await subscribe(db, URL, types, tenant="acme")
    await db.execute("update webhooks.endpoints set state = $1 where id = $2", state, endpoint_id)
    delivery_id = await db.fetchval("select webhooks.ping($1)", endpoint_id)
    await fan_out(session)
    rows = await db.fetch("select id, endpoint_id, test from webhooks.deliveries")
    assert rows == [(delivery_id, endpoint_id, True)]
    event = await db.fetchrow("select type, tenant, target, data::jsonb -> 'endpoint_id' as data from webhooks.events")
    assert tuple(event) == ("webhook.ping", "acme", endpoint_id, str(endpoint_id))
    assert await db.fetchval("select matched from webhooks.event_status") == 1
