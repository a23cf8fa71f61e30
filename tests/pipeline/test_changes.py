"""What is changed with SQL applies within a second, and a test send reaches only its endpoint."""

import json

import pytest

from dispatcher.errors import DatabaseAway
from dispatcher.pipeline import discover
from dispatcher.store.session import Session
from tests.support.eventually import eventually
from tests.support.sql import all_settled, attempts, endpoint, insert, insert_many, states, subscribe


async def opened(db, endpoint_id: int) -> int:
    return await db.fetchval("select count(*) from webhooks.deliveries where endpoint_id = $1", endpoint_id)


async def test_a_new_subscription_gets_the_next_event(running, db, receiver):
    async with running(dispatch__poll_s=3600):
        await subscribe(db, receiver.url())
        await insert(db)
        await eventually(lambda: receiver.requests, within=1)
        await all_settled(db)


async def test_an_edited_url_applies_to_open_deliveries(running, db, receiver):
    receiver.always(500, path="/old")
    endpoint_id, _ = await subscribe(db, receiver.url("/old"))
    async with running(endpoint__backoff_base_s=0.3, dispatch__poll_s=3600):
        await insert(db)
        await eventually(lambda: receiver.at("/old"))
        await db.execute("update webhooks.endpoints set url = $2 where id = $1", endpoint_id, receiver.url("/new"))
        await eventually(lambda: receiver.at("/new"), within=3)
        await all_settled(db)


async def test_a_paused_endpoint_holds_its_events_and_resume_sends_them(running, db, receiver):
    endpoint_id, _ = await subscribe(db, receiver.url())
    async with running(dispatch__poll_s=3600):
        await db.execute("select webhooks.pause($1)", endpoint_id)
        await insert_many(db, 5)
        await eventually(lambda: opened(db, endpoint_id))
        await subscribe(db, receiver.url("/other"))
        await insert(db)
        await eventually(lambda: receiver.at("/other"))
        assert not receiver.at("/hook")
        await db.execute("select webhooks.resume($1)", endpoint_id)
        await eventually(lambda: len(receiver.at("/hook")) == 6, within=1)
        await all_settled(db)


async def test_retry_of_a_dead_delivery_sends_it_again_under_the_same_id(running, db, receiver):
    receiver.will_answer(500)
    await subscribe(db, receiver.url(), max_attempts=1)
    async with running(dispatch__poll_s=3600):
        event_id = await insert(db)
        await eventually(lambda: _is(db, event_id, ["dead"]))
        delivery_id = await db.fetchval("select delivery_id from webhooks.delivery_status")
        assert await db.fetchval("select webhooks.retry($1)", delivery_id) is True
        await eventually(lambda: len(receiver.requests) == 2, within=1)
        await all_settled(db)
    assert await states(db, event_id) == ["delivered"]
    assert await db.fetchval("select delivery_id from webhooks.delivery_status") == delivery_id


async def _is(db, event_id, wanted) -> bool:
    found = await states(db, event_id)
    assert found == wanted
    return True


async def test_retry_of_a_waiting_delivery_sends_it_now(running, db, receiver):
    receiver.will_answer(500)
    await subscribe(db, receiver.url())
    async with running(endpoint__backoff_base_s=3600, dispatch__poll_s=3600):
        await insert(db)
        await eventually(lambda: attempts(db))
        await db.execute("select webhooks.retry(id) from webhooks.deliveries")
        await eventually(lambda: len(receiver.requests) == 2, within=1)
        await all_settled(db)


async def test_replay_makes_new_deliveries_of_stored_events(running, db, receiver):
    endpoint_id, _ = await subscribe(db, receiver.url())
    async with running(dispatch__poll_s=3600):
        await insert_many(db, 3)
        await all_settled(db)
        again = await db.fetchval("select webhooks.replay($1, since => now() - interval '1 hour')", endpoint_id)
        assert again == 3
        await eventually(lambda: len(receiver.requests) == 6, within=1)
        await all_settled(db)
    assert len({request.webhook_id for request in receiver.requests}) == 3


