"""Ends what endpoints at rest have held for too long, a slice at a time, each with its recorded ending."""

from datetime import UTC, datetime

import structlog

from dispatcher.pipeline.lanes import Lanes
from dispatcher.store.session import Session

EVERY_S = 5.0
SLICE = 1000
SHARE = 100
"""A round is followed by a rest of so many times its length: of what is held, each row is looked at."""

FIRST = (datetime(1, 1, 1, tzinfo=UTC), 0)

log = structlog.get_logger()


class Expire:
    """Walks the endpoints that are not active, and of each its deliveries in the order of the lane."""

    def __init__(self, session: Session, lanes: Lanes, *, hold_days: float) -> None:
        self._session = session
        self._lanes = lanes
        self.keep_for(hold_days)
        self._endpoint_id = 0
        self._after: tuple[datetime, int] | None = None
        self._began: float | None = None
        self._rests_until = 0.0

    def keep_for(self, hold_days: float) -> None:
        self._hold_s = hold_days * 86400

    async def step(self) -> int | None:
        """Look at one slice, or for the next endpoint; returns 0 at the end of a round, and None while it rests."""
        now = self._lanes.clock()
        if now < self._rests_until:
            return None
        self._began = now if self._began is None else self._began
        if self._after is not None:
            return await self._slice(*self._after)
        found = await self._session.value("find_held", self._endpoint_id, self._hold_s)
        if found is None:
            now = self._lanes.clock()
            self._rests_until, self._began = now + SHARE * (now - self._began), None
            self._endpoint_id = 0
            return 0
        self._endpoint_id, self._after = found, FIRST
        return 1

    async def _slice(self, due_at: datetime, delivery_id: int) -> int:
        lane = self._lanes.get(self._endpoint_id)
        in_hand = list(lane.hand) if lane is not None else []
        looked = await self._session.fetch(
            "expire_held", self._endpoint_id, due_at, delivery_id, SLICE, self._hold_s, in_hand, self._lanes.epoch
        )
        # The last of the slice; none: the end of the lane.
        self._after = (looked[0]["due_at"], looked[0]["id"]) if looked else None
        if looked and looked[0]["expired"]:
            log.warning("delivery.expired", endpoint_id=self._endpoint_id, deliveries=looked[0]["expired"])
        return 1
