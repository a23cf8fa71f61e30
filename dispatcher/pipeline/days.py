"""Makes the partitions of the days ahead, long before anything needs them."""

import structlog

from dispatcher.store.session import Session

AHEAD = 7
EVERY_S = 3600.0

log = structlog.get_logger()


class Days:
    def __init__(self, session: Session) -> None:
        self._session = session

    async def step(self) -> int:
        try:
            made = await self._session.value("make_days", AHEAD)
        finally:
            await self._session.close()  # an hour is long to hold a connection for nothing
        if made:
            log.info("partition.created", partitions=made)
        return 0
