"""One endpoint's lane: what is queued and in flight, its window, its limits, its breaker.

All instants are seconds on the caller's monotonic clock. Nothing here is a row: what has to survive a restart leaves as
a `Transition`, for somebody else to write.
"""

from collections import deque
from dataclasses import dataclass, replace
from datetime import datetime

from dispatcher.model import OUR_FAULTS, Delivery, Endpoint, Outcome, Reason, Settlement, State
from dispatcher.policy.breaker import PROXY_S, Breaker, Disabled, Parked, Recovered, Transition
from dispatcher.policy.recipient import Recipient

FAST_S, NEVER, FOREVER = 1.0, float("-inf"), float("inf")

UNREACHABLE = frozenset(
    {Reason.TIMEOUT, Reason.CONNECT, Reason.RESET, Reason.DNS, Reason.TLS, Reason.PROTOCOL, Reason.BLOCKED_ADDRESS}
)
"""Failures that close the window: the receiver did not answer, so it must not cost more than one slot."""


@dataclass(slots=True)
class Held:
    """Payload bytes in all lanes together, queued and in flight."""

    total: int = 0


class Lane:
    """See the module. `hand` holds every delivery id that is queued, in flight or unsettled here."""

    def __init__(self, endpoint: Endpoint, breaker: Breaker, held: Held | None = None) -> None:
        self.endpoint = endpoint
        self.recipient: Recipient | None = None
        self.breaker = breaker
        self._held = held or Held()
        self.queue: deque[Delivery] = deque()
        self.tests: deque[Delivery] = deque()
        self.hand: set[int] = set()
        self.in_flight = 0
        self.unsettled = 0
        self.window = 1
        self.more = False
        self.reading = False
        self.outdated = False
        self.low: datetime | None = None
        self.low_until = NEVER
        self.next_due = FOREVER
        self.failures = 0
        self.parks = 0
        self.failing_since = FOREVER
        self.parked_until = NEVER
        self.asked_at = NEVER
        self.asked_until = NEVER
        self.waits_until = NEVER
        self.locked: set[int] = set()
        self.next_send = NEVER
        self.unwritten = 0
        self.doubted = False
        self.used_at = NEVER

    def __repr__(self) -> str:
        return (
            f"<Lane {self.endpoint.id} {self.endpoint.state} {self.in_flight}/{self.window} in flight, "
            f"{len(self.queue)} queued{', more' if self.more else ''}>"
        )

    @property
    def limit(self) -> int:
        return 1 if self.endpoint.ordered else self.endpoint.max_in_flight

    @property
    def blocked_until(self) -> float:
        """Until when nothing but a test goes out: parked, asked to wait by the receiver, or waiting for its own."""
        return max(self.parked_until, self.asked_until, self.waits_until)

    @property
    def idle(self) -> bool:
        """Whether forgetting the lane would lose nothing but its window."""
        remembers = self.hand or self.more or self.reading or self.failures or self.unwritten
        return not remembers and self.next_due == FOREVER

    def _one_by_one(self) -> bool:
        # The next one may go only when the last one's fate is written: else a crash would re-send them out of order.
        return self.endpoint.ordered and self.unsettled > 0

    def may_send(self, now: float) -> bool:
        if self.in_flight >= self.limit or self.doubted or self._one_by_one():
            return False
        if self.tests:
            return True
        return bool(
            self.queue
            and not self.locked
            and self.in_flight < self.window
            and self.endpoint.state is State.ACTIVE
            and now >= self.blocked_until
            and now >= self.next_send
        )

    def keeps(self, now: float) -> bool:
        """Whether a new delivery may be queued here: not behind others that are still in the table."""
        return (
            self.endpoint.state is State.ACTIVE
            and not self.more
            and not self.reading
            and not self.locked
            and now >= self.blocked_until
            and len(self.hand) < 2 * self.limit
        )

    def wants(self, now: float) -> int:
        """How many deliveries to read from the table: none while half of what a lane holds is still queued."""
        if not self.more or self.reading or self.endpoint.state is not State.ACTIVE or now < self.blocked_until:
            return 0
        if self.locked or (self.endpoint.ordered and self.hand):
            return 0  # a head that is put off must be the first to be read again
        return 0 if 2 * len(self.queue) > self.limit else max(2 * self.limit - len(self.hand), 0)

    def wakes_at(self, now: float) -> float:
        """The next instant at which time alone may change what this lane can do."""
        waits = [self.next_due]
        if self.queue or self.more:
            waits += [self.blocked_until, self.next_send]
        return min((at for at in waits if at > now), default=FOREVER)

    def expect(self, at: float, now: float) -> None:
        """Somebody saw that the earliest open delivery in the table is due then."""
        if at <= now:
            self.more = True
        else:
            self.next_due = min(self.next_due, at)

    def wake(self, now: float) -> None:
        if self.next_due <= now:
            self.next_due = FOREVER
            self.more = True

    def put(self, delivery: Delivery) -> bool:
        """Queue it, unless it is in hand already."""
        if delivery.id in self.hand:
            return False
        self.hand.add(delivery.id)
        self._held.total += delivery.event.size
        (self.tests if delivery.test else self.queue).append(delivery)
        return True

    def start(self, now: float) -> Delivery:
        """The next one to send; `may_send` was true."""
        self.in_flight += 1
        self.used_at = now
        if not self.tests and self.endpoint.rate_limit:
            self.next_send = max(now, self.next_send) + 1 / self.endpoint.rate_limit
        return (self.tests or self.queue).popleft()

    def release(self) -> None:
        """Give back what is queued: it stays in the table, and is read again when it can go."""
        self._give_back(self.queue)

    def release_all(self) -> None:
        """Tests, too."""
        self._give_back(self.queue)
        self._give_back(self.tests)

    def _give_back(self, queue: deque[Delivery]) -> None:
        released = list(queue)
        queue.clear()
        self.hand.difference_update(delivery.id for delivery in released)
        self._held.total -= sum(delivery.event.size for delivery in released)
        if released:
            self.more, self.low, self.outdated = True, None, self.outdated or self.reading

    def finish(self, settlement: Settlement, now: float, retry_after_s: float | None = None) -> Transition | None:
        """A request ended; what that says about the endpoint, to be written by `unwritten` being counted down again."""
        self.in_flight -= 1
        self._held.total -= settlement.delivery.event.size
        self.unsettled += 1
        transition = self._judge(settlement, now, retry_after_s)
        self.unwritten += transition is not None
        if self.endpoint.ordered and settlement.outcome is Outcome.RETRYING:
            self.release()
            self.more = True
        return transition

    def _judge(self, settlement: Settlement, now: float, retry_after_s: float | None) -> Transition | None:
        if settlement.outcome is Outcome.DELIVERED:
            return self._succeed(now, settlement.duration_ms / 1000)
        if settlement.reason in {Reason.GONE, Reason.INVALID_URL}:
            return self._stop(settlement.reason)
        if settlement.reason == Reason.PROXY:
            self.hold_off(now + PROXY_S)  # the next one would meet it, too: no backlog is run through for that
        if settlement.delivery.test or settlement.reason in OUR_FAULTS or not settlement.requested:
            return None
        return self._fail(settlement.reason, now, retry_after_s)

    def _succeed(self, now: float, took_s: float) -> Transition | None:
        known = self.parks > 0
        self.failures = self.parks = 0
        self.failing_since, self.parked_until = FOREVER, NEVER
        if now - took_s > self.asked_at:
            self.asked_until = NEVER  # One that was under way already says nothing against what was asked since.
        if took_s < FAST_S:
            self.window = min(self.window * 2, self.limit)
        return Recovered(self.endpoint.id) if known else None

    def _fail(self, reason: str | None, now: float, retry_after_s: float | None) -> Transition | None:
        self.failures += 1
        self.failing_since = min(self.failing_since, now)
        if reason in UNREACHABLE or retry_after_s:
            self.window = 1
        if retry_after_s:
            self.asked_at = now
            self.asked_until = max(self.asked_until, now + min(retry_after_s, self.breaker.park_cap_s))
            self.release()  # What waits, waits in the table: memory is for what is about to be sent.
        if self.failures < self.breaker.park_after or now < self.parked_until:
            return None
        if now - self.failing_since >= self.breaker.disable_after_s:
            return self._stop("failing")
        # Those that were in flight together fail together: they park the endpoint once.
        parked_s, is_first = self.breaker.park_s(self.parks), self.parks == 0
        self.parks += 1
        self.window = 1
        self.parked_until = now + parked_s
        self.release()
        return Parked(self.endpoint.id, now - self.failing_since, parked_s, str(reason), is_first)

    def stop(self, reason: str) -> Transition | None:
        """Disable the endpoint ourselves, for a setting that allows no request; like `finish`, to be written."""
        transition = self._stop(reason)
        self.unwritten += transition is not None
        return transition

    def _stop(self, reason: str | None) -> Transition | None:
        if self.endpoint.state is State.DISABLED:
            return None
        self.endpoint = replace(self.endpoint, state=State.DISABLED, state_reason=str(reason))
        self.release()
        return Disabled(self.endpoint.id, str(reason))

    def settled(self, settlement: Settlement, now: float, *, applied: bool) -> None:
        """The outcome is written, or could not be: then the table knows better and is read again."""
        self.unsettled -= 1
        self.hand.discard(settlement.delivery.id)
        self.locked.discard(settlement.delivery.id)
        if not applied:
            self.more = True
        elif settlement.outcome is Outcome.RETRYING and self.endpoint.ordered:
            self.wait_for_head(now + settlement.delay_s)
        elif settlement.outcome is Outcome.RETRYING:
            self.next_due = min(self.next_due, now + settlement.delay_s)

    def hold_off(self, until: float) -> None:
        """Send nothing more before that, a test excepted."""
        self.waits_until = max(self.waits_until, until)
        self.release()

    def doubt(self) -> None:
        """Send nothing before the row is read again: another dispatcher may have had the work."""
        self.doubted = True
        self.window = 1
        self.release_all()
        self.more = True

    def wait_for_head(self, until: float) -> None:
        """The head of an ordered lane may be tried again then; nothing passes it."""
        self.more = True
        self.hold_off(until)

    def reload(self, endpoint: Endpoint, failing_s: float | None, parked_s: float | None, now: float) -> None:
        """The row as somebody changed it. A transition of ours not yet written outweighs what the row says."""
        renewed = (endpoint.url, endpoint.state) != (self.endpoint.url, self.endpoint.state) and not self.unwritten
        if endpoint.url != self.endpoint.url:
            self.window = 1
        self.doubted = False
        if self.unwritten:
            endpoint = replace(endpoint, state=self.endpoint.state, state_reason=self.endpoint.state_reason)
        self.endpoint = endpoint
        self.window = min(self.window, self.limit)
        # What was changed may be what waits here: retried, cancelled, erased. It is read again, and what is being read.
        self.release_all()
        self.outdated = self.reading
        if not parked_s or parked_s < 0:
            # Somebody has acted (our own word, Parked, apart): what was put off is tried again, in its order.
            self.asked_until = self.waits_until = NEVER
        if self.endpoint.ordered:
            self.more = True
        if not self.unwritten:
            self._recall(failing_s, parked_s, now, renewed=renewed)

    def _recall(self, failing_s: float | None, parked_s: float | None, now: float, *, renewed: bool) -> None:
        if parked_s is None and failing_s is None:
            if self.parks or renewed:
                self.failures = self.parks = 0
                self.failing_since, self.parked_until = FOREVER, NEVER
            return
        self.failures = max(self.failures, self.breaker.park_after)
        self.parks = max(self.parks, 1)
        self.failing_since = now - (failing_s or 0.0)
        self.parked_until = now + parked_s if parked_s is not None else NEVER
