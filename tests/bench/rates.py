"""Ten million attempts in a day: what a look at the delivery rates costs, and what it costs to keep them."""

import statistics
import time
from datetime import timedelta

import asyncpg

from dispatcher.pipeline.rates import Rates
from dispatcher.store.session import PLANS, Login, Session
from tests.bench.figures import Figure
from tests.support.postgres import Cluster, connected

ATTEMPTS, ENDPOINTS, ROUNDS = 10_000_000, 10_000, 9
BATCH = 250_000
FILL = """
insert into webhooks.attempts (delivery_id, event_id, endpoint_id, attempt, at, duration_ms, status, outcome, reason)
select n, ('00000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid,
       1 + (hashint8(n) & 2147483647) % $3::int, 1,
       -- Some of them ahead, so that the minutes to be counted next are like all others.
       $4::timestamptz + n::float8 / $5::int * interval '24 h 30 min',
       (20 * exp(random() * 3))::int, case when n % 20 = 0 then 503 else 200 end,
       case when n % 20 = 0 then 'retrying' else 'delivered' end, case when n % 20 = 0 then 'http_503' end
  from generate_series($1::bigint, $2::bigint - 1) n
"""
BY_HAND = """
select a.endpoint_id, count(*) filter (where a.outcome = 'delivered') as delivered_24h,
       count(*) filter (where a.outcome <> 'delivered') as failed_24h,
       count(*) filter (where a.outcome = 'delivered' and a.at >= now() - interval '1 h') as delivered_1h,
       count(*) filter (where a.outcome <> 'delivered' and a.at >= now() - interval '1 h') as failed_1h,
       percentile_disc(0.95) within group (order by a.duration_ms)
         filter (where a.at >= now() - interval '1 h') as p95_ms_1h
  from webhooks.attempts a
 where a.at >= now() - interval '24 h' and a.at <= now()
 group by a.endpoint_id
"""
PAGE = "select * from webhooks.endpoint_status where endpoint_id > $1 order by endpoint_id limit 50"
WITHOUT = f"select endpoint_id, tenant, name, url, state, open, last_status from ({PAGE}) page"
ALL = "select * from webhooks.endpoint_status"


async def took_ms(db: asyncpg.Connection, query: str, *args: object) -> float:
    began = time.perf_counter()
    await db.fetch(query, *args)
    return (time.perf_counter() - began) * 1000


async def page_ms(db: asyncpg.Connection, query: str, endpoints: int) -> float:
    """The median of pages from here and there."""
    places = [endpoints * number // ROUNDS for number in range(ROUNDS)]
    await took_ms(db, query, 0)
    return statistics.median([await took_ms(db, query, place) for place in places])


async def counted_ms(session: Session, minutes: int) -> float:
    """The median of the next minutes, each counted as the dispatcher does."""
    took = []
    for _ in range(minutes):
        (row,) = await (await session.connection()).fetch("select until from webhooks.rates_until")
        began = time.perf_counter()
        await session.fetch("count_attempts", row["until"], row["until"], row["until"] + timedelta(minutes=1), 1)
        took.append((time.perf_counter() - began) * 1000)
    await session.close()
    return statistics.median(took)


async def measure(cluster: Cluster, scale: float) -> list[Figure]:
    """As somebody with an ordinary session sees it, who has the planner at its defaults."""
    attempts, endpoints = round(ATTEMPTS * scale), max(round(ENDPOINTS * scale), 100)
    async with cluster.database() as database, connected(database.dsn) as db:
        session = Session(Login(database.dsn, settings=PLANS), "rates")
        stage = Rates(session)
        await db.execute(
            "insert into webhooks.endpoints (url) select 'https://example.com/' || n "
            "from generate_series(1, $1::int) n",
            endpoints,
        )
        await db.execute("vacuum analyze webhooks.endpoints")
        empty_ms, all_empty_ms = await page_ms(db, PAGE, endpoints), await took_ms(db, ALL)
        first = await db.fetchval("select now() - interval '24 h'")
        for low in range(0, attempts, BATCH):
            await db.execute(FILL, low, min(low + BATCH, attempts), endpoints, first, attempts)
        await db.execute("update webhooks.rates_until set until = date_bin('15 min', $1, 'epoch')", first)
        await db.execute("vacuum analyze webhooks.attempts")
        began = time.perf_counter()
        while await stage.step():
            pass
        caught_up_s = time.perf_counter() - began
        page, without = await page_ms(db, PAGE, endpoints), await page_ms(db, WITHOUT, endpoints)
        everything = statistics.median([await took_ms(db, ALL) for _ in range(3)])
        by_hand = await took_ms(db, BY_HAND)
        minute = await counted_ms(session, 5)
    return [
        Figure("a page of 50 endpoints with their rates, of one without attempts", page / empty_ms, "x"),
        Figure("every endpoint with its rates, of adding up the attempts", everything / by_hand, "x"),
        Figure("  a page of 50 with rates, here and now", page, "ms"),
        Figure("  a page of 50 without rates, here and now", without, "ms"),
        Figure("  every endpoint, here and now", everything, "ms"),
        Figure("  every endpoint, where there were no attempts", all_empty_ms, "ms"),
        Figure("  a minute's attempts counted, once a minute", minute, "ms"),
        Figure("  a day caught up with, once", caught_up_s, "s"),
    ]
