"""What a person or a program reads: delivery_status, endpoint_status and event_status."""

from datetime import timedelta

import pytest

from tests.support.postgres import connected
from tests.support.sql import insert, insert_many, states, subscribe
from tests.support.stages import fan_out, settle

URL = "https://example.com/hook"

COLUMNS = {
    "delivery_status": (
        "delivery_id event_id endpoint_id tenant type state attempts last_status last_reason last_at due_at"
    ),
    "endpoint_status": (
        "endpoint_id tenant name url state state_reason open oldest_due_at last_status last_outcome last_at "
        "delivered_1h failed_1h p95_ms_1h delivered_24h failed_24h"
    ),
    "event_status": "event_id tenant type occurred_at fanned_out_at matched",
}


async def status(db, delivery_id: int) -> dict:
    return dict(await db.fetchrow("select * from webhooks.delivery_status where delivery_id = $1", delivery_id))


async def of_endpoint(db, endpoint_id: int) -> dict:
    return dict(await db.fetchrow("select * from webhooks.endpoint_status where endpoint_id = $1", endpoint_id))


@pytest.fixture
async def delivery(db, session) -> int:
    await subscribe(db, URL, tenant="acme")
    await insert(db, tenant="acme")
    await fan_out(session)
    return await db.fetchval("select id from webhooks.deliveries")


@pytest.mark.parametrize("view", list(COLUMNS))
async def test_a_view_has_these_columns_in_this_order(db, view):
    prepared = await db.prepare(f"select * from webhooks.{view}")
    assert [attribute.name for attribute in prepared.get_attributes()] == COLUMNS[view].split()


# --- delivery_status


async def test_a_delivery_not_tried_yet_is_pending(db, delivery):
    event = await db.fetchrow("select event_id, endpoint_id, due_at from webhooks.deliveries")
    assert await status(db, delivery) == {
        "delivery_id": delivery, "event_id": event["event_id"], "endpoint_id": event["endpoint_id"], "tenant": "acme",
        "type": "order.paid", "state": "pending", "attempts": 0, "last_status": None, "last_reason": None,
        "last_at": None, "due_at": event["due_at"],
    }  # fmt: skip


async def test_a_delivery_put_off_is_pending_and_says_why_and_until_when(db, session, delivery):
    await settle(session, delivery, "retrying")
    row = await status(db, delivery)
    assert (row["state"], row["attempts"], row["last_status"], row["last_reason"]) == ("pending", 1, 503, "http_503")
    assert row["due_at"] - row["last_at"] == timedelta(seconds=60)


async def test_the_head_of_an_ordered_lane_is_due_when_it_may_be_tried_again(db, delivery):
    await db.execute("update webhooks.deliveries set retry_at = due_at + interval '1 h'")
    assert (await status(db, delivery))["due_at"] == await db.fetchval("select retry_at from webhooks.deliveries")


@pytest.mark.parametrize(
    ("outcome", "requested", "expected"),
    [
        ("delivered", True, ("delivered", 2, 200, None)),
        ("dead", True, ("dead", 2, 503, "http_503")),
        ("cancelled", False, ("cancelled", 1, None, "cancelled")),
        ("expired", False, ("expired", 1, None, "expired")),
    ],
)
async def test_a_delivery_that_ended_is(db, session, delivery, outcome, requested, expected):
    await settle(session, delivery, "retrying")
    await settle(session, delivery, outcome, version=1, requested=requested)
    row = await status(db, delivery)
    assert (row["state"], row["attempts"], row["last_status"], row["last_reason"]) == expected
    assert (row["tenant"], row["type"], row["due_at"]) == ("acme", "order.paid", None)
    assert row["last_at"] == await db.fetchval("select max(at) from webhooks.attempts")


@pytest.mark.parametrize("outcome", ["cancelled", "expired"])
async def test_a_delivery_that_ended_untried_has_no_attempt(db, session, delivery, outcome):
    await settle(session, delivery, outcome, requested=False)
    row = await status(db, delivery)
    assert (row["state"], row["attempts"], row["last_status"], row["last_reason"]) == (outcome, 0, None, outcome)


async def test_a_delivery_brought_back_is_pending_and_keeps_its_last_reason(db, session, delivery):
    await settle(session, delivery, "dead")
    await db.execute("select webhooks.retry($1)", delivery)
    row = await status(db, delivery)
    assert (row["state"], row["attempts"], row["last_reason"]) == ("pending", 0, "http_503")
    assert await states(db) == ["pending"]


async def test_a_delivery_taken_out_by_hand_is_cancelled(db, session, delivery):
    await settle(session, delivery, "retrying")
    await db.execute("delete from webhooks.deliveries")
    row = await status(db, delivery)
    assert (row["state"], row["attempts"], row["due_at"]) == ("cancelled", 1, None)


async def test_the_history_of_an_endpoint_that_is_gone_is_there_still(db, session, delivery):
    await settle(session, delivery, "retrying")
    await db.execute("delete from webhooks.endpoints")
    row = await status(db, delivery)
    assert (row["state"], row["attempts"], row["tenant"], row["type"]) == ("cancelled", 1, "acme", "order.paid")


async def test_a_delivery_is_there_once_whatever_happened_to_it(db, session):
    for _ in range(2):
        await subscribe(db, URL)
    event_id = await insert(db)
    await fan_out(session)
    ids = [row["id"] for row in await db.fetch("select id from webhooks.deliveries order by id")]
    for version in range(3):
        await settle(session, ids[0], "retrying", version=version)
    await settle(session, ids[0], "delivered")
    await db.execute("select webhooks.replay(endpoint_id, now() - interval '1 h') from webhooks.endpoint_status")
    assert await states(db, event_id) == ["delivered", "pending", "pending", "pending"]


