"""Endpoints, read when they first have work and again when they change: each gets its lane."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import structlog

from dispatcher.model import Endpoint
from dispatcher.pipeline.lanes import Lanes
from dispatcher.policy.breaker import Breaker, Transition
from dispatcher.policy.lane import NEVER, Lane
from dispatcher.policy.recipient import Recipient
from dispatcher.store import rows
from dispatcher.store.session import Rows, Session

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Defaults:
    """What an endpoint gets where its row says nothing."""

    timeout_s: float
    max_in_flight: int
    max_attempts: int


class Directory:
    """Opens and refreshes lanes. `gone` holds endpoints whose open deliveries have to be cancelled.

    `defaults` are a profile's, `recipient` makes an endpoint ready.
    """

    def __init__(
        self,
        lanes: Lanes,
        defaults: Callable[[str | None], Defaults],
        breaker: Breaker,
        recipient: Callable[[Endpoint], Recipient],
        note: Callable[[Transition], None],
    ) -> None:
        self._lanes = lanes
        self._note = note
        self._defaults = defaults
        self._breaker = breaker
        self._recipient = recipient
        self._turn = asyncio.Lock()
        self._taken_at = NEVER
        self.gone: dict[int, None] = {}

    def __repr__(self) -> str:
        return f"<Directory {len(self._lanes)} lanes, {len(self.gone)} to cancel>"

    def believe(
        self,
        defaults: Callable[[str | None], Defaults],
        breaker: Breaker,
        recipient: Callable[[Endpoint], Recipient],
    ) -> None:
        """Other settings, for every endpoint read from now on."""
        self._defaults, self._breaker, self._recipient = defaults, breaker, recipient

    def taken_over(self) -> None:
        """The dispatcher before us may only be cut off: a request of its own may last for one deadline more."""
        self._taken_at = self._lanes.clock()

    async def open(self, session: Session, endpoint_ids: Iterable[int]) -> None:
        """Read those that have no lane yet."""
        wanted = set(endpoint_ids)
        if self._lanes.missing(wanted):
            async with self._turn:
                await self._read(session, self._lanes.missing(wanted))

    async def refresh(self, session: Session, endpoint_ids: Iterable[int]) -> None:
        """Read those anew that have a lane, or are about to have one."""
        async with self._turn:
            await self._read(session, [endpoint_id for endpoint_id in endpoint_ids if self._lanes.get(endpoint_id)])

    async def _read(self, session: Session, endpoint_ids: list[int]) -> None:
        """A lane for each that is there, an end for each that is not.

        In turns: else a read that began before a change could come back after the one that shows it.
        """
        gone = set(endpoint_ids)
        for row in await self._fetch(session, endpoint_ids) if endpoint_ids else ():
            gone.discard(row["id"])
            said = self._defaults(row["profile"])
            endpoint = rows.endpoint(
                row,
                timeout_s=said.timeout_s,
                max_in_flight=said.max_in_flight,
                max_attempts=said.max_attempts,
            )
            self._admit(endpoint, row["failing_for_s"], row["parked_for_s"])
        for endpoint_id in gone:
            self._lanes.remove(endpoint_id)
            self.gone[endpoint_id] = None

    async def _fetch(self, session: Session, endpoint_ids: list[int]) -> Rows:
        found: Rows = []
        doubts = -1
        while doubts != self._lanes.doubts:  # else they may have been read before what is in doubt
            doubts = self._lanes.doubts
            found = await session.fetch("read_endpoints", endpoint_ids)
        return found

    def _admit(self, endpoint: Endpoint, failing_s: float | None, parked_s: float | None) -> None:
        lane = self._lanes.get(endpoint.id)
        if lane is None:
            lane = Lane(endpoint, self._breaker, self._lanes.held)
        lane.breaker = self._breaker
        lane.recipient = self._recipient(endpoint)
        if fault := lane.recipient.fault:
            log.error("endpoint.hindered", endpoint_id=endpoint.id, reason=fault.reason, note=fault.note)
        lane.used_at = self._lanes.clock()
        lane.reload(endpoint, failing_s, parked_s, self._lanes.clock())
        if endpoint.ordered and (until := self._taken_at + endpoint.timeout_s) > self._lanes.clock():
            lane.hold_off(until)
        refused = lane.recipient.refused
        if refused and (stopped := lane.stop(refused.state_reason)):
            log.error("endpoint.refused", endpoint_id=endpoint.id, note=refused.note)
            self._note(stopped)
        self._lanes.add(lane)
        if endpoint.is_gone:
            self.gone[endpoint.id] = None
        else:
            self.gone.pop(endpoint.id, None)
