"""Lanes that ran low read more of their own backlog: by name, never in a global order."""

from collections.abc import Callable
from datetime import datetime

import structlog

from dispatcher.errors import StatementFailed
from dispatcher.pipeline.lanes import Lanes
from dispatcher.policy.lane import Lane
from dispatcher.store import rows
from dispatcher.store.session import Row, Rows, Session

LANES = 100
ASIDE_S = 60.0
BYTES = 8_000_000
LOW_S = 5.0
"""How long a lane that reads on begins where the last read ended, not at the entries of what it has sent since. While
somebody's old snapshot keeps these from being taken away, reading from the start costs 60 ms for 250,000 of them, and
0.5 s where they are a hundred lanes' (measured). What commits late, or was put back, is found at the latest then."""


log = structlog.get_logger()


class Refill:
    """Reads for the hungry lanes in turn."""

    def __init__(self, session: Session, lanes: Lanes, *, pump: Callable[[], None]) -> None:
        self._session = session
        self._lanes = lanes
        self._pump = pump
        self._at_once = LANES

    async def step(self) -> int:
        """Serve up to a hundred hungry lanes; returns how many deliveries came."""
        wants = self._wants()
        if not wants:
            return 0
        ticket = self._lanes.ledger.begin()
        try:
            found = await self._read(wants)
            taken = self._put(wants, found)
        except StatementFailed as error:
            if error.is_passing:
                raise
            return self._narrow_down(wants, error)
        finally:
            self._lanes.ledger.end(ticket)
            for lane in wants:
                lane.reading = lane.outdated = False
                self._lanes.touch(lane)
        self._at_once = min(2 * self._at_once, LANES)
        self._pump()
        return taken

    def _narrow_down(self, wants: dict[Lane, int], error: StatementFailed) -> int:
        """One lane's deliveries cannot be read (a damaged event): the others must not wait for it."""
        self._at_once = 1
        if len(wants) == 1:
            for lane in wants:
                lane.hold_off(self._lanes.clock() + ASIDE_S)
                log.error("endpoint.set_aside", endpoint_id=lane.endpoint.id, note=str(error)[:200])
        return 1

    def _wants(self) -> dict[Lane, int]:
        now = self._lanes.clock()
        wants: dict[Lane, int] = {}
        for endpoint_id in list(self._lanes.hungry):
            if len(wants) == self._at_once:
                break
            lane = self._lanes.get(endpoint_id)
            if lane is not None and (want := lane.wants(now)):
                if self._lanes.keeps_payload:
                    wants[lane] = want
                elif not lane.hand:
                    wants[lane] = 1
            del self._lanes.hungry[endpoint_id]
        return wants

    async def _read(self, wants: dict[Lane, int]) -> Rows:
        in_hand = [delivery_id for lane in wants for delivery_id in lane.hand]
        now = self._lanes.clock()
        for lane in wants:
            if now >= lane.low_until:
                lane.low, lane.low_until = None, now + LOW_S
            # Taken back by whatever is found out while the read is under way: then there is more again.
            lane.more, lane.reading = False, True
        try:
            return await self._session.fetch(
                "refill",
                [lane.endpoint.id for lane in wants],
                list(wants.values()),
                in_hand,
                BYTES,
                self._lanes.epoch,
                [lane.low for lane in wants],
            )
        except BaseException:
            for lane in wants:
                lane.more = True
            raise

    def _put(self, wants: dict[Lane, int], found: Rows) -> int:
        now, came = self._lanes.clock(), dict.fromkeys(wants, 0)
        last: dict[Lane, datetime] = {}
        left: set[Lane] = set()
        for row in found:
            lane = self._lanes.get(row["endpoint_id"])
            if lane is None or lane not in came:
                continue
            if row["id"] is None:
                lane.next_due = min(lane.next_due, now + max(row["next_due_s"], 0.0))
                continue
            came[lane] += 1
            last[lane] = row["due_at"]
            self._take(lane, row, left)
        for lane, count in came.items():
            if count >= wants[lane]:
                lane.more = True
                lane.low = None if lane.endpoint.ordered or lane.outdated or lane in left else last[lane]
            elif lane.low is not None:
                # Nothing more behind it; there may be before it.
                lane.low, lane.more = None, True
        return sum(came.values())

    def _take(self, lane: Lane, row: Row, left: set[Lane]) -> None:
        """Queue it, unless one before it was left in the table: a head that waits, or more than we hold."""
        if row["wait_s"] and lane.endpoint.ordered:
            lane.wait_for_head(self._lanes.clock() + row["wait_s"])
            left.add(lane)
        if lane in left or lane.outdated or not row["fits"]:
            lane.more = True
            left.add(lane)
        else:
            self._lanes.put(rows.delivery(row))