@pytest.mark.parametrize("state", ["active", "paused", "inactive", "disabled"])
async def test_a_test_send_goes_out_in_any_state_and_reaches_only_its_endpoint(running, db, receiver, state):
    endpoint_id, secret = await subscribe(db, receiver.url())
    await subscribe(db, receiver.url("/other"))
    await db.execute("update webhooks.endpoints set state = $2 where id = $1", endpoint_id, state)
    async with running(dispatch__poll_s=3600):
        delivery_id = await db.fetchval("select webhooks.ping($1)", endpoint_id)
        await eventually(lambda: receiver.requests, within=1)
        await all_settled(db)
    (request,) = receiver.requests
    assert request.path == "/hook"
    assert request.verified(secret)
    assert b'"type":"webhook.ping"' in request.body
    row = await db.fetchrow("select * from webhooks.delivery_status where delivery_id = $1", delivery_id)
    assert (row["state"], row["attempts"], row["last_status"]) == ("delivered", 1, 200)


async def test_a_test_send_is_tried_once(running, db, receiver):
    receiver.always(500)
    endpoint_id, _ = await subscribe(db, receiver.url())
    async with running():
        await db.execute("select webhooks.ping($1)", endpoint_id)
        await all_settled(db)
    assert await attempts(db) == [(1, "dead", "http_500", 500)]


async def test_a_test_send_passes_a_parked_endpoint(running, db, receiver):
    receiver.always(500)
    endpoint_id, _ = await subscribe(db, receiver.url())
    async with running(breaker__park_after=1, breaker__park_base_s=3600):
        await insert(db)
        await eventually(lambda: db.fetchrow("select * from webhooks.endpoints where parked_until is not null"))
        receiver.always(200)
        await db.execute("select webhooks.ping($1)", endpoint_id)
        await eventually(lambda: b"webhook.ping" in receiver.requests[-1].body, within=1)
        await eventually(lambda: _unparked(db, endpoint_id))
        await all_settled(db)


async def _unparked(db, endpoint_id) -> bool:
    return (await endpoint(db, endpoint_id))["parked_until"] is None


async def test_unsubscribe_cancels_what_is_open(running, db, receiver):
    receiver.always(500)
    endpoint_id, _ = await subscribe(db, receiver.url())
    async with running(endpoint__backoff_base_s=3600):
        event_id = await insert(db)
        await eventually(lambda: attempts(db))
        await db.execute("select webhooks.unsubscribe($1)", endpoint_id)
        assert await states(db, event_id) == ["cancelled"]


async def test_a_disabled_endpoint_matches_nothing_until_it_is_activated(running, db, receiver):
    endpoint_id, _ = await subscribe(db, receiver.url())
    await db.execute("update webhooks.endpoints set state = 'disabled'")
    async with running():
        event_id = await insert(db)
        await all_settled(db)
        assert await states(db, event_id) == []
        await db.execute("select webhooks.activate($1)", endpoint_id)
        await insert(db)
        await eventually(lambda: receiver.requests)
        await all_settled(db)


async def test_an_operator_who_clears_parked_until_is_obeyed_at_once(running, db, receiver):
    receiver.will_answer(500)
    await subscribe(db, receiver.url())
    async with running(breaker__park_after=1, breaker__park_base_s=3600):
        await insert(db)
        await eventually(lambda: db.fetchrow("select * from webhooks.endpoints where parked_until is not null"))
        await db.execute("update webhooks.endpoints set parked_until = null, failing_since = null")
        await all_settled(db)
    assert len(receiver.requests) == 2


