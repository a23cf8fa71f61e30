"""Makes the partitions of the days ahead, long before anything needs them."""

import structlog

from dispatcher.store.session import Rows, Session

AHEAD = 7
EVERY_S = 600.0
"""Also how soon a day is tried again that could not be made: with a week in hand there is no hurry."""

LARGE = 16 * 1024 * 1024
"""Bytes of a DEFAULT. Each day that is attached reads all of it, and what is inserted there waits: 15 ms (measured:
148 MB and seven days held up an INSERT for 0.94 s). It gets there when nobody made days for more than a week."""

log = structlog.get_logger()


class Days:
    def __init__(self, session: Session) -> None:
        self._session = session
        self._missing = 0
        self._large: list[str] = []

    async def step(self) -> int:
        """Make what is missing; returns 0, because what could not be made now is for another time."""
        try:
            if await self._would_disturb():
                return 0
            made = await self._session.value("make_days", AHEAD)
            missing = await self._session.fetch("list_missing_days", AHEAD)
            if missing:
                moved = await self._move(missing)
                made += moved
                missing = await self._session.fetch("list_missing_days", AHEAD) if moved else missing
        finally:
            await self._session.close()  # ten minutes are long to hold a connection for nothing
        if made:
            log.info("partition.created", partitions=made)
        if missing and len(missing) != self._missing:
            log.warning("partition.missed", partitions=len(missing))
        self._missing = len(missing)
        return 0

    async def _would_disturb(self) -> bool:
        large = []
        if await self._session.fetch("list_missing_days", AHEAD):
            large = [row["name"] for row in await self._session.fetch("list_large_defaults", LARGE)]
        if large and large != self._large:
            note = "too large to make days beside it unnoticed; in a quiet hour: select webhooks.make_days()"
            log.warning("partition.deferred", tables=large, note=note)
        self._large = large
        return bool(large)

    async def _move(self, missing: Rows) -> int:
        """Those whose rows are in the DEFAULT, one to a statement: each holds its lock for itself."""
        return sum([await self._session.value("move_day", row["parent"], row["day"]) for row in missing])
