"""The life of a webhook as the products have it: made, tested, activated, edited, paused, deleted."""

import pytest

from tests.contracts.receivers import CONTEXT, HELLOMATEO, MADYIS, MANYSENDS, STANDARD, Contract, Sent
from tests.contracts.webhooks import a_secret, applied, hook, refused, send
from tests.support.eventually import eventually
from tests.support.sql import all_settled, insert, states, subscribe

# As the customers of each product have read it, one of each kind.
EXAMPLES = {
    "conversation.created": '{"id": "conv_123", "status": "open", "inbox_id": 1, "contact_id": 456}',
    "conversation.resolved": '{"id": "conv_123", "status": "resolved"}',
    "message.created": '{"id": "msg_789",  "n": 1e400}',
}


async def install(db, contract: Contract) -> None:
    await db.executemany(
        "insert into webhooks.event_types (profile, name, description, example) values ($1, $2, $2, $3)",
        [(contract.profile, name, example) for name, example in EXAMPLES.items()],
    )


async def example(db, delivery_id: int, name: str) -> Sent:
    """What a test send of that type is made of."""
    event = await db.fetchrow(
        "select e.id, e.type, e.occurred_at from webhooks.events e "
        "join webhooks.delivery_status d on d.event_id = e.id where d.delivery_id = $1",
        delivery_id,
    )
    assert event["type"] == name
    return Sent(event["id"], name, EXAMPLES[name], event["occurred_at"])


async def result(db, delivery_id: int) -> tuple[object, ...]:
    row = await db.fetchrow("select * from webhooks.delivery_status where delivery_id = $1", delivery_id)
    return row["state"], row["attempts"], row["last_status"], row["last_reason"]


async def test_a_webhook_is_made_tested_activated_edited_paused_and_deleted(running, db, receiver):
    await install(db, MANYSENDS)
    endpoint_id, secret = await subscribe(
        db, receiver.url("/first"), "{conversation.*}", profile="manysends", secret=a_secret()
    )
    assert await state(db, endpoint_id) == "inactive"
    async with running() as dispatcher:
        # Made: it hears of nothing, but a test with the example reaches it, and its result is shown.
        unheard = await insert(db, "conversation.created")
        receiver.will_answer(500, path="/first")
        failed = await ping(db, endpoint_id)
        await all_settled(db)
        assert await result(db, failed) == ("dead", 1, 500, "http_500")
        tested = await ping(db, endpoint_id)
        await all_settled(db)
        assert await result(db, tested) == ("delivered", 1, 200, None)
        tests = [await example(db, each, "conversation.created") for each in (failed, tested)]
        assert complaints(receiver.at("/first"), tests, secret) == [[], []]
        assert await states(db, unheard) == []
        # Activated: from now on it hears, of what it chose.
        await db.execute("select webhooks.activate($1)", endpoint_id)
        heard = [await send(db, "conversation.created"), await send(db, "message.created")][:1]
        await all_settled(db)
        assert complaints(receiver.at("/first")[2:], heard, secret) == [[]]
        # Edited: another address, other events.
        await db.execute("update webhooks.endpoints set url = $2 where id = $1", endpoint_id, receiver.url("/second"))
        await db.execute("update webhooks.subscriptions set pattern = 'message.*' where endpoint_id = $1", endpoint_id)
        await applied(dispatcher, db, endpoint_id)
        edited = [await send(db, "conversation.created"), await send(db, "message.created")][1:]
        await all_settled(db)
        assert complaints(receiver.at("/second"), edited, secret) == [[]]
        # Paused: what happens meanwhile waits; resumed: it arrives.
        await db.execute("select webhooks.pause($1)", endpoint_id)
        await applied(dispatcher, db, endpoint_id)
        held = await send(db, "message.created")
        await eventually(lambda: is_open(db, held))
        tested = await ping(db, endpoint_id, "conversation.resolved")
        await eventually(lambda: len(receiver.at("/second")) == 2)
        await db.execute("select webhooks.resume($1)", endpoint_id)
        await all_settled(db)
        again = [await example(db, tested, "conversation.resolved"), held]
        assert complaints(receiver.at("/second")[1:], again, secret) == [[], []]
        # Deleted: nobody hears of anything.
        await db.execute("select webhooks.unsubscribe($1)", endpoint_id)
        late = await insert(db, "message.created")
        await all_settled(db)
        assert await states(db, late) == []
    assert (len(receiver.at("/first")), len(receiver.at("/second"))) == (3, 3)


