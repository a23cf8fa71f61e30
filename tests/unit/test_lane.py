from dispatcher.model import Delivery, Endpoint, Outcome, Reason, Settlement, State
from dispatcher.policy.breaker import Breaker, Disabled, Parked, Recovered
from dispatcher.policy.lane import FOREVER, Held, Lane
from tests.support.factories import a_delivery, an_endpoint

BREAKER = Breaker(park_after=3, park_base_s=30, park_cap_s=100, disable_after_s=1000)


def a_lane(held: Held | None = None, **endpoint: object) -> Lane:
    return Lane(an_endpoint(**endpoint), BREAKER, held)


def delivered(delivery: Delivery, duration_ms: int = 10) -> Settlement:
    return Settlement(delivery, Outcome.DELIVERED, status=200, duration_ms=duration_ms)


def retrying(delivery: Delivery, reason: str = "http_500", delay_s: float = 5.0) -> Settlement:
    return Settlement(delivery, Outcome.RETRYING, reason, delay_s=delay_s)


def fill(lane: Lane, count: int, first_id: int = 1) -> list[Delivery]:
    deliveries = [a_delivery(id=first_id + n, endpoint_id=lane.endpoint.id) for n in range(count)]
    for delivery in deliveries:
        assert lane.put(delivery)
    return deliveries


def start_all(lane: Lane, now: float = 0.0) -> list[Delivery]:
    started = []
    while lane.may_send(now):
        started.append(lane.start(now))
    return started


def succeed(lane: Lane, now: float = 0.0, count: int = 1) -> None:
    for n in range(count):
        fill(lane, 1, first_id=1000 + n)
        settlement = delivered(lane.start(now))
        lane.finish(settlement, now)
        lane.settled(settlement, now, applied=True)


def fail(lane: Lane, now: float, reason: str = "http_500", times: int = 1) -> list[object]:
    said = []
    for n in range(times):
        fill(lane, 1, first_id=2000 + n)
        lane.queue.rotate(1)
        settlement = retrying(lane.start(now), reason)
        said.append(lane.finish(settlement, now))
        lane.settled(settlement, now, applied=True)
    return said


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


def test_failures_in_a_row_park_the_endpoint_and_give_back_what_is_queued():
    held = Held()
    lane = a_lane(held)
    fill(lane, 4)
    said = fail(lane, 10.0, times=3)
    assert said == [None, None, Parked(lane.endpoint.id, 0.0, 30.0)]
    assert not lane.queue
    assert held.total == 0
    assert lane.more
    assert not lane.may_send(39.9)
    assert lane.wants(39.9) == 0
    assert lane.wakes_at(10.0) == 15.0  # a retry falls due; it is looked at then, and still parked
    assert lane.wants(40.0) > 0


def test_one_success_forgets_the_failures():
    lane = a_lane()
    fail(lane, 0.0, times=2)
    succeed(lane)
    assert fail(lane, 0.0, times=2) == [None, None]


def test_each_failed_probe_doubles_the_wait_up_to_its_cap():
    lane = a_lane()
    fail(lane, 0.0, times=3)
    waits = []
    for _ in range(3):
        now = lane.parked_until
        (said,) = fail(lane, now)
        waits.append(said.parked_s)
    assert waits == [60.0, 100.0, 100.0]


def test_those_in_flight_together_park_the_endpoint_once():
    lane = a_lane(max_in_flight=8)
    succeed(lane, count=3)
    fill(lane, 6)
    said = [lane.finish(retrying(delivery), 0.0) for delivery in start_all(lane)]
    assert [type(each).__name__ for each in said] == ["NoneType", "NoneType", "Parked", *["NoneType"] * 3]


def test_a_successful_probe_recovers_the_endpoint_and_says_so():
    lane = a_lane()
    fail(lane, 0.0, times=3)
    fill(lane, 1, first_id=50)
    now = lane.parked_until
    assert lane.finish(delivered(lane.start(now)), now) == Recovered(lane.endpoint.id)
    assert lane.blocked_until < now


def test_unbroken_failure_for_long_disables_the_endpoint():
    lane = a_lane()
    fail(lane, 0.0, times=3)
    (said,) = fail(lane, 1000.0)
    assert said == Disabled(lane.endpoint.id, "failing")
    assert lane.endpoint.state is State.DISABLED
    fill(lane, 1, first_id=9)
    assert not lane.may_send(9999.0)


def test_gone_disables_at_once():
    lane = a_lane()
    fill(lane, 2)
    said = lane.finish(Settlement(lane.start(0.0), Outcome.DEAD, Reason.GONE, status=410), 0.0)
    assert said == Disabled(lane.endpoint.id, "gone")
    assert not lane.queue


def test_our_own_faults_say_nothing_about_the_endpoint():
    lane = a_lane()
    assert fail(lane, 0.0, Reason.INTERNAL, times=10) == [None] * 10
    assert lane.failures == 0


def test_retry_after_holds_the_whole_lane():
    lane = a_lane()
    fill(lane, 2)
    lane.finish(retrying(lane.start(0.0), "http_429"), 0.0, retry_after_s=60.0)
    assert not lane.may_send(59.9)
    assert lane.may_send(60.0)


def test_a_lying_retry_after_is_bounded():
    lane = a_lane()
    fill(lane, 2)
    lane.finish(retrying(lane.start(0.0), "http_503"), 0.0, retry_after_s=86400.0)
    assert lane.blocked_until == 100.0


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


def test_a_test_passes_a_parked_endpoint_and_its_failure_is_not_counted():
    lane = a_lane()
    fail(lane, 0.0, times=3)
    test = a_delivery(id=99, test=True)
    lane.put(test)
    assert lane.may_send(1.0)
    lane.start(1.0)
    assert lane.finish(Settlement(test, Outcome.DEAD, "http_500"), 1.0) is None
    assert lane.failures == 3


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


def test_the_breaker_survives_a_restart():
    lane = a_lane()
    lane.reload(lane.endpoint, 500.0, 20.0, 0.0)
    assert not lane.may_send(19.0)
    (said,) = fail(lane, 20.0)
    assert said == Parked(lane.endpoint.id, 520.0, 60.0)


def test_an_operator_who_clears_parked_until_is_obeyed():
    lane = a_lane()
    fail(lane, 0.0, times=3)
    lane.unwritten = 0
    fill(lane, 1, first_id=77)
    lane.reload(lane.endpoint, None, None, 1.0)
    assert lane.may_send(1.0)


def test_a_row_read_before_our_transition_was_written_does_not_undo_it():
    lane = a_lane()
    fail(lane, 0.0, times=3)
    assert lane.unwritten == 1
    lane.reload(lane.endpoint, None, None, 1.0)
    assert not lane.may_send(1.0)
    assert lane.wants(1.0) == 0


def test_a_lane_with_nothing_to_remember_is_idle():
    lane = a_lane()
    assert lane.idle
    fill(lane, 1)
    assert not lane.idle


def test_a_huge_number_of_probes_overflows_nothing():
    assert BREAKER.park_s(10**6) == 100


def test_an_endpoint_shows_no_secret():
    assert "whsec_" not in repr(Endpoint(1, "", "https://x.example/", "whsec_abc", 15, 8, 14))