# --- endpoint_status


async def test_an_endpoint_at_rest(db):
    endpoint_id, _ = await subscribe(db, URL, tenant="acme", name="ERP")
    assert await of_endpoint(db, endpoint_id) == {
        "endpoint_id": endpoint_id, "tenant": "acme", "name": "ERP", "url": URL, "state": "active",
        "state_reason": None, "open": 0, "oldest_due_at": None, "last_status": None, "last_outcome": None,
        "last_at": None, "delivered_1h": 0, "failed_1h": 0, "p95_ms_1h": None, "delivered_24h": 0, "failed_24h": 0,
    }  # fmt: skip


@pytest.mark.parametrize("rest", ["", "/", "/a/b", "/a%3Fb"])
@pytest.mark.parametrize("query", ["", "?", "?token=hidden", "?a=1?token=hidden", "?a=/b&token=hidden"])
async def test_a_url_is_shown_without_its_query(db, rest, query):
    endpoint_id, _ = await subscribe(db, f"https://example.com:8443{rest}{query}")
    assert (await of_endpoint(db, endpoint_id))["url"] == f"https://example.com:8443{rest}"


async def test_no_view_shows_a_secret_or_a_payload(db, session):
    endpoint_id, secret = await subscribe(
        db, URL + "?hidden", "{*}", api_key="hidden", headers='{"A": "hidden"}', name="ERP"
    )
    await db.execute("select webhooks.rotate_secret($1)", endpoint_id)
    await insert(db, data='"hidden"', context='"hidden"', key="hidden")
    await fan_out(session)
    for view in COLUMNS:
        shown = "".join(row[0] for row in await db.fetch(f"select v::text from webhooks.{view} v"))
        assert shown
        assert not [word for word in ("hidden", secret[6:], "whsec_") if word in shown]


@pytest.mark.parametrize("state", ["inactive", "active", "paused", "disabled"])
async def test_an_endpoint_says_its_state_and_why(db, state):
    endpoint_id, _ = await subscribe(db, URL)
    await db.execute("update webhooks.endpoints set state = $1, state_reason = 'gone'", state)
    row = await of_endpoint(db, endpoint_id)
    assert (row["state"], row["state_reason"]) == (state, "gone")


async def test_open_counts_what_is_open_here_without_test_sends(db, session):
    (one, _), (other, _) = await subscribe(db, URL), await subscribe(db, URL, "{nothing}")
    await insert_many(db, 3)
    await fan_out(session)
    for endpoint_id in (one, other):
        await db.execute("select webhooks.ping($1)", endpoint_id)
    first = await db.fetchval("select min(id) from webhooks.deliveries where not test")
    await db.execute("update webhooks.deliveries set due_at = '2001-01-01' where id = $1 or test", first + 1)
    await settle(session, first, "delivered")
    mine, others = await of_endpoint(db, one), await of_endpoint(db, other)
    assert (mine["open"], others["open"]) == (2, 0)
    assert mine["oldest_due_at"] == await db.fetchval("select min(due_at) from webhooks.deliveries where not test")
    assert others["oldest_due_at"] is None


async def test_open_says_so_when_there_are_more_than_it_counts(db):
    endpoint_id, _ = await subscribe(db, URL)
    fill = (
        "insert into webhooks.deliveries (event_id, endpoint_id) "
        "select webhooks.uuidv7(), $1 from generate_series(1, $2::int)"
    )
    await db.execute(fill, endpoint_id, 10_000)
    assert (await of_endpoint(db, endpoint_id))["open"] == 10_000
    await db.execute(fill, endpoint_id, 5)
    assert (await of_endpoint(db, endpoint_id))["open"] == 10_001


async def test_an_endpoint_says_how_its_last_attempt_went(db, session, delivery):
    await settle(session, delivery, "retrying")
    await settle(session, delivery, "delivered", version=1)
    row = dict(await db.fetchrow("select * from webhooks.endpoint_status"))
    assert (row["last_status"], row["last_outcome"]) == (200, "delivered")
    assert row["last_at"] == await db.fetchval("select max(at) from webhooks.attempts")


# --- event_status


async def test_an_event_in_the_inbox_is_not_fanned_out(db):
    event_id = await insert(db, tenant="acme")
    occurred_at = await db.fetchval("select occurred_at from webhooks.events")
    row = await db.fetchrow("select * from webhooks.event_status")
    assert tuple(row) == (event_id, "acme", "order.paid", occurred_at, None, None)


@pytest.mark.parametrize("count", [0, 1, 3])
async def test_an_event_says_how_many_endpoints_it_matched(db, session, count):
    await subscribe(db, URL, "{invoice.*}")
    for _ in range(count):
        await subscribe(db, URL, "{order.paid,order.*}")
    event_id = await insert(db)
    await fan_out(session)
    row = await db.fetchrow("select event_id, matched, fanned_out_at from webhooks.event_status")
    assert tuple(row) == (event_id, count, await db.fetchval("select at from webhooks.fanouts"))


async def test_an_event_is_there_once_also_after_a_replay(db, session, delivery):
    assert delivery
    await db.execute("select webhooks.replay(endpoint_id, now() - interval '1 h') from webhooks.endpoint_status")
    await fan_out(session)
    assert await db.fetchval("select array_agg(matched) from webhooks.event_status") == [1]


async def test_an_operator_reads_the_views_of_everything(database, db, session, delivery):
    await settle(session, delivery, "delivered")
    async with connected(database.dsn_as("app_operator")) as operator:
        for view in COLUMNS:
            assert await operator.fetch(f"select * from webhooks.{view}") == await db.fetch(
                f"select * from webhooks.{view}"
            )
