"""A few sessions for many callers."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from dispatcher.store.session import Session


class Shared:
    """Each caller has one to itself; the others wait. The one that was used last is given first: the rest stay shut."""

    def __init__(self, sessions: Sequence[Session]) -> None:
        self._idle: asyncio.LifoQueue[Session] = asyncio.LifoQueue()
        self._all = len(sessions)
        for session in reversed(sessions):
            self._idle.put_nowait(session)

    def __repr__(self) -> str:
        return f"<Shared {self._all - self._idle.qsize()}/{self._all}>"

    @asynccontextmanager
    async def one(self) -> AsyncIterator[Session]:
        session = await self._idle.get()
        try:
            yield session
        finally:
            self._idle.put_nowait(session)
