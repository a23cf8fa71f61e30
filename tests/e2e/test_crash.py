"""Killed in the middle, nothing is lost, and what comes twice is bounded: promises 1 and 2."""

from collections import Counter

import pytest

from tests.support.daemon import daemon
from tests.support.eventually import eventually
from tests.support.receiver import Answer
from tests.support.sql import all_settled, insert_many, subscribe

IN_FLIGHT, UNSETTLED = 16, 32


@pytest.mark.parametrize("after", [1, 150, 400])
async def test_kill_9_loses_nothing_and_repeats_at_most_what_was_in_flight_or_unsettled(database, db, receiver, after):
    receiver.always(Answer(delay_s=0.005))
    for number in range(4):
        await subscribe(db, receiver.url(), max_in_flight=4, name=f"endpoint {number}")
    settings = {"dispatch__max_in_flight": IN_FLIGHT, "dispatch__max_unsettled": UNSETTLED}
    async with daemon(database.dsn, **settings) as first:
        await insert_many(db, 200)
        await eventually(lambda: len(receiver.requests) >= after)
        first.kill()
        await first.ends()
    async with daemon(database.dsn, **settings):
        await all_settled(db)
    seen = Counter(request.webhook_id for request in receiver.requests)
    assert len(seen) == 200
    assert all(count >= 4 for count in seen.values()), "each endpoint got it"
    assert sum(seen.values()) - 800 <= IN_FLIGHT + UNSETTLED
    assert await db.fetchval("select count(*) from webhooks.attempts where outcome = 'delivered'") == 800


async def test_kill_9_spends_no_attempt(database, db, receiver):
    receiver.hang()
    await subscribe(db, receiver.url())
    async with daemon(database.dsn) as first:
        await insert_many(db, 1)
        await eventually(lambda: receiver.in_flight() == 1)
        first.kill()
        await first.ends()
    receiver.let_go()
    async with daemon(database.dsn):
        await all_settled(db)
    assert await db.fetch("select attempt, outcome from webhooks.attempts") == [(1, "delivered")]
