"""Endpoints, read when they first have work and again when they change: each gets its lane."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import structlog

from dispatcher.model import Endpoint, State
from dispatcher.pipeline.lanes import Lanes
from dispatcher.policy.lane import Breaker, Lane, Transition
from dispatcher.policy.recipient import Recipient
from dispatcher.store import rows
from dispatcher.store.session import Session

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Defaults:
    """What an endpoint gets where its row says nothing."""

    timeout_s: float
    max_in_flight: int
    max_attempts: int


class Directory:
    """Opens and refreshes lanes. `gone` holds endpoints whose open deliveries have to be cancelled."""

    def __init__(
        self,
        lanes: Lanes,
        defaults: Defaults,
        breaker: Breaker,
        recipient: Callable[[Endpoint], Recipient],
        note: Callable[[Transition], None],
    ) -> None:
        self._lanes = lanes
        self._note = note
        self._defaults = defaults
        self._breaker = breaker
        self._recipient = recipient
        self.gone: dict[int, None] = {}

    def __repr__(self) -> str:
        return f"<Directory {len(self._lanes)} lanes, {len(self.gone)} to cancel>"

    async def open(self, session: Session, endpoint_ids: Iterable[int]) -> None:
        """Read those that have no lane yet."""
        if missing := self._lanes.missing(endpoint_ids):
            await self.read(session, missing)

    async def read(self, session: Session, endpoint_ids: Iterable[int]) -> None:
        """Read them anew: a lane for each that is there, an end for each that is not."""
        wanted = set(endpoint_ids)
        for row in await session.fetch("read_endpoints", list(wanted)):
            wanted.discard(row["id"])
            endpoint = rows.endpoint(
                row,
                timeout_s=self._defaults.timeout_s,
                max_in_flight=self._defaults.max_in_flight,
                max_attempts=self._defaults.max_attempts,
            )
            self._admit(endpoint, row["failing_for_s"], row["parked_for_s"])
        for endpoint_id in wanted:
            self._lanes.remove(endpoint_id)
            self.gone[endpoint_id] = None

    def _admit(self, endpoint: Endpoint, failing_s: float | None, parked_s: float | None) -> None:
        lane = self._lanes.get(endpoint.id)
        if lane is None:
            lane = Lane(endpoint, self._breaker, self._lanes.held)
        lane.recipient = self._recipient(endpoint)
        lane.used_at = self._lanes.clock()
        lane.reload(endpoint, failing_s, parked_s, self._lanes.clock())
        if lane.recipient.refused_headers and (stopped := lane.stop("invalid_headers")):
            log.error("endpoint.refused", endpoint_id=endpoint.id, note=lane.recipient.refused_headers)
            self._note(stopped)
        self._lanes.add(lane)
        if endpoint.state is State.DISABLED and endpoint.state_reason == "gone":
            self.gone[endpoint.id] = None
        else:
            self.gone.pop(endpoint.id, None)
