"""Inbox rows become deliveries; those a lane has room for go straight into it."""

from collections.abc import Callable

import structlog

from dispatcher.errors import DatabaseAway, StatementFailed
from dispatcher.model import Delivery
from dispatcher.pipeline.directory import Directory
from dispatcher.pipeline.lanes import Lanes
from dispatcher.policy.batch import Batch
from dispatcher.store import rows
from dispatcher.store.session import Row, Rows, Session

TENANTS = 32
KEEP_PER_ENDPOINT = 64
BYTES = 8_000_000
SLACK = 10_000
"""Inbox ids below the highest taken that are looked at again each time: transactions commit out of id order."""
WHOLE_SCAN_S = 1.0
ASIDE_S = 60.0

log = structlog.get_logger()


class Fanout:
    """Takes from the tenants in turn. An event that cannot be handled is found, said, and put aside for a minute."""

    def __init__(
        self,
        session: Session,
        lanes: Lanes,
        directory: Directory,
        *,
        pump: Callable[[], None],
        lost: Callable[[], None],
    ) -> None:
        self._session = session
        self._lanes = lanes
        self._directory = directory
        self._pump = pump
        self._lost = lost
        self._batch = Batch()
        self._tenant = ""
        self._low = 0
        self._whole_at = 0.0
        self._aside: dict[int, float] = {}

    def __repr__(self) -> str:
        return f"<Fanout {self._batch!r}, {len(self._aside)} aside>"

    async def step(self) -> int:
        """Fan out one batch; returns how many events it took."""
        self._look_again()
        try:
            return await self._fan_out(self._batch.events, 1 if self._batch.is_single else TENANTS)
        except StatementFailed as error:
            if not self._batch.is_single:
                self._batch.failed(slow=error.timed_out)
                return 1
            return await self._single_out(error)
        except DatabaseAway:
            # The statement may have been committed and its answer lost: somebody has to look for what it made.
            self._lost()
            raise

    def _look_again(self) -> None:
        now = self._lanes.clock()
        self._aside = {inbox_id: until for inbox_id, until in self._aside.items() if until > now}
        if now >= self._whole_at:
            self._low, self._whole_at = 0, now + WHOLE_SCAN_S

    async def _fan_out(self, events: int, tenants: int, *, filters: bool = True) -> int:
        keep = KEEP_PER_ENDPOINT if self._lanes.keeps_payload else 0
        ticket = self._lanes.ledger.begin()
        try:
            found = await self._session.fetch(
                "fan_out", self._tenant, tenants, events, self._low, list(self._aside), list(self._lanes.full),
                keep, BYTES, filters,
            )  # fmt: skip
            await self._directory.open(self._session, _endpoints(found))
            deliveries = self._put(found)
        finally:
            self._lanes.ledger.end(ticket)
        self._pump()
        return self._account(found[0], deliveries)

    def _put(self, found: Rows) -> int:
        """Queue what the lanes keep, in the order it was made; the rest of a lane waits in the table."""
        deliveries = 0
        for row in found:
            if row["data"] is not None:
                event = rows.event(row)
                for delivery_id, endpoint_id in zip(row["delivery_ids"], row["endpoint_ids"], strict=True):
                    deliveries += 1
                    self._offer(Delivery(delivery_id, endpoint_id, event))
            else:
                for endpoint_id in row["endpoint_ids"] or ():
                    deliveries += 1
                    self._lanes.hold(endpoint_id)
            for endpoint_id in row["held_ids"] or ():
                deliveries += 1
                self._lanes.hold(endpoint_id)
        return deliveries

    def _offer(self, delivery: Delivery) -> None:
        lane = self._lanes.get(delivery.endpoint_id)
        if lane is None:
            return
        if not lane.keeps(self._lanes.clock()):
            lane.more = True
        else:
            self._lanes.put(delivery)
        self._lanes.touch(lane)

    def _account(self, totals: Row, deliveries: int) -> int:
        taken: int = totals["taken"]
        self._batch.took(taken, deliveries)
        if totals["unread"]:
            log.warning("filter.unread", endpoint_ids=totals["unread"])
        if taken:
            self._tenant = totals["last_tenant"]
            self._low = max(self._low, totals["highest"] - SLACK)
            log.debug("event.fanned_out", events=taken, deliveries=deliveries)
        return taken

    async def _single_out(self, error: StatementFailed) -> int:
        """One event cannot be fanned out. Without filters it mostly can; else it waits aside, and is tried again."""
        found = await self._session.fetch("next_inbox", self._tenant, self._low, list(self._aside))
        if not found:
            return 0
        row = found[0]
        try:
            taken = await self._fan_out(1, 1, filters=False)
        except StatementFailed as again:
            self._aside[row["id"]] = self._lanes.clock() + ASIDE_S
            log.exception("event.set_aside", event_id=str(row["event_id"]), tenant=row["tenant"], note=str(again)[:200])
            return 1
        log.error("filter.failed", event_id=str(row["event_id"]), tenant=row["tenant"], note=str(error)[:200])
        return taken


def _endpoints(found: Rows) -> set[int]:
    return {endpoint_id for row in found for endpoint_id in (*(row["endpoint_ids"] or ()), *(row["held_ids"] or ()))}
