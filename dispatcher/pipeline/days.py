"""Makes the partitions of the days ahead, long before anything needs them."""

import structlog

from dispatcher.store.session import Session

AHEAD = 7
EVERY_S = 600.0
"""Also how soon a day is tried again that could not be made: with a week in hand there is no hurry."""

log = structlog.get_logger()


class Days:
    def __init__(self, session: Session) -> None:
        self._session = session
        self._missing = 0

    async def step(self) -> int:
        """Make what is missing; returns 0, because what could not be made now is for another time."""
        try:
            made = await self._session.value("make_days", AHEAD)
            missing = await self._session.value("count_missing_days", AHEAD)
        finally:
            await self._session.close()  # ten minutes are long to hold a connection for nothing
        if made:
            log.info("partition.created", partitions=made)
        if missing and missing != self._missing:
            log.warning("partition.missed", partitions=missing)
        self._missing = missing
        return 0
