"""Deliveries per second, from event INSERT to settled, beside RAW on the same receiver; and the CPU of one delivery."""

from tests.bench.figures import Figure, ratio
from tests.bench.stage import staged, working
from tests.support.postgres import Cluster

EVENTS, ENDPOINTS, ROUNDS = 10_000, 100, 3


async def measure(cluster: Cluster, scale: float) -> list[Figure]:
    """RAW and the daemon in turn, so that a noisy neighbour disturbs both."""
    events = round(EVENTS * scale)
    raw, ours, cpu_us = [], [], []
    async with staged(cluster) as stage:
        await stage.endpoints(ENDPOINTS)
        async with working(stage) as running:
            await stage.throughput(max(events // 10, ENDPOINTS), ENDPOINTS)  # connections opened, plans made
            for _ in range(ROUNDS):
                raw.append(await stage.raw(events // 2, ENDPOINTS))
                before = running.cpu_s
                ours.append(await stage.throughput(events, ENDPOINTS))
                cpu_us.append((running.cpu_s - before) / events * 1e6)
            resident = running.resident_mb
    raw_per_s, raw_us = [of["per_s"] for of in raw], [of["cpu_us"] for of in raw]
    return [
        Figure("deliveries per second, of RAW's requests per second", ratio(ours, raw_per_s), "x RAW", "1.25"),
        Figure("CPU of the process per delivery, of RAW's per request", ratio(cpu_us, raw_us), "x RAW"),
        Figure("  deliveries per second, here and now", max(ours), "/s"),
        Figure("  RAW's requests per second, here and now", max(raw_per_s), "/s"),
        Figure("  CPU per delivery, here and now", min(cpu_us), "µs", "60"),
        Figure("  resident memory afterwards", resident, "MB"),
    ]
