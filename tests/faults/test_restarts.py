"""The server ends, in every way there is, and comes back."""

import pytest

from tests.support.eventually import eventually
from tests.support.processes import family
from tests.support.server import FAST, IMMEDIATE, KILL, SMART
from tests.support.trial import trial


@pytest.mark.parametrize("how", [FAST, IMMEDIATE, KILL], ids=["fast", "immediate", "killed"])
async def test_a_server_that_ends_and_comes_back_finds_the_daemon_waiting(server, database, receiver, how):
    async with trial(database, receiver) as running:
        outage = running.outage()
        await server.stop(how)
        await outage.told_of("database.awaited")
        await server.start()
        await outage.over()


async def test_a_server_told_to_end_smartly_is_worked_with_until_it_has(server, database, receiver):
    async with trial(database, receiver) as running:
        processes = family(server.pid)
        server.signal(SMART)
        await eventually(lambda: "received smart shutdown request" in server.said())
        outage = running.outage()
        await running.goes_on()
        assert not outage.told
        server.signal(FAST)
        await server.ended(processes)
        await outage.told_of("database.awaited")
        await server.start()
        await outage.over()


async def test_a_server_that_ends_again_and_again_is_found_each_time(server, database, receiver):
    async with trial(database, receiver) as running:
        for how in (IMMEDIATE, FAST, KILL):
            outage = running.outage()
            await server.restart(how)
            await outage.over()
            await running.goes_on()


async def test_a_server_that_takes_connections_only_to_refuse_them_is_waited_for(server, database, receiver):
    """As it does while it recovers; a standby that nobody may read does for as long as it is one."""
    async with trial(database, receiver) as running:
        outage = running.outage()
        await server.stop(KILL)
        (server.data / "standby.signal").touch()
        await server.start(hot_standby="off", until="entering standby mode")
        await outage.told_why("starting up", "not accepting connections", "not yet accepting connections")
        (server.data / "standby.signal").unlink()
        await server.restart(IMMEDIATE)
        await outage.over()
