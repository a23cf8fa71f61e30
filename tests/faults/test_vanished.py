"""The holder's host is gone without a word: no end of a connection, no refusal. The server finds out by itself."""

import time

import pytest

from tests.support.host import another_host
from tests.support.postgres import prepare
from tests.support.receiver import Receiver
from tests.support.server import serving
from tests.support.trial import DUPLICATES, trial

SETTINGS = {"endpoint__timeout_s": 2, "egress__allow_networks": '["127.0.0.0/8", "10.0.0.0/8"]'}


@pytest.fixture(scope="module")
def host():
    with another_host() as host:
        yield host


async def test_a_standby_takes_over_within_20_s_of_a_host_that_vanished(host):
    async with serving(listen_addresses=host.address) as cluster, Receiver(host.address) as receiver:
        with (cluster.server.data / "pg_hba.conf").open("a") as hba:
            hba.write("host all all 10.0.0.0/8 trust\n")
        await cluster.execute("select pg_reload_conf()")
        await prepare(cluster)
        async with cluster.database() as database:
            dsn = f"postgresql://app_owner@{host.address}/{database.name}"
            async with trial(database, receiver, dsn, under=host.under, **SETTINGS) as running:
                second, outage = await running.standby(**SETTINGS), running.outage()
                host.vanish()
                vanished_at = time.monotonic()
                await second.says("work.taken")
                took_s = time.monotonic() - vanished_at
                print(f"a host that vanished: taken over in {took_s:.1f} s")
                assert took_s < 20
                await outage.told_of("listener.lost")
                running.daemon, running.duplicates, running.crowded = second, DUPLICATES, True
                await running.goes_on(100)
                outage.has_not_spun()
