"""How soon work goes on: after a start, after kill -9 and a restart, and with a standby."""

import asyncio
import statistics

from tests.bench.figures import Figure
from tests.bench.stage import Stage, staged, working
from tests.support.eventually import eventually
from tests.support.postgres import Cluster

ROUNDS = 5


async def insert_now(stage: Stage) -> None:
    """One event that says when it was inserted."""
    await stage.insert_paced(seconds=1, per_s=1, endpoints=1)


async def next_delay_s(stage: Stage, delays: int = 1) -> float:
    """From the INSERT to the last of so many requests for it."""
    found: list[float] = []

    def are_here() -> bool:
        found.extend(stage.take_delays())
        return len(found) >= delays

    await eventually(lambda: asyncio.to_thread(are_here), within=60)
    return max(found) / 1000


async def start(stage: Stage) -> float:
    await insert_now(stage)
    async with working(stage):
        return await next_delay_s(stage)


async def restart(stage: Stage) -> float:
    """The receiver takes half a second to answer: what it was sent is in flight at the kill, and sent again."""
    async with working(stage) as first:
        await insert_now(stage)
        before = await next_delay_s(stage)
        await first.kill()
        async with working(stage):
            return await next_delay_s(stage) - before


async def takeover(stage: Stage) -> float:
    async with working(stage) as first, working(stage, until=b"work.awaited"):
        await insert_now(stage)
        before = await next_delay_s(stage)
        await first.kill()
        return await next_delay_s(stage) - before


async def measure(cluster: Cluster, scale: float) -> list[Figure]:
    rounds = max(1, round(ROUNDS * scale))
    taken: dict[str, list[float]] = {"start": [], "restart": [], "takeover": []}
    for name, act in {"start": start, "restart": restart, "takeover": takeover}.items():
        for _ in range(rounds):
            async with staged(cluster) as stage:
                await stage.endpoints(1, "slow")
                taken[name].append(await act(stage))
    return [
        Figure("start to first request", statistics.median(taken["start"]), "s", "1"),
        Figure("kill -9 and restart to first recovered request", statistics.median(taken["restart"]), "s", "3"),
        Figure("kill -9 to the standby's first recovered request", statistics.median(taken["takeover"]), "s", "1"),
    ]
