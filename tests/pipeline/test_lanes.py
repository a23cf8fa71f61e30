"""What all lanes together know."""

from dispatcher.model import Outcome, Settlement
from dispatcher.pipeline.lanes import HELD_BYTES, Lanes
from dispatcher.pipeline.refill import Refill
from dispatcher.policy.breaker import Breaker
from dispatcher.policy.lane import Lane
from dispatcher.policy.pool import Pool
from tests.support.factories import a_delivery, an_endpoint


def lanes_of(**settings: object) -> tuple[Lanes, Lane]:
    lanes = Lanes(Pool(10, 10), lambda: 100.0)
    lane = Lane(an_endpoint(id=1, **settings), Breaker())
    lanes.add(lane)
    return lanes, lane


def test_what_is_offered_is_queued_until_twice_the_limit_is_in_hand_and_the_rest_is_left_in_the_table():
    lanes, lane = lanes_of(max_in_flight=2)
    for number in range(1, 7):
        lanes.offer(a_delivery(id=number, endpoint_id=1))
    assert [delivery.id for delivery in lane.queue] == [1, 2, 3, 4]
    assert lane.more
    assert lanes.full == {1}


def test_what_was_settled_while_a_read_was_under_way_is_not_taken_from_it():
    lanes, lane = lanes_of()
    sent = a_delivery(id=1, endpoint_id=1)
    lanes.offer(sent)
    read = lanes.ledger.begin()
    settlement = Settlement(lane.start(100.0), Outcome.DELIVERED)
    lane.finish(settlement, 100.0)
    lanes.settled([settlement], {1})
    assert not lanes.put(sent)
    lanes.ledger.end(read)
    assert lanes.put(sent)


def test_alarms_that_a_nearer_one_replaced_are_forgotten():
    lanes, lane = lanes_of(rate_limit=50.0)
    lane.next_due = 36_000.0
    for turn in range(10_000):
        lane.next_send, lane.more = 101.0 + turn, True
        lanes.touch(lane)
        lanes.clock = lambda now=102.0 + turn: now
        lanes.wake()
    assert len(lanes._alarms) < 200


def test_an_endpoint_with_a_locked_delivery_holds_nothing_and_reads_nothing_until_it_is_settled():
    lanes, lane = lanes_of()
    for number in (1, 2, 3):
        lanes.offer(a_delivery(id=number, endpoint_id=1))
    settlement = Settlement(lane.start(100.0), Outcome.DELIVERED)
    lane.finish(settlement, 100.0)
    lanes.lock(settlement.delivery)
    assert (lanes.held.total, len(lane.queue), dict(lanes.hungry)) == (0, 0, {})
    lanes.settled([settlement], {1})
    assert lanes.hungry == {1: None}


def test_an_endpoint_that_is_removed_leaves_no_payload_behind():
    lanes, lane = lanes_of()
    lanes.offer(a_delivery(id=1, endpoint_id=1))
    lanes.put(a_delivery(id=2, endpoint_id=1, test=True))
    settlement = Settlement(lane.start(100.0), Outcome.DELIVERED)
    lanes.remove(1)
    lane.finish(settlement, 100.0)
    assert lanes.held.total == 0


def test_an_endpoint_at_rest_is_no_burden_to_fan_out_until_something_comes_for_it():
    lanes, lane = lanes_of()
    lane.hold_off(200.0)
    lanes.touch(lane)
    assert not lanes.full
    lanes.offer(a_delivery(id=1, endpoint_id=1))
    assert lanes.full == {1}
    assert not lane.queue


def test_an_endpoint_that_keeps_new_deliveries_again_is_named_no_more():
    lanes, lane = lanes_of()
    lane.hold_off(200.0)
    lanes.offer(a_delivery(id=1, endpoint_id=1))
    lane.waits_until, lane.more = 0.0, False
    lanes.touch(lane)
    assert not lanes.full


def test_when_memory_is_short_those_with_nothing_in_hand_are_found_among_all_that_want_more():
    lanes = Lanes(Pool(10, 10), lambda: 100.0)
    for endpoint_id in range(1, 202):
        lane = Lane(an_endpoint(id=endpoint_id), Breaker())
        lanes.add(lane)
        if endpoint_id <= 200:
            lanes.offer(a_delivery(id=endpoint_id, endpoint_id=endpoint_id))
        lanes.hold(endpoint_id)
    lanes.held.total = HELD_BYTES
    assert {lane.endpoint.id: want for lane, want in Refill(None, lanes, pump=None)._wants().items()} == {201: 1}
