"""A few sessions for many callers."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from dispatcher.store.session import Session


@dataclass(slots=True, eq=False)
class Turn:
    """Somebody who waits for a session, or has it."""

    of: int
    is_slow: bool
    given: asyncio.Future[Session]


class Shared:
    """Each caller has one to itself; the others wait. The one that was used last is given first: the rest stay shut.

    Nobody can keep the others out: who holds fewest comes next, nobody holds more than half, and what is known to take
    long has at most half of them together.
    """

    def __init__(self, sessions: Sequence[Session]) -> None:
        self._idle = list(reversed(sessions))
        self._most = max(len(sessions) // 2, 1)
        self._held: Counter[int] = Counter()
        self._slow = 0
        self._queue: list[Turn] = []

    def __repr__(self) -> str:
        return f"<Shared {self._held.total()} held, {len(self._idle)} idle, {len(self._queue)} wait>"

    @asynccontextmanager
    async def one(self, of: int, *, is_slow: bool = False) -> AsyncIterator[Session]:
        """`of`: whose it is, by any number that is theirs."""
        turn = Turn(of, is_slow, asyncio.get_running_loop().create_future())
        self._queue.append(turn)
        self._assign()
        try:
            yield await turn.given
        finally:
            self._end(turn)

    def _assign(self) -> None:
        while self._idle and (turn := self._next()) is not None:
            self._queue.remove(turn)
            self._held[turn.of] += 1
            self._slow += turn.is_slow
            turn.given.set_result(self._idle.pop())

    def _next(self) -> Turn | None:
        ready = (
            turn
            for turn in self._queue
            if not turn.given.done()  # cancelled, this very moment
            and self._held[turn.of] < self._most
            and not (turn.is_slow and self._slow >= self._most)
        )
        return min(ready, key=lambda turn: self._held[turn.of], default=None)

    def _end(self, turn: Turn) -> None:
        if turn in self._queue:  # cancelled while it waited
            self._queue.remove(turn)
            return
        self._held[turn.of] -= 1
        self._held += Counter()  # forgets those who hold none
        self._slow -= turn.is_slow
        self._idle.append(turn.given.result())
        self._assign()
