"""90 healthy endpoints, alone and then beside 100 that never answer."""

from tests.bench.figures import Figure, percentile
from tests.bench.stage import Stage, staged, working
from tests.support.eventually import eventually
from tests.support.postgres import Cluster

HEALTHY, HANGING, SECONDS, PER_S = 90, 100, 20, 200


async def delays(stage: Stage, scale: float) -> list[float]:
    stage.take_delays()
    await stage.insert_paced(SECONDS * scale, PER_S, HEALTHY)
    await stage.settled()
    return stage.take_delays()


async def measure(cluster: Cluster, scale: float) -> list[Figure]:
    async with staged(cluster) as stage:
        await stage.endpoints(HEALTHY)
        await stage.endpoints(HANGING, "hang", "hang", timeout_s=30)
        async with working(stage):
            await delays(stage, scale / 4)
            alone = await delays(stage, scale)
            await stage.db.execute(
                "insert into webhooks.events (type, data) "
                "select 'hang' || n, '{}' from generate_series(0, $1::int - 1) n, generate_series(1, 20)", HANGING
            )  # fmt: skip
            # It is the hanging that is measured, not the burst of events that brings it about.
            await eventually(lambda: stage.db.fetchval("select not exists (select from webhooks.inbox)"))
            beside = await delays(stage, scale)
    return [
        Figure(
            "p99 of 90 endpoints while 100 others hang, of theirs alone",
            percentile(beside, 0.99) / percentile(alone, 0.99), "x", "1.2",
        )
    ]  # fmt: skip
