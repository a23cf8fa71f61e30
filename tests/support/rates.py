"""Attempts of some time ago, what `endpoint_rates` should say of them, and how time passes for them."""

from datetime import timedelta

import asyncpg

from dispatcher.pipeline.rates import Rates
from dispatcher.store.session import PLANS, Login, Session

PUT = """
insert into webhooks.attempts (delivery_id, event_id, endpoint_id, attempt, at, duration_ms, outcome, reason)
select n, webhooks.uuidv7(), $1, 1, now() - $2::interval, $3, $4, $5 from generate_series(1, $6::int) n
"""
SCATTER = """
insert into webhooks.attempts (delivery_id, event_id, endpoint_id, attempt, at, duration_ms, outcome, reason)
select n, webhooks.uuidv7(), 1 + n % $1::int, 1,
       -- Half of them in the last hour, where they count twice.
       now() - random() * case when n % 2 = 0 then interval '60 min' else interval '26 h' end,
       exp(random() * 10)::int, (array['delivered', 'delivered', 'retrying', 'dead'])[1 + n % 4],
       (array[null, null, 'http_503', 'timeout'])[1 + n % 4]
  from generate_series(1, $2::int) n
"""
COUNTED_BY_HAND = """
with spans as (
  select date_trunc('minute', now() - interval '1 h') as hour,
         date_bin('15 min', now() - interval '24 h', '2000-01-01 00:00+00') as day
), tried as (
  select a.*, a.at >= s.hour as in_hour
    from webhooks.attempts a, spans s
   where a.at >= s.day and a.at <= now() and a.outcome in ('delivered', 'retrying', 'dead')
     and coalesce(a.reason, '') not in ('secret', 'proxy', 'internal')
)
select e.id as endpoint_id, e.tenant,
       count(t) filter (where in_hour and outcome = 'delivered') as delivered_1h,
       count(t) filter (where in_hour and outcome <> 'delivered') as failed_1h,
       count(t) filter (where outcome = 'delivered') as delivered_24h,
       count(t) filter (where outcome <> 'delivered') as failed_24h,
       percentile_disc(0.95) within group (order by duration_ms) filter (where in_hour) as p95_ms_1h,
       percentile_disc(0.95) within group (order by duration_ms) as p95_ms_24h
  from webhooks.endpoints e left join tried t on t.endpoint_id = e.id
 group by e.id
"""
COUNTS = ("delivered_1h", "failed_1h", "delivered_24h", "failed_24h")
SUMS = """
select r.endpoint_id, r.minutes, sum(r.delivered)::bigint, sum(r.failed)::bigint,
       (select array_agg((b.bucket, b.n)::text order by b.bucket) from (
          select u.bucket, sum(u.n) as n from webhooks.rates x cross join unnest(x.buckets, x.counts) u (bucket, n)
           where x.endpoint_id = r.endpoint_id and x.minutes = r.minutes group by u.bucket) b)
  from webhooks.rates r
 group by r.endpoint_id, r.minutes
"""
SUMMED = """
select s.endpoint_id, s.minutes, s.delivered, s.failed,
       (select array_agg((u.bucket, u.n)::text order by u.bucket) from unnest(s.buckets, s.counts) u (bucket, n))
  from webhooks.rates_sums s
"""


def stage_of(dsn: str, **settings: str) -> Rates:
    """As the daemon has it; its session is closed by its last step."""
    return Rates(Session(Login(dsn, settings={**PLANS, **settings}), "rates"))


async def put(
    db: asyncpg.Connection, endpoint_id: int, outcome: str = "delivered", reason: str | None = None,
    *, ago: timedelta = timedelta(), duration_ms: int = 100, count: int = 1,
) -> None:  # fmt: skip
    """Attempts as the dispatcher wrote them then."""
    await db.execute(PUT, endpoint_id, ago, duration_ms, outcome, reason, count)


async def scatter(db: asyncpg.Connection, endpoints: int, attempts: int) -> None:
    """Attempts of the last day and a bit, for that many endpoints, from 1."""
    await db.execute(SCATTER, endpoints, attempts)


async def pass_time(db: asyncpg.Connection, passed: timedelta) -> None:
    """Everything is that much older; by whole quarters of an hour, because what was counted is of such."""
    assert not passed % timedelta(minutes=15)
    async with db.transaction():
        for table in ("attempts", "rates"):
            await db.execute(f"update webhooks.{table} set at = at - $1::interval", passed)
        await db.execute("update webhooks.rates_until set until = until - $1::interval", passed)


async def work(stage: Rates) -> int:
    """All that is to be done; how many steps that took."""
    steps = 0
    while await stage.step():
        steps += 1
    return steps


async def rates(db: asyncpg.Connection, endpoint_id: int) -> asyncpg.Record:
    return await db.fetchrow("select * from webhooks.endpoint_rates where endpoint_id = $1", endpoint_id)


async def are_exact(db: asyncpg.Connection) -> int:
    """Assert that the views say what counting by hand does, and the sums what they sum; returns how many there are."""
    async with db.transaction(isolation="repeatable_read"):
        expected = {row["endpoint_id"]: row for row in await db.fetch(COUNTED_BY_HAND)}
        shown = await db.fetch("select * from webhooks.endpoint_rates")
        status = {row["endpoint_id"]: row for row in await db.fetch("select * from webhooks.endpoint_status")}
        summed, sums = await db.fetch(SUMMED), await db.fetch(SUMS)
    assert {row["endpoint_id"] for row in shown} == set(expected) == set(status)
    for row in shown:
        by_hand = expected[row["endpoint_id"]]
        assert [row[name] for name in COUNTS] == [by_hand[name] for name in COUNTS]
        assert is_about(row["p95_ms_1h"], by_hand["p95_ms_1h"])
        assert is_about(row["p95_ms_24h"], by_hand["p95_ms_24h"])
        for name in (*COUNTS, "p95_ms_1h"):
            assert status[row["endpoint_id"]][name] == row[name]
    assert sorted(summed, key=lambda row: row[:2]) == sorted(sums, key=lambda row: row[:2])
    return sum(row["delivered_24h"] + row["failed_24h"] for row in shown)


def is_about(shown: int | None, exactly: int | None) -> bool:
    """As near as is promised: a tenth, or the millisecond that it is rounded to."""
    if shown is None or exactly is None:
        return shown is exactly
    return abs(shown - exactly) <= max(0.0906 * exactly + 0.5, 1)
