"""The server is there and says nothing: its processes stand still, as on a machine that swaps or moves."""

import pytest

from tests.support.eventually import eventually
from tests.support.trial import trial


async def test_a_short_pause_is_no_news(server, database, receiver):
    async with trial(database, receiver) as running:
        outage = running.outage()
        server.pause(postmaster=True)
        await eventually(lambda: outage.lasted_s > 1)
        server.go_on()
        await running.goes_on()
        assert not outage.told


@pytest.mark.parametrize("postmaster", [False, True], ids=["backends", "everything"])
async def test_a_pause_longer_than_a_beat_is_waited_out(server, database, receiver, postmaster):
    async with trial(database, receiver) as running:
        outage = running.outage()
        server.pause(postmaster=postmaster)
        await outage.told_of("listener.lost")
        await eventually(lambda: outage.lasted_s > 9)
        server.go_on()
        await outage.over()
