"""What the benchmarks play on: a Postgres, a receiver and the daemon, each a process of its own."""

import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

import asyncpg

from tests.support.daemon import environment
from tests.support.eventually import eventually
from tests.support.postgres import Cluster, Database, connected

PADDING = "y" * 400
INSERT = (
    "insert into webhooks.events (type, data) select $1 || n % $2, $3::text::json from generate_series($4::int, $5) n"
)
BATCH = 500
NOTHING_OPEN = """
select not exists (select from webhooks.inbox) and not exists (
  select from unnest($1::bigint[]) e (id)
   cross join lateral (select from webhooks.deliveries d where d.endpoint_id = e.id and not d.test limit 1) one
)
"""


def body_of(number: int) -> str:
    """Half a kilobyte, as a webhook is."""
    return f'{{"n":{number},"pad":"{PADDING}"}}'


@dataclass
class Stage:
    """One database with its owner's connection, a receiver, and in turn RAW and the daemon."""

    database: Database
    db: asyncpg.Connection
    port: int

    async def endpoints(self, count: int, path: str = "", types: str = "a.t", **settings: object) -> None:
        """`count` of them, the n-th subscribed to `<types><n>`, from 0."""
        named = "".join(f", {name}" for name in settings)
        given = "".join(f", ${place}" for place in range(4, 4 + len(settings)))
        await self.db.execute(
            f"with made as (insert into webhooks.endpoints (url, name{named}) "
            f"select $1::text || n, $2 || n{given} from generate_series(0, $3::int - 1) n returning id, name) "
            "insert into webhooks.subscriptions (endpoint_id, pattern) select id, name from made",
            f"http://127.0.0.1:{self.port}/{path}", types, count, *settings.values(),
        )  # fmt: skip

    async def insert(self, events: int, endpoints: int) -> None:
        """Events for the endpoints in turn, a few hundred in each transaction."""
        for first in range(0, events, BATCH):
            last = min(first + BATCH, events) - 1
            await self.db.execute(INSERT, "a.t", endpoints, body_of(first), first, last)

    async def insert_paced(self, seconds: float, per_s: int, endpoints: int) -> None:
        """Events one by one, each with the instant it was inserted at."""
        began = time.monotonic()
        for number in range(round(seconds * per_s)):
            await asyncio.sleep(max(0.0, began + number / per_s - time.monotonic()))
            await self.db.execute(
                "insert into webhooks.events (type, data) values ($1, $2::text::json)",
                f"a.t{number % endpoints}",
                f'{{"sent":{time.monotonic_ns()},"pad":"{PADDING}"}}',
            )

    async def settled(self) -> None:
        """Until nothing is open for the endpoints that `insert` sends to."""
        found = await self.db.fetch("select id from webhooks.endpoints where name like 'a.t%'")
        served = [row["id"] for row in found]
        await eventually(lambda: self.db.fetchval(NOTHING_OPEN, served), within=600)

    async def throughput(self, events: int, endpoints: int) -> float:
        """Deliveries per second, from the first INSERT until the last is settled."""
        began = time.perf_counter()
        await self.insert(events, endpoints)
        await self.settled()
        return events / (time.perf_counter() - began)

    async def raw(self, requests: int, urls: int) -> dict[str, float]:
        """RAW on the same receiver."""
        return json.loads(await _output("tests.bench.raw", str(self.port), str(requests), str(urls)))

    def take_delays(self) -> list[float]:
        """In ms, of what the receiver got since the last time."""
        with urlopen(f"http://127.0.0.1:{self.port}/take") as answer:
            return json.load(answer)


@asynccontextmanager
async def staged(cluster: Cluster) -> AsyncIterator[Stage]:
    """A fresh database and a receiver."""
    async with cluster.database() as database, connected(database.dsn) as db, _receiver() as port:
        yield Stage(database, db, port)


class Working:
    """The daemon as a process, everything on; its log goes to a file, as under journald."""

    def __init__(self, process: asyncio.subprocess.Process, log: Path) -> None:
        self._process = process
        self.log = log

    async def kill(self) -> None:
        self._process.kill()
        await self._process.wait()

    @property
    def cpu_s(self) -> float:
        user, system = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    @property
    def resident_mb(self) -> float:
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) / 1024


@asynccontextmanager
async def working(stage: Stage, until: bytes = b"work.taken", **settings: object) -> AsyncIterator[Working]:
    """Started, and said `until` in its log; stopped and drained at the end, unless it was killed."""
    with tempfile.NamedTemporaryFile() as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "dispatcher", "run", env=environment(stage.database.dsn, **settings), stdout=log
        )
        try:
            running = Working(process, Path(log.name))
            await eventually(lambda: until in running.log.read_bytes())
            yield running
        finally:
            if process.returncode is None:
                process.terminate()
                await process.wait()


@asynccontextmanager
async def _receiver() -> AsyncIterator[int]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.bench.receiver", stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        yield int(await process.stdout.readline())
    finally:
        process.kill()
        await process.wait()


async def _output(*module: str) -> bytes:
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", *module, stdout=asyncio.subprocess.PIPE)
    said, _ = await process.communicate()
    assert process.returncode == 0, module
    return said
