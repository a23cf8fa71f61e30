"""Cancels what is open for endpoints that are gone, a slice at a time, each with its recorded ending."""

import structlog

from dispatcher.pipeline.directory import Directory
from dispatcher.pipeline.lanes import Lanes
from dispatcher.store.session import Session

SLICE = 1000

log = structlog.get_logger()


class Cancel:
    def __init__(self, session: Session, lanes: Lanes, directory: Directory) -> None:
        self._session = session
        self._lanes = lanes
        self._directory = directory

    async def step(self) -> int:
        """Cancel one slice of each; returns how many deliveries ended."""
        return sum([await self._slice(endpoint_id) for endpoint_id in list(self._directory.gone)])

    async def _slice(self, endpoint_id: int) -> int:
        lane = self._lanes.get(endpoint_id)
        in_hand = list(lane.hand) if lane is not None else []
        cancelled = await self._session.fetch("cancel_open", endpoint_id, SLICE, in_hand)
        if cancelled:
            log.info("delivery.cancelled", endpoint_id=endpoint_id, deliveries=len(cancelled))
        if len(cancelled) < SLICE and not in_hand:
            # What was in hand may yet be put off; then it is open again, and this is its last chance to end.
            self._directory.gone.pop(endpoint_id, None)
        return len(cancelled)
