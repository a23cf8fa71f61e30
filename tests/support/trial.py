"""A daemon under a steady load, through something that happens to it, and how it is afterwards."""

import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import asyncpg

from tests.support.daemon import Daemon, starting
from tests.support.eventually import eventually
from tests.support.ledger import Ledger
from tests.support.postgres import Database, connected
from tests.support.processes import cpu_s
from tests.support.receiver import Receiver
from tests.support.sql import insert, subscribe

SETTINGS = {
    # No poll may hide that nobody listens, or that a stage has died.
    "dispatch__poll_s": 30,
    "dispatch__max_in_flight": 32,
    "dispatch__max_unsettled": 64,
}
DUPLICATES = SETTINGS["dispatch__max_in_flight"] + SETTINGS["dispatch__max_unsettled"]
"""For a daemon that died, or was cut off while another took over."""
PROBE = "probe.sent"
SOON_S = 2.0
"""About a second, on a machine that has other things to do."""
numbers = count(1)

BACKENDS = "select pid, application_name from pg_stat_activity where application_name like 'dispatcher: %'"
TERMINATE = f"select pg_terminate_backend(pid) from ({BACKENDS}) a where application_name like $1"


@dataclass
class Outage:
    """What the daemon said and spent since it began."""

    daemon: Daemon
    first_line: int = 0
    cpu_s: float = 0.0
    at: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self.first_line = len(self.daemon.log)
        self.cpu_s = cpu_s(self.daemon.process.pid)

    @property
    def told(self) -> list[dict[str, Any]]:
        """Whatever is not about an attempt."""
        return [line for line in self.daemon.log[self.first_line :] if not line["event"].startswith("attempt.")]

    @property
    def lasted_s(self) -> float:
        return time.monotonic() - self.at

    async def told_of(self, event: str, within: float = 30.0) -> dict[str, Any]:
        def found() -> dict[str, Any] | None:
            return next((line for line in self.told if line["event"] == event), None)

        try:
            return await eventually(found, within)
        except AssertionError:
            raise AssertionError(f"no {event} within {within} s in {self.told}") from None

    async def over(self, within: float = 30.0) -> None:
        """It holds the work again; it has said so, and said it once, and waiting has cost it nothing."""
        await self.told_of("listener.returned", within)
        self.has_not_spun()
        said = Counter(line["event"] for line in self.told)
        assert said["listener.lost"] == said["listener.returned"] == 1, self.told
        # One line per reason: it is refused, it starts up, it is there.
        assert said["database.awaited"] <= 4, self.told
        assert said["database.returned"] == min(said["database.awaited"], 1), self.told
        # That the database is away is the listener's to say: the stages have nothing to add.
        assert not said["loop.stalled"], self.told
        assert said.total() <= 7, self.told

    async def told_why(self, *words: str, within: float = 30.0) -> None:
        """Why the database is awaited, in some of these words."""

        def said() -> bool:
            notes = [line["note"] for line in self.told if line["event"] == "database.awaited"]
            return any(word in note for word in words for note in notes)

        try:
            await eventually(said, within)
        except AssertionError:
            raise AssertionError(f"no {words} within {within} s in {self.told}") from None

    def has_not_spun(self) -> None:
        spent = cpu_s(self.daemon.process.pid) - self.cpu_s
        assert spent < 0.5 + 0.25 * self.lasted_s, f"{spent:.2f} s of CPU in {self.lasted_s:.1f} s"


@dataclass
class Trial:
    database: Database
    receiver: Receiver
    daemon: Daemon
    ledger: Ledger
    probe: int
    daemons: AsyncExitStack
    duplicates: int = 0
    crowded: bool = False
    """For a while two may send at once."""

    def outage(self) -> Outage:
        return Outage(self.daemon)

    async def standby(self, dsn: str = "", **settings: object) -> Daemon:
        """Another one, on the same database."""
        other = await self.daemons.enter_async_context(starting(dsn or self.database.dsn, **SETTINGS | settings))
        await other.says("work.awaited")
        return other

    async def goes_on(self, more: int = 40) -> None:
        """So many more requests arrive."""
        enough = len(self.receiver.requests) + more
        await eventually(lambda: len(self.receiver.requests) >= enough)

    async def move_probe(self, db: asyncpg.Connection) -> str:
        """Change an endpoint's URL with SQL; returns where it is to be found now."""
        path = f"/probe/{next(numbers)}"
        await db.execute("update webhooks.endpoints set url = $1 where id = $2", self.receiver.url(path), self.probe)
        return path

    async def hears_of(self, db: asyncpg.Connection, path: str) -> None:
        """An INSERT arrives, and the change applies, each within a second or so: both bells are heard."""

        async def arrives_there() -> bool:
            known = self._probes()
            await insert(db, PROBE)
            await eventually(lambda: self._probes() > known, SOON_S)
            return bool(self.receiver.at(path))

        await eventually(arrives_there, SOON_S)

    def _probes(self) -> int:
        return sum(request.path.startswith("/probe/") for request in self.receiver.requests)


async def watched(ledger: Ledger, database: Database) -> int:
    """Endpoints of every kind; returns one that is not judged, for probes."""
    async with connected(database.dsn) as db:
        await ledger.watch(db, "/all")
        await ledger.watch(db, "/sent", "{order.sent}", max_in_flight=2)
        await ledger.watch(db, "/users", "{user.*}", max_in_flight=1)
        await ledger.watch(db, "/ordered", "{order.paid}", ordered=True)
        endpoint_id, _ = await subscribe(db, ledger.receiver.url("/probe/0"), f"{{{PROBE}}}")
    return endpoint_id


async def leaves_well(daemon: Daemon) -> None:
    daemon.terminate()
    assert await daemon.ends() == 0
    assert daemon.process.stderr is not None
    assert await daemon.process.stderr.read() == b""
    assert not daemon.said("dispatcher.crashed")


@asynccontextmanager
async def trial(
    database: Database, receiver: Receiver, dsn: str = "", *, under: Sequence[str] = (), **settings: object
) -> AsyncIterator[Trial]:
    """A daemon at work; afterwards it, or who has taken its place, is sound, owes nobody anything, and leaves well."""
    ledger = Ledger(database.dsn, receiver)
    probe = await watched(ledger, database)
    async with AsyncExitStack() as daemons:
        daemon = await daemons.enter_async_context(starting(dsn or database.dsn, under=under, **SETTINGS | settings))
        await daemon.says("work.taken")
        running = Trial(database, receiver, daemon, ledger, probe, daemons)
        async with ledger.producing():
            await running.goes_on()
            yield running
            await running.goes_on()
        async with connected(running.database.dsn) as db:
            await running.hears_of(db, await running.move_probe(db))
            await ledger.judge(db, duplicates=running.duplicates, crowded=running.crowded)
        await leaves_well(running.daemon)


async def fill(database: Database, crowd: AsyncExitStack) -> None:
    """Take every connection there is."""
    try:
        while True:
            crowd.push_async_callback((await asyncpg.connect(database.dsn_as("app_nobody"))).close)
    except asyncpg.TooManyConnectionsError:
        return
