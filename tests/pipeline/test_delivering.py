"""From INSERT to a signed request and back: promises 1 and 6."""

import asyncio
import random
from datetime import UTC, datetime, timedelta

import orjson
import pytest

from tests.support.eventually import eventually
from tests.support.postgres import connected
from tests.support.receiver import Answer
from tests.support.sql import all_settled, attempts, insert, insert_many, states, subscribe


async def test_an_inserted_event_arrives_signed_once(running, db, receiver):
    _, secret = await subscribe(db, receiver.url())
    async with running():
        event_id = await insert(db)
        await all_settled(db)
    (request,) = receiver.requests
    assert request.verified(secret)
    assert request.webhook_id == f"evt_{event_id.hex}"
    assert request.headers["content-type"] == "application/json"
    assert request.headers["user-agent"].startswith("dispatcher/")
    assert abs(int(request.headers["webhook-timestamp"]) - datetime.now(UTC).timestamp()) < 60
    assert await states(db) == ["delivered"]
    assert await attempts(db) == [(1, "delivered", None, 200)]


ODD = [
    '{"n": 123456789012345678901234567890, "f": 1e400, "z": -0.0}',
    '{"a":1,"a":2}',
    '{ "b" : 1 ,\n\t"a" : 2 }',
    '"\\u0000 \\ud800 \\/ caf\\u00e9 \u65e5\u672c \U0001f642"',
    "null",
    "[" * 500 + "]" * 500,
    '"' + "x" * 900_000 + '"',
]


@pytest.mark.parametrize("data", ODD, ids=lambda data: data[:20].replace("\n", " "))
async def test_what_is_sent_is_what_was_stored_byte_for_byte(running, db, receiver, data):
    _, secret = await subscribe(db, receiver.url())
    occurred_at = datetime(2024, 3, 5, 10, 30, tzinfo=UTC)
    async with running():
        await insert(db, "a.b", data, occurred_at=occurred_at)
        await all_settled(db)
    (request,) = receiver.requests
    assert request.body == b'{"type":"a.b","timestamp":"2024-03-05T10:30:00.000000Z","data":%b}' % data.encode()
    signed = orjson.loads(request.body) if "\\ud800" not in data and "1e400" not in data else None
    if signed is not None and "[[[" not in data:
        assert request.verified(secret)


async def test_both_secrets_sign_while_they_overlap(running, db, receiver):
    endpoint_id, old = await subscribe(db, receiver.url())
    new = await db.fetchval("select webhooks.rotate_secret($1)", endpoint_id)
    async with running():
        await insert(db)
        await all_settled(db)
        (request,) = receiver.requests
        assert request.verified(old)
        assert request.verified(new)
        await db.execute("update webhooks.endpoints set previous_secret_until = now() - interval '1 s'")
        await eventually_only_the_new_one_signs(db, receiver)
    assert receiver.requests[-1].verified(new)


async def eventually_only_the_new_one_signs(db, receiver) -> None:
    async def one_token() -> bool:
        await insert(db)
        await all_settled(db)
        return " " not in receiver.requests[-1].headers["webhook-signature"]

    await eventually(one_token)


async def test_custom_headers_and_the_api_key_go_along(running, db, receiver):
    await subscribe(db, receiver.url(), headers='{"Authorization": "Bearer abc", "X-Shop": "42"}', api_key="key-1")
    async with running():
        await insert(db)
        await all_settled(db)
    headers = receiver.requests[0].headers
    assert (headers["authorization"], headers["x-shop"], headers["x-api-key"]) == ("Bearer abc", "42", "key-1")


async def test_a_rollback_sends_nothing(running, db, receiver):
    await subscribe(db, receiver.url())
    async with running():
        transaction = db.transaction()
        await transaction.start()
        await insert(db, data='"never"')
        await transaction.rollback()
        await insert(db, data='"committed"')
        await all_settled(db)
    assert [request.body.endswith(b'"committed"}') for request in receiver.requests] == [True]


async def test_commits_out_of_order_from_several_connections_miss_nothing(running, database, db, receiver):
    await subscribe(db, receiver.url())
    rng = random.Random(7)  # noqa: S311 repeatable, not secret

    async def producer(number: int) -> None:
        async with connected(database.dsn) as connection:
            for turn in range(40):
                transaction = connection.transaction()
                await transaction.start()
                await insert(connection, data=f'"{number}-{turn}"')
                # Holding the transaction open over somebody else's commits is what makes the order differ.
                for _ in range(rng.randrange(4)):
                    await connection.execute("select pg_sleep(0.001)")
                await transaction.commit()

    async with running():
        await asyncio.gather(*(producer(number) for number in range(6)))
        await all_settled(db)
    arrived = [orjson.loads(request.body)["data"] for request in receiver.requests]
    assert sorted(arrived) == sorted(f"{number}-{turn}" for number in range(6) for turn in range(40))


async def test_an_event_inserted_before_the_start_is_sent_after_it(running, db, receiver):
    await subscribe(db, receiver.url())
    await insert_many(db, 300)
    async with running():
        await all_settled(db)
    assert len(receiver.requests) == 300


async def test_an_event_that_nobody_wants_is_recorded_as_matched_by_none(running, db, receiver):
    await subscribe(db, receiver.url(), "{invoice.*}")
    async with running():
        event_id = await insert(db, "order.paid")
        await all_settled(db)
    assert await db.fetchval("select matched from webhooks.event_status where event_id = $1", event_id) == 0
    assert not receiver.requests


