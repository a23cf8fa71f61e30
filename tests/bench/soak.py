"""`python -m tests.bench.soak [--minutes 30]`: a long mixed run; ends with 1 where memory or a hot table grows.

Endpoints that answer, dawdle, fail and hang; keys, replays, tests, an operator who pauses and resumes. Every few
seconds the daemon's memory and the size of what should stay small are noted; a chart of them is the result.
"""

import argparse
import asyncio
import itertools
import statistics
import sys
import time

import asyncpg
import uvloop

from tests.bench.stage import PADDING, Stage, Working, staged, working
from tests.support.postgres import connected, prepare, started

PER_S, ENDPOINTS, BAD, SAMPLES = 200, 40, 4, 60
SIZES = """
select relname, pg_table_size(relid) / 1048576.0 from pg_stat_user_tables
 where schemaname = 'webhooks' and relname in ('deliveries', 'inbox', 'changes', 'endpoints')
"""
BLOCKS = "▁▂▃▄▅▆▇█"
GROWTH, SLACK = 1.25, 8.0
"""The last quarter may lie above the second by this factor and so many MB; the first is for warming up."""

Series = dict[str, list[float]]


async def produce(db: asyncpg.Connection, until: float) -> None:
    """A steady application; every tenth event has a key that is used twice."""
    began = time.monotonic()
    for number in itertools.takewhile(lambda _: time.monotonic() < until, itertools.count()):
        await asyncio.sleep(max(0.0, began + number / PER_S - time.monotonic()))
        await db.fetchval(
            "select webhooks.emit($1, $2::text, key => $3)",
            f"{'bad' if number % 50 == 0 else 'a'}.t{number % (BAD if number % 50 == 0 else ENDPOINTS)}",
            f'{{"n":{number},"pad":"{PADDING}"}}',
            f"k{number // 20}" if number % 10 == 0 else None,
        )


async def operate(db: asyncpg.Connection, until: float) -> None:
    """What people do all day, to one endpoint after the other."""
    endpoint_ids = [row["id"] for row in await db.fetch("select id from webhooks.endpoints where name like 'a.t%'")]
    for endpoint_id in itertools.takewhile(lambda _: time.monotonic() < until, itertools.cycle(endpoint_ids)):
        for act in ("pause($1)", "ping($1)", "resume($1)", "replay($1, now() - interval '2 seconds')"):
            await db.execute(f"select webhooks.{act}", endpoint_id)
            await asyncio.sleep(0.5)


async def watch(db: asyncpg.Connection, running: Working, minutes: float) -> Series:
    series: Series = {}
    for _ in range(SAMPLES):
        await asyncio.sleep(minutes * 60 / SAMPLES)
        series.setdefault("memory of the process", []).append(running.resident_mb)
        for name, size in await db.fetch(SIZES):
            series.setdefault(f"table {name}", []).append(float(size))
    return series


async def play(minutes: float) -> bool:
    with started(fast=False) as cluster:
        await prepare(cluster)
        async with staged(cluster) as stage, working(stage, breaker__park_base_s=5, endpoint__timeout_s=2) as running:
            await set_up(stage)
            async with connected(stage.database.dsn) as app, connected(stage.database.dsn) as operator:
                until = time.monotonic() + minutes * 60
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(produce(app, until))
                    tasks.create_task(operate(operator, until))
                    watching = tasks.create_task(watch(stage.db, running, minutes))
            await stage.settled()
            return report(watching.result(), minutes, await stage.db.fetchval("select count(*) from webhooks.attempts"))


async def set_up(stage: Stage) -> None:
    await stage.endpoints(ENDPOINTS)
    for path in ("slow", "hang", "fail"):
        await stage.endpoints(BAD, path, "bad.t")


def report(series: Series, minutes: float, attempts: int) -> bool:
    """Print the chart; whether all of it is flat."""
    print(f"{minutes:g} minutes, {attempts} attempts, in MB: the least, the chart, the most; second and last quarter")
    flat = {name: chart(name, values) for name, values in series.items()}
    return all(flat.values())


def chart(name: str, values: list[float]) -> bool:
    least, most = min(values), max(values)
    blocks = "".join(BLOCKS[round(value / most * 7)] for value in values)
    quarter = len(values) // 4
    second, last = statistics.median(values[quarter : 2 * quarter]), statistics.median(values[-quarter:])
    flat = last <= second * GROWTH or last <= second + SLACK
    print(f"{name:22} {least:7.2f} {blocks} {most:7.2f}  {second:.2f} {last:.2f}{'' if flat else '  GROWS'}")
    return flat


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0)
    sys.exit(not uvloop.run(play(parser.parse_args().minutes)))


if __name__ == "__main__":
    main()
