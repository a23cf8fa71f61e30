"""The ledger itself: what is wrong, it finds. Deliveries are made and settled by hand, arrivals are written down."""

import json
from itertools import count

import pytest

from dispatcher.store.session import PLANS, Login, Session
from tests.support.ledger import Ledger
from tests.support.receiver import Received, Receiver
from tests.support.stages import fan_out, settle

PATHS = ("/all", "/ordered")


@pytest.fixture
async def ledger(database, db):
    """Ten events, two of them rolled back, each delivered once to two endpoints."""
    receiver, clock = Receiver(), count()
    receiver.port = 8000
    ledger = Ledger(database.dsn, receiver)
    await ledger.watch(db, "/all", max_in_flight=2)
    await ledger.watch(db, "/ordered", ordered=True)
    for _ in range(10):
        await ledger.insert(db)
    session = Session(Login(database.dsn, settings=PLANS), "test")
    await fan_out(session)
    for row in await db.fetch("select id from webhooks.deliveries"):
        assert await settle(session, row["id"], "delivered")
    await session.close()
    for row in await db.fetch("select id, type, data::text::int as number from webhooks.events order by number"):
        body = json.dumps({"type": row["type"], "data": row["number"]}).encode()
        for path in PATHS:
            receiver.requests.append(Received(path, {"webhook-id": f"evt_{row['id'].hex}"}, (), body, next(clock)))
    receiver.most_at_once.update({"/all": 2, "/ordered": 1})
    return ledger


def lost(ledger):
    ledger.receiver.requests.pop()


def twice(ledger):
    ledger.receiver.requests.append(ledger.receiver.requests[-1])


def out_of_order(ledger):
    ledger.receiver.requests.reverse()


def crowded(ledger):
    ledger.receiver.most_at_once["/all"] = 3


def two_of_the_ordered_at_once(ledger):
    ledger.receiver.most_at_once["/ordered"] = 2


def rolled_back_but_there(ledger):
    number = min(ledger.committed)
    ledger.committed.remove(number)
    ledger.rolled_back.add(number)


def committed_but_gone(ledger):
    ledger.committed.add(4711)


def from_nowhere(ledger):
    body = json.dumps({"type": "order.paid", "data": 5}).encode()
    ledger.receiver.requests.append(Received("/all", {"webhook-id": "evt_0"}, (), body, 99.0))


WRONG = {
    lost: "9 never arrived at /ordered",
    twice: "1 requests too many, 0 would be allowed",
    out_of_order: "8 arrived at /ordered after a later one",
    crowded: "3 requests at once at /all, which may have 2",
    two_of_the_ordered_at_once: "2 requests at once at /ordered, which may have 1",
    rolled_back_but_there: "1 was rolled back and is there",
    committed_but_gone: "4711 was committed and is not there",
    from_nowhere: "5 arrived at /all unduly",
}


async def test_all_is_well(ledger, db):
    await ledger.judge(db)


@pytest.mark.parametrize("deed", WRONG, ids=lambda deed: deed.__name__)
async def test_what_is_wrong_is_found(ledger, db, deed):
    deed(ledger)
    with pytest.raises(AssertionError, match=WRONG[deed]):
        await ledger.judge(db)


async def test_a_delivery_without_its_one_ending_is_found(ledger, db):
    await db.execute(
        "delete from webhooks.attempts where event_id = (select min(event_id::text)::uuid from webhooks.attempts)"
    )
    with pytest.raises(AssertionError, match="has at /all the attempts None"):
        await ledger.judge(db)


async def test_what_came_twice_within_reason_is_allowed(ledger, db):
    twice(ledger)
    await ledger.judge(db, duplicates=1)


async def test_what_was_never_answered_may_be_there_or_not(ledger, db):
    for number in (min(ledger.committed), 4711):
        ledger.committed.discard(number)
        ledger.maybe.add(number)
    await ledger.judge(db)