@pytest.mark.parametrize(
    ("pattern", "type_", "matches"),
    [
        ("*", "order.paid", True),
        ("order.*", "order.paid", True),
        ("order.*", "order.item.added", True),
        ("order.*", "order", False),
        ("order.*", "orders.paid", False),
        ("order.paid", "order.paid", True),
        ("order.paid", "order.paid.late", False),
        ("order.item.*", "order.item.added", True),
        ("ORDER.*", "order.paid", False),
    ],
)
async def test_patterns(running, db, receiver, pattern, type_, matches):
    await subscribe(db, receiver.url(), "{" + pattern + "}")
    async with running():
        event_id = await insert(db, type_)
        await all_settled(db)
    assert await db.fetchval("select matched from webhooks.event_status where event_id = $1", event_id) == int(matches)


async def test_several_patterns_make_one_delivery(running, db, receiver):
    await subscribe(db, receiver.url(), "{*,order.*,order.paid}")
    async with running():
        await insert(db)
        await all_settled(db)
    assert len(receiver.requests) == 1


async def test_a_tenant_s_events_reach_only_its_own_endpoints(running, db, receiver):
    await subscribe(db, receiver.url("/acme"), tenant="acme")
    await subscribe(db, receiver.url("/other"), tenant="other")
    await subscribe(db, receiver.url("/none"))
    async with running():
        await insert(db, tenant="acme")
        await all_settled(db)
    assert [request.path for request in receiver.requests] == ["/acme"]


async def test_a_filter_decides_by_data(running, db, receiver):
    await subscribe(db, receiver.url(), filter='$.amount > 100 && $.currency == "EUR"')
    async with running():
        await insert(db, data='{"amount": 101, "currency": "EUR"}')
        await insert(db, data='{"amount": 99, "currency": "EUR"}')
        await insert(db, data='{"currency": "EUR"}')
        await insert(db, data="[]")
        await all_settled(db)
    assert [orjson.loads(request.body)["data"]["amount"] for request in receiver.requests] == [101]


async def test_what_fails_is_tried_again_with_the_same_id(running, db, receiver):
    receiver.will_answer(500, 503, 200)
    await subscribe(db, receiver.url())
    async with running():
        await insert(db)
        await all_settled(db)
    assert len({request.webhook_id for request in receiver.requests}) == 1
    assert await attempts(db) == [
        (1, "retrying", "http_500", 500),
        (2, "retrying", "http_503", 503),
        (3, "delivered", None, 200),
    ]


async def test_attempts_are_used_up_and_the_delivery_is_dead(running, db, receiver):
    receiver.always(Answer(500, b"out of order"))
    await subscribe(db, receiver.url(), max_attempts=3)
    async with running():
        await insert(db)
        await all_settled(db)
    assert [outcome for _, outcome, _, _ in await attempts(db)] == ["retrying", "retrying", "dead"]
    assert await states(db) == ["dead"]
    assert await db.fetchval("select reply from webhooks.attempts limit 1") == b"out of order"


async def test_a_redirect_is_an_answer_and_never_followed(running, db, receiver):
    receiver.will_answer(Answer(308, headers={"location": receiver.url("/elsewhere")}))
    await subscribe(db, receiver.url(), max_attempts=1)
    async with running():
        await insert(db)
        await all_settled(db)
    assert await attempts(db) == [(1, "dead", "redirect", 308)]
    assert [request.path for request in receiver.requests] == ["/hook"]


async def test_retry_after_is_honoured(running, db, receiver):
    receiver.will_answer(Answer(429, headers={"retry-after": "1"}))
    await subscribe(db, receiver.url())
    async with running():
        await insert(db)
        await all_settled(db)
    first, second = receiver.requests
    assert second.at - first.at >= 1.0


async def test_retry_after_as_a_date_is_honoured(running, db, receiver):
    at = datetime.now(UTC) + timedelta(seconds=3)
    receiver.will_answer(Answer(503, headers={"retry-after": at.strftime("%a, %d %b %Y %H:%M:%S GMT")}))
    await subscribe(db, receiver.url())
    async with running():
        await insert(db)
        await all_settled(db)
    first, second = receiver.requests
    assert second.at - first.at >= 1.0


async def test_gone_ends_the_delivery_disables_the_endpoint_and_cancels_the_rest(running, db, receiver):
    receiver.always(410)
    endpoint_id, _ = await subscribe(db, receiver.url())
    await insert_many(db, 30)
    async with running():
        await all_settled(db)
        row = await eventually(lambda: db.fetchrow("select * from webhooks.endpoints where state = 'disabled'"))
        assert row["state_reason"] == "gone"
    found = await attempts(db, endpoint_id)
    assert (1, "dead", "gone", 410) in found
    assert {outcome for _, outcome, _, _ in found} == {"dead", "cancelled"}
    assert len(found) == 30


async def test_an_emitted_key_is_delivered_once(running, database, db, receiver):
    await subscribe(db, receiver.url())
    async with running():
        ids = await asyncio.gather(*(emit_with_key(database) for _ in range(20)))
        await all_settled(db)
    assert len(set(ids)) == 1
    assert len(receiver.requests) == 1


async def emit_with_key(database) -> object:
    async with connected(database.dsn) as connection:
        return await connection.fetchval("select webhooks.emit('order.paid', '{}', key => 'order-42:paid')")
