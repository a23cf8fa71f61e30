"""All lanes, and which of them can send or want to read. Memory only: nothing here awaits."""

import heapq
from collections import deque
from collections.abc import Callable, Iterable, Iterator

from dispatcher.model import Delivery, Settlement
from dispatcher.policy.breaker import Transition
from dispatcher.policy.lane import FOREVER, Held, Lane
from dispatcher.policy.ledger import Ledger
from dispatcher.policy.pool import Pool, Slot

HELD_BYTES = 64 * 1024 * 1024
"""Payload in all lanes together before new deliveries stay in the table: half of what the process may take. Above it,
an endpoint that has nothing in hand still gets one, so that nobody stops."""
STALE_ALARMS = 64

FORGET_S = 600.0


class Lanes:
    """The dispatcher's memory of its endpoints. `touch` decides everything, whenever anything about a lane changed."""

    def __init__(self, pool: Pool, clock: Callable[[], float]) -> None:
        self.ledger = Ledger()
        self.pool = pool
        self.clock = clock
        self.full: set[int] = set()
        """Endpoints whose new deliveries stay in the table. Each fan-out names them, so those that are parked or paused
        are in here only once something new has come for them: 5,000 at rest cost the others 12 % (measured)."""
        self.hungry: dict[int, None] = {}
        self.held = Held()
        self.doubts = 0
        self.epoch = 0
        """Under which the work was taken: what reads for the lanes names it."""
        self._lanes: dict[int, Lane] = {}
        self._ready: deque[Lane] = deque()
        self._listed: set[int] = set()
        self._alarms: list[tuple[float, int]] = []
        self._alarm_of: dict[int, float] = {}

    def __repr__(self) -> str:
        return f"<Lanes {len(self._lanes)}, {len(self._ready)} ready, {len(self.hungry)} hungry, {self.pool!r}>"

    def __len__(self) -> int:
        return len(self._lanes)

    def __iter__(self) -> Iterator[Lane]:
        return iter(self._lanes.values())

    def get(self, endpoint_id: int) -> Lane | None:
        return self._lanes.get(endpoint_id)

    def add(self, lane: Lane) -> None:
        self._lanes[lane.endpoint.id] = lane
        self.touch(lane)

    def remove(self, endpoint_id: int) -> None:
        """Forget a lane. What it has in flight still settles; what it had queued is in the table."""
        lane = self._lanes.pop(endpoint_id, None)
        if lane is not None:
            lane.release_all()
        self.full.discard(endpoint_id)
        self.hungry.pop(endpoint_id, None)
        self._alarm_of.pop(endpoint_id, None)

    def missing(self, endpoint_ids: Iterable[int]) -> list[int]:
        return [endpoint_id for endpoint_id in set(endpoint_ids) if endpoint_id not in self._lanes]

    def touch(self, lane: Lane) -> None:
        """See what the lane can do now: send, read, keep what is new; and when time alone will change that."""
        now, endpoint_id = self.clock(), lane.endpoint.id
        if self._lanes.get(endpoint_id) is not lane:
            return
        if lane.may_send(now) and endpoint_id not in self._listed:
            self._listed.add(endpoint_id)
            self._ready.append(lane)
        if lane.wants(now):
            self.hungry[endpoint_id] = None
        else:
            self.hungry.pop(endpoint_id, None)
        if lane.keeps(now):
            self.full.discard(endpoint_id)
        elif lane.hand:
            self.full.add(endpoint_id)
        at = lane.wakes_at(now)
        if at < self._alarm_of.get(endpoint_id, FOREVER):
            self._alarm_of[endpoint_id] = at
            heapq.heappush(self._alarms, (at, endpoint_id))
            self._forget_stale()

    def _forget_stale(self) -> None:
        """What a nearer alarm has replaced would stay in the heap until its time, which may be hours."""
        if len(self._alarms) > 2 * len(self._alarm_of) + STALE_ALARMS:
            self._alarms = [(at, endpoint_id) for endpoint_id, at in self._alarm_of.items()]
            heapq.heapify(self._alarms)

    def wake(self) -> None:
        """Look again at the lanes whose time has come."""
        now = self.clock()
        while self._alarms and self._alarms[0][0] <= now:
            at, endpoint_id = heapq.heappop(self._alarms)
            if self._alarm_of.get(endpoint_id) == at:
                del self._alarm_of[endpoint_id]
                lane = self._lanes[endpoint_id]
                lane.wake(now)
                self.touch(lane)

    def wakes_at(self) -> float:
        """The next instant at which `wake` or `next` may find something by time alone."""
        alarm = self._alarms[0][0] if self._alarms else FOREVER
        room = self.pool.room_at() if self._ready and not self.pool.has_room(self.clock()) else None
        return min(alarm, FOREVER if room is None else room)

    @property
    def keeps_payload(self) -> bool:
        return self.held.total < HELD_BYTES

    def put(self, delivery: Delivery) -> bool:
        """Queue a delivery read from the table, unless it is in hand, was just settled, or the lane is not there."""
        lane = self._lanes.get(delivery.endpoint_id)
        return lane is not None and delivery.id not in self.ledger and lane.put(delivery)

    def hold(self, endpoint_id: int) -> None:
        """There is more of this endpoint in the table than here."""
        lane = self._lanes.get(endpoint_id)
        if lane is not None:
            lane.more = True
            self.full.add(endpoint_id)
            self.touch(lane)

    def offer(self, delivery: Delivery) -> None:
        """Queue a new delivery, or leave it in the table."""
        lane = self._lanes.get(delivery.endpoint_id)
        if lane is None:
            return
        if lane.keeps(self.clock()):
            self.put(delivery)
            self.touch(lane)
        else:
            self.hold(delivery.endpoint_id)

    def hold_off(self, endpoint_id: int, for_s: float) -> None:
        """Start nothing more of this endpoint for so long."""
        lane = self._lanes.get(endpoint_id)
        if lane is not None:
            lane.hold_off(self.clock() + for_s)
            self.touch(lane)

    def lock(self, delivery: Delivery) -> None:
        """Somebody's open transaction is on it. More of its endpoint would only add to what a crash sends twice."""
        lane = self._lanes.get(delivery.endpoint_id)
        if lane is not None:
            lane.locked.add(delivery.id)
            lane.release()
            self.touch(lane)

    def doubt(self) -> None:
        """Somebody else may have had the work meanwhile: what is queued is read again, settings first."""
        self.doubts += 1
        for lane in self:
            lane.doubt()
            self.touch(lane)

    def next(self) -> tuple[Lane, Delivery, Slot] | None:
        """Take the next request to start: the ready lanes in turn, while the pool has room."""
        now = self.clock()
        while self._ready and self.pool.has_room(now):
            lane = self._ready.popleft()
            self._listed.discard(lane.endpoint.id)
            if self._lanes.get(lane.endpoint.id) is lane and lane.may_send(now):
                delivery = lane.start(now)
                self.touch(lane)
                return lane, delivery, self.pool.start(now)
        return None

    def finish(self, lane: Lane, settlement: Settlement, slot: Slot, retry_after_s: float | None) -> Transition | None:
        self.pool.finish(slot)
        transition = lane.finish(settlement, self.clock(), retry_after_s)
        self.touch(lane)
        return transition

    def settled(self, settlements: Iterable[Settlement], applied: set[int]) -> None:
        """These have been written; the ids in `applied` changed their row."""
        now, done = self.clock(), list(settlements)
        self.ledger.settled(settlement.delivery.id for settlement in done)
        for settlement in done:
            lane = self._lanes.get(settlement.delivery.endpoint_id)
            if lane is not None:
                lane.settled(settlement, now, applied=settlement.delivery.id in applied)
                self.touch(lane)

    def sweep(self) -> None:
        """Forget lanes that have been idle for long."""
        now = self.clock()
        for lane in [lane for lane in self if lane.idle and now - lane.used_at > FORGET_S]:
            self.remove(lane.endpoint.id)
