"""The doorbell: a hint that work may exist. Rings coalesce; the poll behind it is the truth."""

import asyncio
from contextlib import suppress


class Wakeup:
    def __init__(self) -> None:
        self._rung = asyncio.Event()

    def __repr__(self) -> str:
        return f"<Wakeup {'rung' if self._rung.is_set() else 'quiet'}>"

    def ring(self) -> None:
        self._rung.set()

    async def wait(self, at_most_s: float) -> None:
        """Return when rung, or after that time."""
        if not self._rung.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(at_most_s):
                    await self._rung.wait()
        # Cleared before the caller looks for work, never after: a ring that lands while it looks must survive.
        self._rung.clear()
