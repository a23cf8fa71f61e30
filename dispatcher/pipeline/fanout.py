"""Inbox rows become deliveries; those a lane has room for go straight into it."""

from collections.abc import Callable

import structlog

from dispatcher.errors import DispatcherError, StatementFailed
from dispatcher.model import Delivery
from dispatcher.pipeline.directory import Directory
from dispatcher.pipeline.filters import Filters
from dispatcher.pipeline.lanes import Lanes
from dispatcher.policy.batch import Batch
from dispatcher.store import rows
from dispatcher.store.session import Row, Rows, Session

TENANTS = 32
KEEP_PER_ENDPOINT = 64
BYTES = 8_000_000
SLACK = 10_000
"""Inbox ids below the lowest that may be left that are looked at again each time: commits come out of id order."""
WHOLE_SCAN_S = 1.0
ASIDE_S = 60.0
PATIENCE = 3
"""How often an event may time out by itself, no filter being at fault, before it is put aside for the others' sake."""

log = structlog.get_logger()


class Fanout:
    """Takes from the tenants in turn. An event that cannot be handled is found, said, and put aside for a minute."""

    def __init__(
        self,
        session: Session,
        lanes: Lanes,
        directory: Directory,
        filters: Filters,
        *,
        pump: Callable[[], None],
        lost: Callable[[], None],
    ) -> None:
        self._session = session
        self._lanes = lanes
        self._directory = directory
        self._filters = filters
        self._pump = pump
        self._lost = lost
        self._batch = Batch()
        self._tenant = ""
        self._low = 0
        self._whole_at = 0.0
        self._aside: dict[int, float] = {}
        self._suspect: Row | None = None
        self._patience = PATIENCE

    def __repr__(self) -> str:
        return f"<Fanout {self._batch!r}, {len(self._aside)} aside>"

    async def step(self) -> int:
        """Fan out one batch; returns how many events it took."""
        self._look_again()
        ticket = self._lanes.ledger.begin()
        try:
            try:
                found = await self._take()
            except StatementFailed as error:
                return await self._narrow_down(error)
            await self._directory.open(self._session, _endpoints(found))
            deliveries = self._put(found)
        except DispatcherError:
            # It may have been committed without our hearing what it made: somebody has to look for that.
            self._lost()
            raise
        finally:
            self._lanes.ledger.end(ticket)
        self._pump()
        return self._account(found[0], deliveries)

    def _look_again(self) -> None:
        now = self._lanes.clock()
        self._aside = {inbox_id: until for inbox_id, until in self._aside.items() if until > now}
        if now >= self._whole_at:
            self._low, self._whole_at = 0, now + WHOLE_SCAN_S

    async def _take(self) -> Rows:
        single = self._batch.is_single
        if single:
            self._suspect = await self._next()
        return await self._session.fetch(
            "fan_out",
            self._tenant,
            min(TENANTS, self._batch.events),
            self._batch.events,
            self._low,
            list(self._aside),
            list(self._lanes.full),
            KEEP_PER_ENDPOINT if self._lanes.keeps_payload else 0,
            BYTES,
            self._filters.suspended,
            self._lanes.epoch,
        )

    async def _next(self) -> Row | None:
        found = await self._session.fetch("next_inbox", self._tenant, self._low, list(self._aside))
        return found[0] if found else None

    async def _narrow_down(self, error: StatementFailed) -> int:
        """Fewer at a time, until one event has failed by itself; then see whose fault it is."""
        if error.locked:
            raise error
        if not self._batch.is_single:
            self._batch.failed(slow=error.timed_out)
            return 1
        row = await self._next()
        if row is None or self._suspect is None or row["id"] != self._suspect["id"]:
            return 1  # another one has come before it
        if error.timed_out:
            if await self._filters.suspend_slow(row["event_id"], row["tenant"], row["type"]):
                return 1
            self._patience -= 1
            if self._patience > 0:
                raise error  # The database may only have been slow.
        self._patience = PATIENCE
        self._aside[row["id"]] = self._lanes.clock() + ASIDE_S
        log.error("event.set_aside", event_id=str(row["event_id"]), tenant=row["tenant"], note=str(error)[:200])
        return 1

    def _put(self, found: Rows) -> int:
        """Queue what the lanes keep, in the order it was made; the rest of a lane waits in the table."""
        deliveries = 0
        for row in found:
            if row["data"] is not None:
                event = rows.event(row)
                for delivery_id, endpoint_id in zip(row["delivery_ids"], row["endpoint_ids"], strict=True):
                    deliveries += 1
                    self._lanes.offer(Delivery(delivery_id, endpoint_id, event))
            else:
                for endpoint_id in row["endpoint_ids"] or ():
                    deliveries += 1
                    self._lanes.hold(endpoint_id)
            for endpoint_id in row["held_ids"] or ():
                deliveries += 1
                self._lanes.hold(endpoint_id)
        return deliveries

    def _account(self, totals: Row, deliveries: int) -> int:
        taken: int = totals["taken"]
        self._batch.took(taken, deliveries)
        self._patience = PATIENCE
        if totals["unread"]:
            log.warning("filter.unread", endpoint_ids=totals["unread"])
        if taken:
            self._tenant = totals["last_tenant"]
            log.debug("event.fanned_out", events=taken, deliveries=deliveries)
        if totals["low"] is not None:
            self._low = max(self._low, totals["low"] - SLACK)
        return taken


def _endpoints(found: Rows) -> set[int]:
    return {endpoint_id for row in found for endpoint_id in (*(row["endpoint_ids"] or ()), *(row["held_ids"] or ()))}
