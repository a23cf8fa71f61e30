"""The database is not there when the daemon starts: it waits, says why, and comes up by itself."""

from contextlib import AsyncExitStack, asynccontextmanager
from types import SimpleNamespace

import pytest

from tests.support.daemon import starting
from tests.support.ledger import Ledger
from tests.support.postgres import connected
from tests.support.trial import SETTINGS, Outage, fill, leaves_well, watched


@pytest.fixture
def place(server, network, cluster, database):
    return SimpleNamespace(server=server, network=network, cluster=cluster, database=database)


@asynccontextmanager
async def stopped(place):
    await place.server.stop()
    yield
    await place.server.start()


@asynccontextmanager
async def refusing(place):
    place.network.refuse()
    yield
    place.network.go_on()


@asynccontextmanager
async def silent(place):
    place.network.stall()
    yield
    place.network.go_on()


@asynccontextmanager
async def read_only(place):
    await place.cluster.execute("alter system set default_transaction_read_only = on", "select pg_reload_conf()")
    yield
    await place.cluster.execute("alter system reset all", "select pg_reload_conf()")


@asynccontextmanager
async def full(place):
    async with AsyncExitStack() as crowd:
        await fill(place.database, crowd)
        yield


@pytest.mark.parametrize("fault", [stopped, refusing, silent, read_only, full], ids=lambda fault: fault.__name__)
async def test_a_database_that_cannot_be_used_yet_is_waited_for(fault, place, receiver):
    dsn = place.database.dsn
    ledger = Ledger(dsn, receiver)
    await watched(ledger, place.database)
    async with connected(dsn) as db:
        for _ in range(20):
            await ledger.insert(db)
    async with AsyncExitStack() as stack:
        async with fault(place):
            daemon = await stack.enter_async_context(starting(place.network.dsn(place.database), **SETTINGS))
            await daemon.says("database.awaited")
            waiting = Outage(daemon)
            assert daemon.process.returncode is None
        await daemon.says("database.returned")
        waiting.has_not_spun()
        async with connected(dsn) as db:
            await ledger.judge(db)
        assert 1 <= len(daemon.said("database.awaited")) <= 3
        assert len(daemon.said("database.returned")) == 1
        assert not daemon.said("loop.stalled")
        await leaves_well(daemon)