async def test_a_test_send_reaches_an_endpoint_that_said_it_was_gone(running, db, receiver):
    receiver.will_answer(410)
    endpoint_id, _ = await subscribe(db, receiver.url())
    async with running():
        await insert(db)
        await eventually(lambda: db.fetchval("select state = 'disabled' from webhooks.endpoints"))
        await db.execute("select webhooks.ping($1)", endpoint_id)
        await eventually(lambda: len(receiver.requests) == 2)
        await all_settled(db)
    assert (1, "delivered", None, 200) in await attempts(db)


async def test_what_was_made_without_a_word_is_found_within_seconds(running, db, receiver):
    endpoint_id, _ = await subscribe(db, receiver.url())
    async with running():
        event_id = await insert(db)
        await eventually(lambda: receiver.requests)
        await db.execute(
            "insert into webhooks.deliveries (event_id, endpoint_id) values ($1, $2)", event_id, endpoint_id
        )
        await eventually(lambda: len(receiver.requests) == 2)


async def test_what_a_fan_out_made_whose_answer_was_lost_is_looked_for_at_once(running, db, receiver, monkeypatch):
    monkeypatch.setattr(discover, "EVERY_S", 3600.0)
    fetch, lose = Session.fetch, []

    async def losing(self, name, *args):
        rows = await fetch(self, name, *args)
        if name == "fan_out" and rows[0]["taken"] and lose:
            lose.clear()
            self.drop()
            raise DatabaseAway("the answer was lost")
        return rows

    monkeypatch.setattr(Session, "fetch", losing)
    await subscribe(db, receiver.url())
    async with running():
        await insert(db)
        await eventually(lambda: receiver.requests)
        lose.append(True)
        await insert(db)
        await eventually(lambda: len(receiver.requests) == 2)


@pytest.mark.parametrize("ordered", [False, True])
async def test_what_is_cancelled_while_it_is_queued_is_not_sent(running, db, receiver, ordered):
    receiver.hang()
    endpoint_id, _ = await subscribe(db, receiver.url(), max_in_flight=1, ordered=ordered)
    async with running(dispatch__poll_s=3600) as dispatcher:
        for number in (1, 2, 3):
            await insert(db, "order.paid", str(number))
        await eventually(lambda: opened_is(db, endpoint_id, 3))
        await eventually(receiver.in_flight)
        _, second, _ = await db.fetch("select id from webhooks.deliveries order by id")
        # Ordered lanes read one ahead of the other only when there is nothing in hand.
        queued = [] if ordered else [second["id"]]
        await eventually(lambda: set(queued) <= hand(dispatcher, endpoint_id))
        assert await db.fetchval("select webhooks.cancel($1)", second["id"])
        await eventually(lambda: second["id"] not in hand(dispatcher, endpoint_id))
        receiver.let_go()
        await all_settled(db)
    assert [json.loads(request.body)["data"] for request in receiver.requests] == [1, 3]
    assert sorted(each[1] for each in await attempts(db)) == ["cancelled", "delivered", "delivered"]


async def opened_is(db, endpoint_id: int, number: int) -> bool:
    return await opened(db, endpoint_id) == number


def hand(dispatcher, endpoint_id: int) -> set[int]:
    lane = dispatcher._stages.lanes.get(endpoint_id)
    return set(lane.hand) if lane else set()


async def test_a_test_that_is_cancelled_while_it_is_queued_is_not_sent(running, db, receiver):
    receiver.hang()
    endpoint_id, _ = await subscribe(db, receiver.url(), max_in_flight=1)
    async with running(dispatch__poll_s=3600) as dispatcher:
        await insert(db)
        await eventually(receiver.in_flight)
        delivery_id = await db.fetchval("select webhooks.ping($1)", endpoint_id)
        await eventually(lambda: delivery_id in hand(dispatcher, endpoint_id))
        assert await db.fetchval("select webhooks.cancel($1)", delivery_id)
        await eventually(lambda: delivery_id not in hand(dispatcher, endpoint_id))
        receiver.let_go()
        await all_settled(db)
    assert len(receiver.requests) == 1
