"""Which filter takes too long: found one by one, so that it costs its own endpoint, and no other."""

from collections.abc import Callable
from uuid import UUID

import structlog

from dispatcher.errors import StatementFailed
from dispatcher.store.session import Session

TRY_S = "250ms"
"""For one filter on one event; an honest one takes milliseconds on a megabyte."""
SUSPENDED_S = 600.0
HARMLESS = "exists($)"

log = structlog.get_logger()


class Filters:
    """Remembers the filters that are not evaluated for a while; what they guard does not match meanwhile."""

    def __init__(self, session: Session, clock: Callable[[], float]) -> None:
        self._session = session
        self._clock = clock
        self._suspended: dict[int, float] = {}

    def __repr__(self) -> str:
        return f"<Filters {len(self._suspended)} suspended>"

    @property
    def suspended(self) -> list[int]:
        """The endpoints whose filters are not to be evaluated now."""
        now = self._clock()
        self._suspended = {endpoint_id: until for endpoint_id, until in self._suspended.items() if until > now}
        return list(self._suspended)

    async def suspend_slow(self, event_id: UUID, tenant: str, event_type: str) -> int:
        """Try each filter this event would meet by itself; returns how many took too long and are suspended now.

        Raises `StatementFailed` if it is not the filters: if even a harmless one cannot be evaluated in that time.
        """
        slow = set()
        try:
            for row in await self._session.fetch("read_filters", tenant, event_type):
                if row["endpoint_id"] not in slow and not await self._is_quick(event_id, row["filter"]):
                    slow.add(row["endpoint_id"])
        finally:
            await self._session.close()  # needed once in a blue moon
        for endpoint_id in slow:
            self._suspended[endpoint_id] = self._clock() + SUSPENDED_S
            log.error("filter.suspended", endpoint_id=endpoint_id, event_id=str(event_id), suspended_s=SUSPENDED_S)
        return len(slow)

    async def _is_quick(self, event_id: UUID, text: str) -> bool:
        try:
            await self._session.fetch("try_filter", event_id, text)
        except StatementFailed as error:
            if not error.timed_out:
                raise
            await self._session.fetch("try_filter", event_id, HARMLESS)
            return False
        return True
