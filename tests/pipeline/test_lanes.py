"""What all lanes together know."""

from dispatcher.pipeline.lanes import Lanes
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
    lane.held_until, lane.more = 0.0, False
    lanes.touch(lane)
    assert not lanes.full
