"""The connection that holds the work: its advisory lock says so, its LISTENs ring, its beat notices when it is lost."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from socket import gethostname

import asyncpg
import structlog

from dispatcher.errors import DatabaseAway
from dispatcher.store.session import Login, Session, foreseen

BEAT_S = 5.0
"""Between beats. A network that is lost in silence is found by the first beat without an answer in time."""
BEAT_TIMEOUT_S = 3.0

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds the work instead of us."""

    pid: int
    role: str
    application: str
    address: str | None

    def __str__(self) -> str:
        where = f" from {self.address}" if self.address else ""
        return f"{self.application or 'unnamed'}; role {self.role}{where}, backend pid {self.pid}"


class Listener:
    """One dispatcher holds the work. Postgres gives the lock up with the session, also when we die by kill -9."""

    def __init__(
        self,
        login: Login,
        bells: Mapping[str, Callable[[], None]],
        *,
        lost: Callable[[], None],
        taken_again: Callable[[], None],
    ) -> None:
        self._session = Session(login, f"holder pid {os.getpid()} on {gethostname()}")
        self._bells = bells
        self._lost = lost
        self._taken_again = taken_again
        self.holds = False

    def __repr__(self) -> str:
        return f"<Listener {'holds the work' if self.holds else 'does not hold the work'}>"

    async def take(self) -> Holder | None:
        """Try to become the holder, and listen; returns who is in the way. Raises `DatabaseAway`."""
        if not await self._session.value("take_lock"):
            rows = await self._session.fetch("name_holder")
            await self._session.close()
            if not rows:
                return Holder(0, "unknown", "gone this instant", None)
            return Holder(rows[0]["pid"], rows[0]["role"], rows[0]["application"], rows[0]["address"])
        await self._listen()
        self.holds = True
        for ring in self._bells.values():
            ring()  # Whatever was rung while nobody listened.
        return None

    async def _listen(self) -> None:
        connection = await self._session.connection()
        with foreseen():
            connection.add_termination_listener(self._terminated)
            for channel in self._bells:
                await connection.add_listener(channel, self._rung)

    def _rung(self, _connection: object, _pid: int, channel: str, _payload: object) -> None:
        self._bells[channel]()

    def _terminated(self, _connection: object) -> None:
        self._lose("its connection ended")

    def _lose(self, note: str) -> None:
        if self.holds:
            self.holds = False
            log.warning("listener.lost", note=note)
            self._lost()

    async def step(self) -> int:
        """Beat; or, after a loss, take the work again. Returns 1 when it was lost. Raises `DatabaseAway`."""
        if not self.holds:
            if holder := await self.take():
                raise DatabaseAway(f"the work is held by {holder}")
            # Not a moment later: nothing may start on what was known before another one could have had the work.
            self._taken_again()
            log.info("listener.returned")
            return 0
        connection = await self._session.connection()
        try:
            with foreseen():
                await connection.fetchval("select 1", timeout=BEAT_TIMEOUT_S)
        except DatabaseAway as error:
            late = isinstance(error.__cause__, TimeoutError)
            self._lose(f"no answer within {BEAT_TIMEOUT_S:g} s" if late else str(error))
            self._session.drop()
            return 1  # Taken again at once; why that fails, if it does, is what there is to say.
        return 0

    async def close(self) -> None:
        self.holds = False
        connection = await self._session.connection() if self._session.is_open else None
        if isinstance(connection, asyncpg.Connection):
            for channel in self._bells:
                with foreseen():
                    await connection.remove_listener(channel, self._rung)
        await self._session.close()
