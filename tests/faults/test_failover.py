"""The server dies for good, and its replica takes its place."""

from dataclasses import replace

from tests.support.server import serving
from tests.support.trial import trial


async def test_a_replica_is_waited_for_until_it_is_promoted(server, network, database, receiver):
    async with serving(replica_of=server) as replica, trial(database, receiver, network.dsn(database)) as running:
        outage = running.outage()
        await server.stop()
        network.upstream = str(replica.server.folder)
        running.database = replace(database, folder=network.upstream)
        running.ledger.dsn = running.database.dsn
        await outage.told_why("read-only", "during recovery")
        replica.server.promote()
        await outage.over()
