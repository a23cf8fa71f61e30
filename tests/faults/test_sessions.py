"""The server is well, but ends our sessions, has none for us, or lets us write nothing."""

from contextlib import AsyncExitStack

import asyncpg

from tests.support.eventually import eventually
from tests.support.trial import BACKENDS, TERMINATE, fill, trial


async def sessions(root: asyncpg.Connection) -> set[str]:
    return {row["application_name"].removeprefix("dispatcher: ").split()[0] for row in await root.fetch(BACKENDS)}


async def test_each_session_may_be_terminated_and_only_the_holder_s_is_worth_a_word(root, database, receiver):
    async with trial(database, receiver) as running:
        for name in sorted(await sessions(root) - {"holder"}):
            outage = running.outage()
            assert await root.execute(TERMINATE, f"dispatcher: {name}%") == "SELECT 1", name
            await running.goes_on()
            assert not outage.told, name
        outage = running.outage()
        await root.execute(TERMINATE, "dispatcher: holder%")
        await outage.over()


async def test_all_sessions_may_be_terminated_at_once_again_and_again(root, database, receiver):
    async with trial(database, receiver) as running:
        for _ in range(6):
            outage = running.outage()
            await root.execute(TERMINATE, "%")
            await outage.over()
            await running.goes_on()


async def test_a_database_gone_over_to_read_only_counts_as_lost(cluster, database, receiver):
    async with trial(database, receiver) as running:
        outage = running.outage()
        await cluster.execute("alter system set default_transaction_read_only = on", "select pg_reload_conf()")
        await outage.told_why("read-only")
        await cluster.execute("alter system reset default_transaction_read_only", "select pg_reload_conf()")
        await outage.over()


async def test_no_connection_left_is_waited_out(root, database, receiver):
    async with trial(database, receiver) as running, AsyncExitStack() as crowd:
        outage = running.outage()
        while not any(line["event"] == "database.awaited" for line in outage.told):
            # Whoever is quicker has the connections that are free now. Where that was the listener, the stages had
            # none, and rightly said so: from the beginning, then.
            await crowd.aclose()
            await running.goes_on()
            outage = running.outage()
            await fill(database, crowd)
            await root.execute(TERMINATE, "%")
            await fill(database, crowd)
            await outage.told_of("listener.lost")
            await eventually(lambda o=outage: {"listener.returned", "database.awaited"} & {x["event"] for x in o.told})
        await outage.told_why("too many clients", "connection slots")
        await crowd.aclose()
        await outage.over()
