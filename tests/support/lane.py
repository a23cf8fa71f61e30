"""A lane, and what happens to it."""

from dispatcher.model import Delivery, Outcome, Settlement
from dispatcher.policy.breaker import Breaker
from dispatcher.policy.lane import Held, Lane
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
