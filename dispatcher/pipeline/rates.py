"""Counts attempts, minute by minute: how an endpoint has done is then the sum of a few rows, not of ten million."""

from dispatcher.errors import StatementFailed
from dispatcher.store.session import Session

EVERY_S = 30.0
"""What is not counted yet is looked up attempt by attempt: that of the last two minutes."""
LATE_S = 45.0
"""A minute is counted so long after its end: a settle, which is dated by its beginning, has 30 s."""
MOST = 15
"""Minutes at once, when there is something to catch up with; fewer after a statement that took too long."""
SLICE = 50_000


class Rates:
    """Two at once do no harm: each statement does all of its part or nothing, and what is done is not done again."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._most = 1
        self._is_tidy = False

    async def step(self) -> int:
        """Count some minutes, or put together or delete a slice of what is old; returns 0 when nothing is left."""
        found = await self._count() or await self._tidy_up()
        if not found:
            await self._session.close()  # half a minute is long to hold a connection for nothing
        return found

    async def _count(self) -> int:
        try:
            uncounted = await self._session.fetch("find_uncounted", self._most, LATE_S)
            for row in uncounted:
                if row["until"] < row["since"]:
                    await self._session.fetch("count_again", row["since"], row["until"])
                else:
                    await self._session.fetch("count_attempts", row["since"], row["low"], row["until"], row["minutes"])
        except StatementFailed:
            self._most = 1
            raise
        self._most = min(2 * self._most, MOST)
        self._is_tidy = self._is_tidy and not uncounted
        return len(uncounted)

    async def _tidy_up(self) -> int:
        """Once for each time that something was counted: every endpoint is looked at."""
        if self._is_tidy:
            return 0
        found = await self._session.value("fold_rates", SLICE) or await self._session.value("delete_old_rates", SLICE)
        self._is_tidy = not found
        return int(found)
