"""What a lane makes of failures: parked, recovered, disabled, asked to wait."""

from dispatcher.model import Outcome, Reason, Settlement, State
from dispatcher.policy.breaker import Disabled, Parked, Recovered
from dispatcher.policy.lane import Held
from tests.support.factories import a_delivery
from tests.support.lane import BREAKER, a_lane, delivered, fail, fill, retrying, start_all, succeed


def test_failures_in_a_row_park_the_endpoint_and_give_back_what_is_queued():
    held = Held()
    lane = a_lane(held)
    fill(lane, 4)
    said = fail(lane, 10.0, times=3)
    assert said == [None, None, Parked(lane.endpoint.id, 0.0, 30.0, "http_500", is_first=True)]
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


def test_a_proxy_in_the_way_is_no_failure_but_no_backlog_is_run_through_for_it():
    lane = a_lane()
    fill(lane, 4)
    assert fail(lane, 0.0, Reason.PROXY) == [None]
    assert (lane.failures, lane.more, len(lane.queue)) == (0, True, 0)
    assert lane.wants(9.9) == 0
    assert lane.wants(10.0) > 0


def test_retry_after_holds_the_whole_lane():
    lane = a_lane()
    held = lane._held
    fill(lane, 2)
    lane.finish(retrying(lane.start(0.0), "http_429"), 0.0, retry_after_s=60.0)
    assert not lane.may_send(59.9)
    assert lane.wants(59.9) == 0
    assert lane.wants(60.0) > 0
    assert held.total == 0, "what waits, waits in the table"


def test_a_success_that_was_under_way_does_not_undo_what_was_asked_since():
    lane = a_lane()
    lane.window = 2
    fill(lane, 4)
    slow, refused = start_all(lane, 0.0)
    lane.finish(retrying(refused, "http_429"), 1.0, retry_after_s=50.0)
    lane.finish(delivered(slow, duration_ms=2000), 2.0)
    assert lane.wants(50.9) == 0
    assert lane.wants(51.0) > 0


def test_a_success_after_what_was_asked_for_is_over_forgets_it():
    lane = a_lane()
    fill(lane, 3)
    lane.finish(retrying(*start_all(lane, 0.0), "http_429"), 1.0, retry_after_s=50.0)
    test = a_delivery(id=99, endpoint_id=lane.endpoint.id, test=True)
    lane.put(test)
    lane.start(2.0)
    lane.finish(delivered(test), 3.0)
    assert lane.wants(3.0) > 0


def test_a_lying_retry_after_is_bounded():
    lane = a_lane()
    fill(lane, 2)
    lane.finish(retrying(lane.start(0.0), "http_503"), 0.0, retry_after_s=86400.0)
    assert lane.blocked_until == 100.0


def test_a_test_passes_a_parked_endpoint_and_its_failure_is_not_counted():
    lane = a_lane()
    fail(lane, 0.0, times=3)
    test = a_delivery(id=99, test=True)
    lane.put(test)
    assert lane.may_send(1.0)
    lane.start(1.0)
    assert lane.finish(Settlement(test, Outcome.DEAD, "http_500"), 1.0) is None
    assert lane.failures == 3


def test_the_breaker_survives_a_restart():
    lane = a_lane()
    lane.reload(lane.endpoint, 500.0, 20.0, 0.0)
    assert not lane.may_send(19.0)
    (said,) = fail(lane, 20.0)
    assert said == Parked(lane.endpoint.id, 520.0, 60.0, "http_500", is_first=False)


def test_an_operator_who_clears_parked_until_is_obeyed():
    lane = a_lane()
    fail(lane, 0.0, times=3)
    lane.unwritten = 0
    lane.reload(lane.endpoint, None, None, 1.0)
    fill(lane, 1, first_id=77)
    assert lane.may_send(1.0)


def test_a_row_read_before_our_transition_was_written_does_not_undo_it():
    lane = a_lane()
    fail(lane, 0.0, times=3)
    assert lane.unwritten == 1
    lane.reload(lane.endpoint, None, None, 1.0)
    assert not lane.may_send(1.0)
    assert lane.wants(1.0) == 0


def test_a_huge_number_of_probes_overflows_nothing():
    assert BREAKER.park_s(10**6) == 100
