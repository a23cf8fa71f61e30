"""The way out, and another one after a reload: what is in flight ends on the old."""

from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Self

from dispatcher.config import Settings
from dispatcher.daemon import values
from dispatcher.transport.sender import Sender

LAST_REQUEST_S = 35.0
"""Above the longest deadline: then nothing is in flight on a sender that was replaced."""


class Senders:
    """An async context manager: leaving it closes every sender. Raises `ConfigError` where one cannot be made."""

    def __init__(self, settings: Settings, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._stack = AsyncExitStack()
        self._retired: list[tuple[float, Sender]] = []
        self.current = values.sender(settings)

    async def __aenter__(self) -> Self:
        await self.current.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        for sender in (*(sender for _, sender in self._retired), self.current):
            self._stack.push_async_exit(sender)
        await self._stack.aclose()

    async def replace(self, settings: Settings) -> Sender:
        """Send by other rules from now on."""
        sender = await values.sender(settings).__aenter__()
        self._retired.append((self._clock() + LAST_REQUEST_S, self.current))
        self.current = sender
        return sender

    async def tidy(self) -> None:
        """Close those that nothing is in flight on any more."""
        while self._retired and self._retired[0][0] <= self._clock():
            await self._retired.pop(0)[1].__aexit__(None, None, None)
