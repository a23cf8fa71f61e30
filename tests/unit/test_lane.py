"""A lane: its window, what is in hand, its order."""

from dispatcher.model import Endpoint, Reason, State
from dispatcher.policy.lane import FOREVER
from tests.support.factories import a_delivery, an_endpoint
from tests.support.lane import a_lane, delivered, fail, fill, retrying, start_all, succeed


def test_the_window_starts_at_one():
    lane = a_lane(max_in_flight=8)
    fill(lane, 5)
    assert len(start_all(lane)) == 1


def test_the_window_doubles_with_every_fast_success_up_to_the_limit():
    lane = a_lane(max_in_flight=5)
    windows = []
    for _ in range(4):
        succeed(lane)
        windows.append(lane.window)
    assert windows == [2, 4, 5, 5]


def test_a_slow_success_does_not_open_the_window():
    lane = a_lane(max_in_flight=8)
    fill(lane, 1)
    lane.finish(delivered(lane.start(0.0), duration_ms=1500), 1.5)
    assert lane.window == 1


def test_a_receiver_that_cannot_be_reached_closes_the_window():
    lane = a_lane(max_in_flight=8)
    succeed(lane, count=3)
    assert lane.window == 8
    fail(lane, 0.0, Reason.TIMEOUT)
    assert lane.window == 1


def test_an_answer_that_is_an_error_leaves_the_window_open():
    lane = a_lane(max_in_flight=8)
    succeed(lane, count=3)
    fail(lane, 0.0, "http_500")
    assert lane.window == 8


def test_never_more_than_max_in_flight():
    lane = a_lane(max_in_flight=3)
    succeed(lane, count=5)
    fill(lane, 6)
    assert len(start_all(lane)) == 3


def test_a_lane_keeps_at_most_twice_its_limit():
    lane = a_lane(max_in_flight=3)
    kept = 0
    while lane.keeps(0.0):
        kept += 1
        lane.put(a_delivery(id=kept))
    assert kept == 6


def test_nothing_new_is_kept_while_more_is_in_the_table():
    lane = a_lane()
    lane.more = True
    assert not lane.keeps(0.0)


def test_nothing_new_is_kept_while_a_read_is_under_way():
    lane = a_lane()
    lane.reading = True
    assert not lane.keeps(0.0)


def test_a_delivery_in_hand_is_not_taken_twice():
    lane = a_lane()
    assert lane.put(a_delivery(id=1))
    assert not lane.put(a_delivery(id=1))
    lane.start(0.0)
    assert not lane.put(a_delivery(id=1)), "in flight"


def test_unsettled_is_still_in_hand():
    lane = a_lane()
    fill(lane, 1)
    settlement = delivered(lane.start(0.0))
    lane.finish(settlement, 0.0)
    assert not lane.put(a_delivery(id=1))
    lane.settled(settlement, 0.0, applied=True)
    assert lane.put(a_delivery(id=1))


def test_it_wants_more_when_half_of_its_limit_is_left():
    lane = a_lane(max_in_flight=4)
    lane.more = True
    assert lane.wants(0.0) == 8
    fill(lane, 3)
    assert lane.wants(0.0) == 0
    lane.start(0.0)
    assert lane.wants(0.0) == 5


def test_it_wants_nothing_when_nothing_is_known_to_be_there():
    assert a_lane().wants(0.0) == 0


def test_a_rate_limit_spaces_requests():
    lane = a_lane(rate_limit=4.0, max_in_flight=8)
    succeed(lane, now=-10.0, count=4)
    fill(lane, 3)
    assert len(start_all(lane, 0.0)) == 1
    assert lane.wakes_at(0.0) == 0.25
    assert len(start_all(lane, 0.25)) == 1


def test_a_paused_endpoint_sends_nothing_but_tests():
    lane = a_lane(state=State.PAUSED)
    fill(lane, 1)
    assert not lane.may_send(0.0)
    lane.put(a_delivery(id=99, test=True))
    assert lane.may_send(0.0)
    assert lane.start(0.0).id == 99


def test_ordered_sends_one_and_waits_until_its_fate_is_written():
    lane = a_lane(ordered=True, max_in_flight=8)
    first, second = fill(lane, 2)
    assert start_all(lane) == [first]
    settlement = delivered(first)
    lane.finish(settlement, 0.0)
    assert not lane.may_send(0.0), "unsettled"
    lane.settled(settlement, 0.0, applied=True)
    assert start_all(lane) == [second]


def test_ordered_nothing_passes_a_head_that_is_put_off():
    lane = a_lane(ordered=True)
    head, _ = fill(lane, 2)
    lane.start(0.0)
    settlement = retrying(head, delay_s=7.0)
    lane.finish(settlement, 0.0)
    assert not lane.queue, "given back: the head comes first again"
    assert not lane.keeps(0.0)
    assert lane.wants(0.0) == 0, "the head is in hand, and would be missed"
    lane.settled(settlement, 1.0, applied=True)
    assert not lane.keeps(7.9)
    assert lane.wants(7.9) == 0
    assert lane.wakes_at(1.0) == 8.0
    assert lane.wants(8.0) == 2


def test_what_could_not_be_applied_is_read_again():
    lane = a_lane()
    fill(lane, 1)
    settlement = retrying(lane.start(0.0))
    lane.finish(settlement, 0.0)
    lane.settled(settlement, 0.0, applied=False)
    assert lane.more
    assert lane.next_due == FOREVER


def test_a_retry_wakes_the_lane_when_it_is_due():
    lane = a_lane()
    fail(lane, 0.0)
    assert lane.wakes_at(0.0) == 5.0
    lane.wake(4.9)
    assert not lane.more
    lane.wake(5.0)
    assert lane.more


def test_pausing_gives_back_what_is_queued():
    lane = a_lane()
    fill(lane, 3)
    lane.reload(an_endpoint(state=State.PAUSED), None, None, 0.0)
    assert not lane.queue
    assert lane.more
    assert not lane.hand


def test_a_lane_with_nothing_to_remember_is_idle():
    lane = a_lane()
    assert lane.idle
    lane.unwritten = 1
    assert not lane.idle, "what the row says would be believed before ours is written"
    lane.unwritten = 0
    fill(lane, 1)
    assert not lane.idle


def test_an_endpoint_shows_no_secret():
    assert "whsec_" not in repr(Endpoint(1, "", "https://x.example/", "whsec_abc", 15, 8, 14))
