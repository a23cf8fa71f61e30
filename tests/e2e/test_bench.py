"""The yardstick measures what it says."""

from tests.bench.stage import staged, working


async def test_a_throughput_ends_when_the_last_delivery_is_settled(cluster):
    async with staged(cluster) as stage:
        await stage.endpoints(10)
        async with working(stage):
            assert await stage.throughput(300, 10) > 0
            left, delivered = await stage.db.fetchrow(
                "select (select count(*) from webhooks.deliveries), "
                "(select count(*) from webhooks.attempts where outcome = 'delivered')"
            )
    assert (left, delivered) == (0, 300)
