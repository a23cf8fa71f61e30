"""From just before the INSERT to the request at the receiver, at 200 events a second and otherwise idle."""

from tests.bench.figures import Figure, percentile
from tests.bench.stage import staged, working
from tests.support.postgres import Cluster

SECONDS, PER_S, ENDPOINTS = 20, 200, 20


async def measure(cluster: Cluster, scale: float) -> list[Figure]:
    async with staged(cluster) as stage:
        await stage.endpoints(ENDPOINTS)
        async with working(stage):
            await stage.throughput(10 * ENDPOINTS, ENDPOINTS)
            stage.take_delays()
            await stage.insert_paced(SECONDS * scale, PER_S, ENDPOINTS)
            await stage.settled()
            delays = stage.take_delays()
    return [
        Figure("INSERT to request, 200 events/s: p50", percentile(delays, 0.5), "ms", "2"),
        Figure("INSERT to request, 200 events/s: p99", percentile(delays, 0.99), "ms", "6"),
    ]
