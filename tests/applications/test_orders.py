"""From an application's transaction to a receiver that verifies: the README's code on both sides."""

import json
from datetime import UTC, datetime
from decimal import Decimal

from standardwebhooks import Webhook

from tests.support import shop
from tests.support.bouncer import bouncing
from tests.support.factories import SECRET
from tests.support.sql import all_settled, attempts, stored, subscribe

NO_TENANT = "x" * 300
"""A customer whose name `emit` refuses."""
BROKE = Decimal(13)
"""The amount of an order that cannot be paid: its COMMIT fails."""
COMMIT_FAILS = """
create function refuse() returns trigger language plpgsql as $$ begin raise 'this order cannot be paid'; end $$;
create constraint trigger it_fails after update on orders deferrable initially deferred
  for each row when (new.amount = 13) execute function refuse();
"""


async def ordered(producer, customer: str = "acme", amount: Decimal = Decimal("99.90")) -> int:
    await producer.execute(
        "insert into customers (slug, webhooks_token) values ($1, '') on conflict do nothing", customer
    )
    statement = "insert into orders (customer_id, amount, paid) values ($1, $2, false) returning id"
    return await producer.fetchval(statement, customer, amount)


async def paid(app, producer, http) -> int:
    """The one order that is, of three: with one of them it is `emit` that fails, with another it is COMMIT."""
    await producer.execute(COMMIT_FAILS)
    one, *others = await ordered(producer), await ordered(producer, NO_TENANT), await ordered(producer, amount=BROKE)
    assert [await post(http, app.url(f"/orders/{other}/pay")) for other in others] == [500, 500]
    assert [await post(http, app.url(f"/orders/{one}/pay")) for _ in range(2)] == [200, 200]
    assert await producer.fetch("select id from orders where paid") == [(one,)]
    return one


async def post(http, url: str, given: str = "", headers: dict[str, str] | None = None) -> int:
    async with http.post(url, data=given.encode(), headers=headers) as response:
        await response.read()
        return response.status


async def received(producer) -> list[tuple[str, dict]]:
    return [(row["id"], json.loads(row["body"])) for row in await producer.fetch("select * from received")]


async def test_what_is_committed_arrives_verified_once_and_what_is_rolled_back_does_not(
    application, ours, producer, db, http
):
    async with application() as app:
        endpoint_id, _ = await subscribe(db, app.url("/hook"), tenant="acme", secret=SECRET)
        async with shop.dispatcher(ours.dsn):
            one = await paid(app, producer, http)
            await all_settled(db)
            await db.execute("select webhooks.replay($1, now() - interval '1 hour')", endpoint_id)
            await all_settled(db)
    (event,) = await db.fetch("select id, tenant from webhooks.events")
    assert await attempts(db) == [(1, "delivered", None, 204)] * 2
    ((webhook_id, body),) = await received(producer)
    assert (webhook_id, event["tenant"]) == (f"evt_{event['id'].hex}", "acme")
    assert (body["type"], int(body["data"]["order"]), body["data"]["amount"]) == ("order.paid", one, "99.90")


async def test_django_may_bind_on_the_server(in_django, producer, db, http):
    async with in_django(BINDING="server") as app:
        one = await paid(app, producer, http)
    assert await stored(db) == [("order.paid", f'{{"order": {one}, "amount": "99.90"}}')]


async def test_an_application_may_be_behind_pgbouncer_in_transaction_mode(in_node, ours, producer, db, http):
    with bouncing(ours, mode="transaction", connections=1) as pooled:
        async with in_node(DATABASE_URL=pooled.dsn_as("app_producer")) as app:
            one = await paid(app, producer, http)
    assert await stored(db) == [("order.paid", f'{{"order":"{one}","amount":"99.90"}}')]


def signed(body: str, secret: str = SECRET) -> dict[str, str]:
    now = datetime.now(UTC)
    return {
        "content-type": "application/json",
        "webhook-id": "evt_1",
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(secret).sign("evt_1", now, body),
    }


async def test_a_receiver_takes_what_is_signed_for_it_once_up_to_the_largest_event(application, producer, http):
    body, largest = '{"type":"order.paid","data":7}', json.dumps({"type": "order.paid", "data": "x" * 999_998})
    good, other = signed(body), signed(body, "whsec_" + "B" * 32)["webhook-signature"]
    forged = [{"webhook-signature": text} for text in (other, "", "v1", "v1,?", good["webhook-signature"][:-4])]
    forged += [{"webhook-id": "evt_2"}, {"webhook-timestamp": "1"}, {"webhook-timestamp": "x"}]
    async with application() as app:
        hook = app.url("/hook")
        assert [await post(http, hook, body, good | each) for each in forged] == [401] * len(forged)
        assert await post(http, hook, body + " ", good) == 401
        assert await received(producer) == []
        assert [await post(http, hook, body, good) for _ in range(2)] == [204, 204]
        assert await received(producer) == [("evt_1", json.loads(body))]
        assert await post(http, hook, largest, signed(largest)) == 204
