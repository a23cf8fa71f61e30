"""One endpoint a million rows behind, and 5,000 parked: what that costs the others, and the memory of the process."""

from datetime import UTC, datetime, timedelta

from tests.bench.figures import Figure, ratio
from tests.bench.stage import Stage, staged, working
from tests.support.postgres import Cluster

ROWS, OTHERS, PARKED, EVENTS, ENDPOINTS, ROUNDS = 1_000_000, 5_000, 5_000, 10_000, 100, 3
BACKLOG = """
with stored as (
  insert into webhooks.events (type, data)
  select 'whale.t', json_build_object('pad', repeat('y', 400)) from generate_series(1, 1000) returning id
)
insert into webhooks.deliveries (event_id, endpoint_id)
select s.id, e.id from stored s, webhooks.endpoints e, generate_series(1, $1::int / 1000) where e.name = 'whale0'
"""


async def backlog(stage: Stage, rows: int, parked: int) -> None:
    """The whale's receiver takes half a second for each; the parked ones have an open delivery each."""
    now = datetime.now(UTC)
    await stage.endpoints(1, "slow", "whale")
    await stage.db.execute(BACKLOG, rows)
    await stage.endpoints(parked, "slow", "parked", parked_until=now + timedelta(days=1), failing_since=now)
    await stage.db.execute(
        "insert into webhooks.deliveries (event_id, endpoint_id) "
        "select webhooks.uuidv7(), id from webhooks.endpoints where name like 'parked%'"
    )
    await stage.db.execute("vacuum analyze webhooks.deliveries")


async def measure(cluster: Cluster, scale: float) -> list[Figure]:
    events = round(EVENTS * scale)
    empty, full = [], []
    async with staged(cluster) as without, staged(cluster) as with_whale:
        for stage in (without, with_whale):
            await stage.endpoints(ENDPOINTS)
            await stage.endpoints(round(OTHERS * scale), "other", "other")
        await backlog(with_whale, max(round(ROWS * scale), 1000), round(PARKED * scale))
        async with working(without), working(with_whale) as running:
            for stage, rates in ((without, empty), (with_whale, full)) * (ROUNDS + 1):
                rates.append(await stage.throughput(events, ENDPOINTS))
            resident = running.resident_mb
    return [
        Figure("deliveries per second with a whale, of those without", ratio(full[1:], empty[1:]), "x", "0.9"),
        Figure("resident memory with a whale", resident, "MB", "150"),
    ]
