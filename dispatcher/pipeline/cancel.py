"""Cancels what is open for endpoints that are gone, a slice at a time, each with its recorded ending."""

import structlog

from dispatcher.pipeline.directory import Directory
from dispatcher.store.session import Session

SLICE = 1000

log = structlog.get_logger()


class Cancel:
    def __init__(self, session: Session, directory: Directory) -> None:
        self._session = session
        self._directory = directory

    async def step(self) -> int:
        """Cancel one slice of one endpoint; returns 0 when there is nothing left to look at."""
        endpoint_id = next(iter(self._directory.gone), None)
        if endpoint_id is None:
            return 0
        cancelled = await self._session.fetch("cancel_open", endpoint_id, SLICE)
        if cancelled:
            log.info("delivery.cancelled", endpoint_id=endpoint_id, deliveries=len(cancelled))
        if len(cancelled) < SLICE:
            self._directory.gone.pop(endpoint_id, None)
        return len(cancelled) or len(self._directory.gone)
