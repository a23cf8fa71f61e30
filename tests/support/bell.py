"""The channel that rings the dispatcher, heard by a test."""

from uuid import uuid4

import asyncpg

from tests.support.eventually import eventually


class Bell:
    """Counts rings; `count` waits until all that was committed before it has arrived."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection
        self._heard: list[tuple[str, str]] = []

    def _note(self, _connection: object, _pid: int, channel: str, payload: str) -> None:
        self._heard.append((channel, payload))

    async def listen(self) -> "Bell":
        await self._connection.add_listener("webhooks_inbox", self._note)
        await self._connection.add_listener("fence", self._note)
        return self

    async def count(self) -> int:
        mark = uuid4().hex
        await self._connection.execute("select pg_notify('fence', $1)", mark)
        await eventually(lambda: ("fence", mark) in self._heard)
        assert {payload for channel, payload in self._heard if channel == "webhooks_inbox"} <= {""}
        return sum(channel == "webhooks_inbox" for channel, _ in self._heard)