def complaints(requests, events, secret: str) -> list[list[str]]:
    return [MANYSENDS.complaints(each, event, secret) for each, event in zip(requests, events, strict=True)]


async def ping(db, endpoint_id: int, name: str = "conversation.created") -> int:
    return await db.fetchval("select webhooks.ping($1, $2)", endpoint_id, name)


async def is_open(db, sent: Sent) -> bool:
    return await states(db, sent.id) == ["pending"]


async def state(db, endpoint_id: int) -> str:
    return await db.fetchval("select state from webhooks.endpoints where id = $1", endpoint_id)


async def test_all_products_but_the_one_that_tests_first_begin_active(db):
    for contract in (MADYIS, CONTEXT, HELLOMATEO, STANDARD):
        endpoint_id, _ = await subscribe(db, "https://example.com/hook", profile=contract.profile, **contract.required)
        assert await state(db, endpoint_id) == "active"


async def test_the_status_of_what_was_last_sent_is_shown_with_each_webhook(running, db, receiver):
    fine, _ = await hook(db, HELLOMATEO, receiver.url("/fine"))
    failing, _ = await hook(db, HELLOMATEO, receiver.url("/failing"), max_attempts=1)
    receiver.always(503, path="/failing")
    async with running():
        await send(db)
        await all_settled(db)
    rows = await db.fetch("select endpoint_id, last_status, last_outcome from webhooks.endpoint_status")
    assert {tuple(row) for row in rows} == {(fine, 200, "delivered"), (failing, 503, "dead")}


@pytest.mark.parametrize("name", [None, ""])
async def test_a_name_is_required_where_the_contract_says_so(db, name):
    call = "select webhooks.subscribe('https://example.com/', profile => 'context', name => $1)"
    error = await refused(db, call, name)
    assert error.constraint_name in {"name_is_given", "name_is_1_to_200_characters"}
    endpoint_id, _ = await subscribe(db, "https://example.com/", profile="context", name="Orders")
    await refused(db, "update webhooks.endpoints set name = $2 where id = $1", endpoint_id, name)


async def test_what_signs_every_request_keeps_its_secret_and_what_signs_none_takes_none(db):
    endpoint_id, secret = await subscribe(db, "https://example.com/", profile="sydx")
    assert secret.startswith("whsec_")
    error = await refused(db, "update webhooks.endpoints set secret = null where id = $1", endpoint_id)
    assert error.constraint_name == "secret_is_given"
    await refused(
        db, "select webhooks.subscribe('https://example.com/', profile => 'context', name => 'a', secret => $1)", secret
    )


async def test_a_type_that_no_catalogue_has_is_refused_with_the_nearest_names(db):
    await install(db, MANYSENDS)
    call = "select webhooks.subscribe('https://example.com/', array[$1], profile => 'manysends')"
    for pattern, near in {
        "conversation.creatd": "conversation.created",
        "mesage.created": "message.created",
        "conversaton.*": "did you mean conversation.*, ",
    }.items():
        error = await refused(db, call, pattern)
        assert error.constraint_name == "type_is_in_catalogue"
        assert near in error.hint
    for pattern in ("*", "conversation.*", "message.created"):
        await subscribe(db, "https://example.com/", f"{{{pattern}}}", profile="manysends")
    endpoint_id = await db.fetchval("select min(id) from webhooks.endpoints")
    insertion = "insert into webhooks.subscriptions (endpoint_id, pattern) values ($1, $2)"
    error = await refused(db, insertion, endpoint_id, "message.create")
    assert "message.created" in error.hint
    error = await refused(db, "update webhooks.subscriptions set pattern = 'message.crated'")
    assert "message.created" in error.hint
    # Another product's catalogue is none of its business.
    await subscribe(db, "https://example.com/", "{conversation.creatd}", profile="standard")


async def test_a_test_of_a_type_without_an_example_is_refused_with_the_nearest_names(db):
    await install(db, MANYSENDS)
    endpoint_id, _ = await subscribe(db, "https://example.com/", profile="manysends")
    error = await refused(db, "select webhooks.ping($1, 'conversation.creatd')", endpoint_id)
    assert (error.sqlstate, error.constraint_name) == ("22023", "type_has_an_example")
    assert "conversation.created" in error.hint
    other, _ = await subscribe(db, "https://example.com/", profile="madyis")
    error = await refused(db, "select webhooks.ping($1, 'conversation.created')", other)
    assert "dispatcher profile install madyis" in error.hint
