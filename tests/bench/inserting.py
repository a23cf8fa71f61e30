"""What the application pays: events inserted by 16 clients, beside the same table without our triggers."""

import asyncio
import time

from tests.bench.figures import Figure, ratio
from tests.bench.stage import Stage, body_of, staged, working
from tests.support.postgres import Cluster, connected

CLIENTS, EACH, ROUNDS = 16, 500, 3
INTO = "insert into {} (type, data) values ('a.unwanted', $1::text::json)"


async def rate(stage: Stage, table: str, each: int) -> float:
    """Transactions per second, an event each."""

    async def client() -> None:
        async with connected(stage.database.dsn) as db:
            ready.release()
            await start.wait()
            for number in range(each):
                await db.execute(INTO.format(table), body_of(number))

    ready, start = asyncio.Semaphore(0), asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        for _ in range(CLIENTS):
            tasks.create_task(client())
        for _ in range(CLIENTS):
            await ready.acquire()
        began = time.perf_counter()
        start.set()
    return CLIENTS * each / (time.perf_counter() - began)


async def measure(cluster: Cluster, scale: float) -> list[Figure]:
    each, plain, ours = round(EACH * scale), [], []
    async with staged(cluster) as stage:
        await stage.db.execute("create table plain (like webhooks.events including all)")
        async with working(stage):
            for _ in range(ROUNDS):
                plain.append(await rate(stage, "plain", each))
                ours.append(await rate(stage, "webhooks.events", each))
    return [Figure("events per second of 16 clients, of a plain table's rows", ratio(ours, plain), "x", "0.9")]
