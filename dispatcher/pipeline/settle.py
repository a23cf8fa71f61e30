"""What happened becomes rows: in batches, one statement each, said again until the database has heard it."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import islice

import structlog

from dispatcher.errors import DatabaseAway, StatementFailed, Unreachable
from dispatcher.model import Outcome, Reason, Settlement
from dispatcher.pipeline.lanes import Lanes
from dispatcher.pipeline.wakeup import Wakeup
from dispatcher.store.session import Session

BATCH = 500
"""Settlements per statement at the most: each is looked up in arrays of that length (4 ms at 500, 11 at 1000)."""

LOCKED_S = 1.0
"""Between tries at rows that somebody else's transaction is on."""
LOCKED_SHARE = 4
"""So many times `max_unsettled` may wait for such transactions: a crash sends these twice, too."""
ASIDE_S = 60.0

GIVEN_UP = frozenset({Outcome.DEAD, Outcome.EXPIRED})

log = structlog.get_logger()


class Settle:
    """Holds the unsettled. At `max_unsettled` no new request starts: that bounds what a crash can send twice."""

    def __init__(
        self, session: Session, lanes: Lanes, wakeup: Wakeup, *, max_unsettled: int, log_attempts: str,
        pump: Callable[[], None],
    ) -> None:  # fmt: skip
        self._session = session
        self._lanes = lanes
        self._wakeup = wakeup
        self._max_unsettled = max_unsettled
        self._log_delivered = log_attempts == "all"
        self._pump = pump
        self._queue: dict[int, Settlement] = {}
        self._locked: dict[int, Settlement] = {}
        self._locked_until = 0.0
        self._repeated: set[int] = set()
        self._owes = False

    def __repr__(self) -> str:
        return f"<Settle {len(self)}/{self._max_unsettled} unsettled>"

    def __len__(self) -> int:
        return len(self._queue) + len(self._locked)

    def resize(self, max_unsettled: int, log_attempts: str) -> None:
        self._max_unsettled = max_unsettled
        self._log_delivered = log_attempts == "all"

    def catch_up(self) -> None:
        """The database was lost: what has happened is written before anything else does."""
        self._owes = bool(self._queue)

    def has_room(self) -> bool:
        if self._owes:
            return False
        # Those somebody's transaction is on apart: their endpoints wait for it, the others must not, up to a point.
        return len(self._queue) < self._max_unsettled and len(self._locked) < LOCKED_SHARE * self._max_unsettled

    def note(self, settlement: Settlement) -> None:
        """Take over a settlement, to be written."""
        self._queue[settlement.delivery.id] = settlement
        self._wakeup.ring()

    async def step(self) -> int:
        """Write what is unsettled; returns how many were. Nothing leaves the queue before it is written."""
        if self._lanes.clock() >= self._locked_until:
            self._queue |= self._locked
            self._locked = {}
        batch = list(islice(self._queue.values(), BATCH))
        written = await self._write(batch) if batch else 0
        owed, self._owes = self._owes, self._owes and bool(self._queue)
        if written or owed:
            self._pump()
        return written

    async def _write(self, batch: list[Settlement]) -> int:
        try:
            applied = await self._say(batch)
        except StatementFailed as error:
            if error.locked:
                return await self._write_around(batch, error)
            if error.timed_out:
                raise
            if len(batch) == 1:
                self._give_up(batch[0], error)
                return 1
            # Somewhere in here is one that cannot be written; the others must not wait for it.
            middle = len(batch) // 2
            return await self._write(batch[:middle]) + await self._write(batch[middle:])
        self._done(batch, applied)
        return len(batch)

    async def _write_around(self, batch: list[Settlement], error: StatementFailed) -> int:
        """Somebody has an open transaction on some of these deliveries: the others do not wait for it."""
        rows = await self._session.fetch("find_locked", [settlement.delivery.id for settlement in batch])
        locked = {row["id"] for row in rows}
        if not locked:
            raise error  # on something else, or it is gone by now
        self._locked_until = self._lanes.clock() + LOCKED_S
        for delivery_id in locked:
            settlement = self._locked[delivery_id] = self._queue.pop(delivery_id)
            self._lanes.lock(settlement.delivery)
        free = [settlement for settlement in batch if settlement.delivery.id not in locked]
        return await self._write(free) if free else 0

    async def _say(self, batch: list[Settlement]) -> set[int]:
        try:
            return await self._settle(batch)
        except (DatabaseAway, asyncio.CancelledError) as error:
            if not isinstance(error, Unreachable):
                # It may have been written, and the answer lost: then saying it again applies to nothing.
                self._repeated.update(settlement.delivery.id for settlement in batch)
            raise

    async def _settle(self, batch: list[Settlement]) -> set[int]:
        lanes = [self._lanes.get(s.delivery.endpoint_id) for s in batch]
        going_on = [s.outcome is Outcome.RETRYING for s in batch]
        changed = await self._session.fetch(
            "settle",
            [s.delivery.id for s in batch],
            [s.delivery.version for s in batch],
            [s.outcome.value for s in batch],
            [int(s.spent) for s in batch],
            [s.requested for s in batch],
            [s.reason and str(s.reason) for s in batch],
            [s.status for s in batch],
            [s.duration_ms for s in batch],
            [s.reply for s in batch],
            [s.delay_s for s in batch],
            [lane is not None and lane.endpoint.ordered for lane in lanes],
            [s.delivery.id for s, goes_on in zip(batch, going_on, strict=True) if not goes_on],
            [s.delivery.id for s, goes_on in zip(batch, going_on, strict=True) if goes_on],
        )
        return {row["id"] for row in changed}

    def _done(self, batch: list[Settlement], applied: set[int]) -> None:
        for settlement in batch:
            del self._queue[settlement.delivery.id]
        self._lanes.settled(batch, applied)
        for settlement in batch:
            delivery_id = settlement.delivery.id
            if delivery_id in applied or delivery_id in self._repeated:
                self._tell(settlement)
            else:
                log.info("attempt.superseded", delivery_id=delivery_id, endpoint_id=settlement.delivery.endpoint_id)
            self._repeated.discard(delivery_id)

    def _give_up(self, settlement: Settlement, error: StatementFailed) -> None:
        """It cannot be written: its row stays as it was, is read again in a minute, and the request is made again."""
        delivery = settlement.delivery
        log.error("settlement.failed", delivery_id=delivery.id, endpoint_id=delivery.endpoint_id, note=str(error)[:200])
        self._lanes.hold_off(delivery.endpoint_id, ASIDE_S)
        del self._queue[delivery.id]
        self._repeated.discard(delivery.id)
        self._lanes.settled([settlement], set())

    def _tell(self, settlement: Settlement) -> None:
        if settlement.outcome is Outcome.DELIVERED and not self._log_delivered:
            return
        delivery = settlement.delivery
        lane = self._lanes.get(delivery.endpoint_id)
        given_up = settlement.outcome in GIVEN_UP
        # Of other faults of ours a line of their own speaks, once; which proxy it was, and why, is said here alone.
        is_ours = settlement.reason == Reason.PROXY
        (log.error if is_ours else log.warning if given_up else log.info)(
            "attempt.settled",
            event_id=str(delivery.event.id),
            delivery_id=delivery.id,
            endpoint_id=delivery.endpoint_id,
            tenant=lane.endpoint.tenant if lane else None,
            event_type=delivery.event.type,
            attempt=delivery.attempts + 1 if settlement.requested else None,
            outcome=settlement.outcome.value,
            status=settlement.status,
            duration_ms=settlement.duration_ms,
            reason=settlement.reason and str(settlement.reason),
            next_at=self._next_at(settlement),
            **({"note": settlement.note} if settlement.note else {}),
        )

    def _next_at(self, settlement: Settlement) -> str | None:
        """When it is tried again at the earliest: an endpoint that is parked, or asked to wait, comes later."""
        if settlement.outcome is not Outcome.RETRYING:
            return None
        lane = self._lanes.get(settlement.delivery.endpoint_id)
        blocked_s = lane.blocked_until - self._lanes.clock() if lane else 0.0
        at = datetime.now(UTC) + timedelta(seconds=max(settlement.delay_s, blocked_s))
        return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")

    async def flush(self, within_s: float) -> None:
        """Write what is left; for the way out. What somebody else's transaction is on, or an outage, is waited for."""
        async with asyncio.timeout(within_s):
            while len(self):
                with suppress(StatementFailed, DatabaseAway):
                    if await self.step():
                        continue
                await asyncio.sleep(LOCKED_S / 10)
