"""The server is well, but the way to it is not."""

from tests.support.eventually import eventually
from tests.support.trial import TERMINATE, trial


async def test_a_network_that_is_cut_and_back_at_once_costs_a_moment(network, database, receiver):
    async with trial(database, receiver, network.dsn(database)) as running:
        for _ in range(4):
            outage = running.outage()
            network.cut()
            await outage.over()
            await running.goes_on()


async def test_a_network_that_refuses_is_asked_seldom(network, database, receiver):
    async with trial(database, receiver, network.dsn(database)) as running:
        outage, known = running.outage(), network.accepted
        network.refuse()
        await outage.told_of("database.awaited")
        await eventually(lambda: outage.lasted_s > 3)
        assert network.accepted - known <= 15
        network.go_on()
        await outage.over()


async def test_what_was_changed_meanwhile_applies_when_it_is_back(network, root, database, receiver):
    async with trial(database, receiver, network.dsn(database)) as running:
        outage = running.outage()
        network.refuse()
        await outage.told_of("database.awaited")
        path = await running.move_probe(root)
        network.go_on()
        await outage.over()
        await running.hears_of(root, path)


async def test_a_network_that_falls_silent_for_a_moment_is_no_news(network, database, receiver):
    async with trial(database, receiver, network.dsn(database)) as running:
        outage = running.outage()
        network.stall()
        await eventually(lambda: outage.lasted_s > 1)
        network.go_on()
        await running.goes_on()
        assert not outage.told


async def test_a_network_that_falls_silent_for_longer_than_a_beat_is_lost_and_found(network, database, receiver):
    async with trial(database, receiver, network.dsn(database)) as running:
        outage, known = running.outage(), network.accepted
        network.stall()
        assert "no answer" in (await outage.told_of("listener.lost"))["note"]
        network.go_on()
        await outage.over()
        assert network.accepted - known <= 15


async def test_connections_that_fall_silent_for_good_are_all_given_up_together(network, root, database, receiver):
    """The server ends its part in its own time; no statement of ours waits for an answer that cannot come."""
    async with trial(database, receiver, network.dsn(database)) as running:
        outage = running.outage()
        network.lose()
        await outage.told_of("listener.lost")
        await root.execute(TERMINATE, "%")
        await outage.over()
        await running.goes_on(100)
