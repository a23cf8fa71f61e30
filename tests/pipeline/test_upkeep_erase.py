"""What was erased while a dispatcher had it in hand is not sent later on."""

from dispatcher.policy.breaker import Breaker
from dispatcher.policy.lane import Lane
from tests.support.eventually import eventually
from tests.support.factories import a_delivery, an_endpoint
from tests.support.sql import attempts, insert, insert_many, states, subscribe


async def test_what_waited_in_a_lane_is_not_sent_once_it_is_erased(running, db, receiver):
    endpoint_id, _ = await subscribe(db, receiver.url(), tenant="acme", max_in_flight=4)
    receiver.hang()
    async with running() as dispatcher:
        await insert_many(db, 12, tenant="acme")
        lane = await eventually(lambda: dispatcher._stages.lanes.get(endpoint_id))
        await eventually(lambda: receiver.in_flight() and lane.queue)
        assert await db.fetchval("select webhooks.erase('acme', clock_timestamp())") == 12
        await eventually(lambda: not lane.queue)
        seen = len(receiver.requests) + receiver.in_flight()
        receiver.always(200)
        receiver.let_go()
        await insert(db, data='"after"', tenant="acme")
        await eventually(lambda: [request for request in receiver.requests if b"after" in request.body])
    assert len(receiver.requests) <= seen + 1
    assert await states(db) == ["cancelled"] * 12 + ["delivered"]
    assert {row for row in await attempts(db) if row[1] == "cancelled"} == {(None, "cancelled", "cancelled", None)}


def test_a_lane_that_is_told_of_a_change_reads_what_waits_anew():
    lane = Lane(an_endpoint(), Breaker())
    lane.put(a_delivery(id=1))
    lane.put(a_delivery(id=2, test=True))
    lane.reload(lane.endpoint, None, None, 0.0)
    assert (len(lane.queue), len(lane.tests), lane.hand) == (0, 0, set())
    assert lane.wants(0.0)


def test_what_is_being_read_while_it_is_changed_is_read_again():
    lane = Lane(an_endpoint(), Breaker())
    lane.reload(lane.endpoint, None, None, 0.0)
    assert not lane.outdated
    lane.reading = True
    lane.reload(lane.endpoint, None, None, 0.0)
    assert lane.outdated
