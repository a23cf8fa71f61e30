"""What is past its time goes, a step at a time: a day's partition, or a slice of what lies outside the days."""

from collections.abc import AsyncIterator, Callable

import structlog

from dispatcher.store.retention import Day, Fate, Keep, Slice, delete_old_rows, drop_old_days
from dispatcher.store.session import Session

EVERY_S = 60.0
"""Also how soon a day is tried again that somebody was at."""
SHARE = 100
"""A round is followed by a rest of so many times its length: a large DEFAULT is not read all the time."""

log = structlog.get_logger()


class Retention:
    def __init__(self, session: Session, keep: Keep, clock: Callable[[], float]) -> None:
        self._session = session
        self.keep = keep
        self._clock = clock
        self._said: set[tuple[str, Fate]] = set()
        self._deleted: dict[str, int] = {}
        self._round = self._pieces()
        self._began: float | None = None
        self._rests_until = 0.0

    async def step(self) -> int | None:
        """Take the next piece of this round; returns 0 at its end, and None while it rests."""
        now = self._clock()
        if now < self._rests_until:
            return None
        self._began = now if self._began is None else self._began
        try:
            piece = await anext(self._round, None)
        except BaseException:
            await self._end()
            raise
        match piece:
            case Day():
                self._tell(piece)
            case Slice(table, rows):
                self._deleted[table] = self._deleted.get(table, 0) + rows
            case None:
                await self._end()
                return 0
        return 1

    async def _end(self) -> None:
        now = self._clock()
        took_s = 0.0 if self._began is None else now - self._began
        self._rests_until, self._began = now + SHARE * took_s, None
        self._round = self._pieces()
        if deleted := {table: rows for table, rows in self._deleted.items() if rows}:
            log.info("retention.applied", **deleted)
        self._deleted = {}
        await self._session.close()  # until the next round there is nothing to say

    async def _pieces(self) -> AsyncIterator[Day | Slice]:
        async for day in drop_old_days(self._session, self.keep):
            yield day
        async for piece in delete_old_rows(self._session, self.keep):
            yield piece

    def _tell(self, day: Day) -> None:
        if (day.name, day.fate) in self._said:
            return
        match day.fate:
            case Fate.DROPPED:
                log.info("partition.dropped", partition=day.name)
                self._said -= {(day.name, fate) for fate in Fate}
                return
            case Fate.NEEDED:
                log.info("partition.needed", partition=day.name, note=day.why)
            case Fate.LOCKED:
                log.info("partition.locked", partition=day.name)
            case Fate.GONE:
                return
        self._said.add((day.name, day.fate))
