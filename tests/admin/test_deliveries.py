"""/api/v1/deliveries: what was sent, what came back, and what can be done about it."""

import pytest

from tests.support.eventually import eventually
from tests.support.receiver import Answer
from tests.support.sql import all_settled, insert, insert_many, subscribe
from tests.support.stages import fan_out

PATH = "/api/v1/deliveries"


@pytest.fixture
async def admin(product):
    return await product.with_token("admin")


async def listed(client, query: str = "") -> list[int]:
    """All pages of it, three at a time."""
    found, cursor = [], ""
    while cursor is not None:
        page = (await client.get(f"{PATH}?limit=3&{query}{cursor and f'&cursor={cursor}'}")).json
        assert len(page["data"]) <= 3
        found += [each["id"] for each in page["data"]]
        cursor = page["next"]
    return found


async def test_a_delivery_is_shown_with_every_attempt_and_reply(admin, running, db, receiver):
    receiver.will_answer(Answer(503, body=b"not now\n\x1b[31m"), Answer(500, body=b"\xff\x00"), 204)
    await subscribe(db, receiver.url())
    async with running():
        event_id = await insert(db)
        await all_settled(db)
    (one,) = (await admin.get(PATH)).json["data"]
    assert (one["event_id"], one["state"], one["attempts"], one["last_status"]) == (str(event_id), "delivered", 3, 204)
    shown = (await admin.get(f"{PATH}/{one['id']}")).json
    assert [each["attempt"] for each in shown["history"]] == [1, 2, 3]
    assert [each["status"] for each in shown["history"]] == [503, 500, 204]
    assert [each["reason"] for each in shown["history"]] == ["http_503", "http_500", None]
    assert [each["reply"] for each in shown["history"]] == ["not now\n\x1b[31m", None, None]
    assert shown["history"][1]["reply_base64"] == "/wA="
    assert all(each["duration_ms"] >= 0 for each in shown["history"])


async def test_a_list_is_latest_activity_first_whatever_became_of_them(admin, db, session):
    await subscribe(db, "https://example.com/hook")
    await insert_many(db, 8)
    await fan_out(session)
    ids = [row["id"] for row in await db.fetch("select id from webhooks.deliveries order by id")]
    # Due apart, so that their order can be said.
    await db.execute("update webhooks.deliveries set due_at = now() - interval '1 h' + id * interval '1 s'")
    assert await listed(admin) == ids[::-1]
    assert await db.fetchval("select webhooks.cancel($1)", ids[2])
    assert await db.fetchval("select webhooks.cancel($1)", ids[5])
    assert await listed(admin) == [ids[5], ids[2], *(each for each in ids[::-1] if each not in {ids[5], ids[2]})]
    assert await listed(admin, "state=cancelled") == [ids[5], ids[2]]
    assert set(await listed(admin, "state=pending")) == set(ids) - {ids[5], ids[2]}
    assert len(await listed(admin, "state=pending&state=cancelled")) == 8
    assert await listed(admin, "state=dead") == []


async def test_a_list_is_of_those_that_are_asked_for(admin, db, session):
    one, _ = await subscribe(db, "https://example.com/hook", tenant="x")
    two, _ = await subscribe(db, "https://example.com/hook", "{a.*}", tenant="y")
    first, second = await insert(db, "a.b", tenant="x"), await insert(db, "a.c", tenant="y")
    third = await insert(db, "b", tenant="x")
    await fan_out(session)
    rows = await db.fetch("select id, event_id from webhooks.deliveries")
    of = {row["event_id"]: row["id"] for row in rows}
    assert sorted(await listed(admin, "tenant=x")) == sorted([of[first], of[third]])
    assert await listed(admin, f"endpoint_id={two}") == [of[second]]
    assert await listed(admin, f"event_id={third}") == [of[third]]
    assert await listed(admin, f"event_id={third}&endpoint_id={two}") == []
    assert await listed(admin, f"event_id={third}&type=a.*") == []
    assert sorted(await listed(admin, "type=a.*")) == sorted([of[first], of[second]])
    assert await listed(admin, f"endpoint_id={one}&type=b") == [of[third]]
    assert await listed(admin, "since=2999-01-01T00:00:00Z") == await listed(admin, "until=2001-01-01T00:00:00Z") == []
    assert len(await listed(admin, "since=2001-01-01T00:00:00Z&until=2999-01-01T00:00:00Z")) == 3


async def test_a_dead_delivery_is_retried_and_an_open_one_cancelled(admin, running, db, receiver):
    receiver.will_answer(500)
    await subscribe(db, receiver.url(), max_attempts=1)
    async with running():
        await insert(db)
        (one,) = await eventually(lambda: listed(admin, "state=dead"))
        assert (await admin.post(f"{PATH}/{one}/cancel")).status == 409
        got = await admin.post(f"{PATH}/{one}/retry")
        assert (got.status, got.json["id"]) == (200, one)
        await all_settled(db)
    assert (await admin.get(f"{PATH}/{one}")).json["state"] == "delivered"
    got = await admin.post(f"{PATH}/{one}/retry")
    assert (got.status, got.kind) == (409, "conflict")
    assert f"delivery {one} is neither open nor dead" in got.json["detail"]


async def test_a_cancelled_delivery_is_shown_as_such(admin, db, session):
    await subscribe(db, "https://example.com/hook")
    await insert(db)
    await fan_out(session)
    (one,) = await listed(admin)
    got = await admin.post(f"{PATH}/{one}/cancel")
    assert (got.json["state"], got.json["history"][0]["outcome"]) == ("cancelled", "cancelled")


async def test_history_of_a_deleted_endpoint_can_still_be_asked_for(admin, db, session):
    endpoint_id, _ = await subscribe(db, "https://example.com/hook")
    await insert(db)
    await fan_out(session)
    (one,) = await listed(admin)
    await db.execute("select webhooks.unsubscribe($1)", endpoint_id)
    assert await listed(admin, f"endpoint_id={endpoint_id}") == [one]
    assert (await admin.get(f"{PATH}/{one}")).json["state"] == "cancelled"


@pytest.mark.parametrize("delivery_id", ["0", "99", "-1", "x", str(2**63), "1e3", "%31%00"])
async def test_what_is_not_there_is_said_so(admin, delivery_id):
    for method, act in (("GET", ""), ("POST", "/retry"), ("POST", "/cancel")):
        got = await admin.ask(method, f"{PATH}/{delivery_id}{act}")
        assert (got.status, got.kind) == (404, "not-found")
