"""What was in flight or unwritten when the database went: written first when it is back, and not sent again."""

from tests.support.daemon import starting
from tests.support.eventually import eventually
from tests.support.postgres import connected
from tests.support.sql import all_settled, attempts, insert, subscribe
from tests.support.trial import SETTINGS, Outage, leaves_well

PATHS = [f"/hook/{number}" for number in range(5)]


async def all_hang(receiver, db) -> None:
    for path in PATHS:
        receiver.hang(path)
        await subscribe(db, receiver.url(path), "{order.paid}")


def in_flight(receiver) -> int:
    return sum(receiver.in_flight(path) for path in PATHS)


def let_go(receiver) -> None:
    for path in PATHS:
        receiver.let_go(path)


async def test_what_is_in_flight_ends_and_is_not_sent_again(server, database, receiver):
    async with connected(database.dsn) as db:
        await all_hang(receiver, db)
        await insert(db)
        await insert(db)
    async with starting(database.dsn, **SETTINGS) as daemon:
        await eventually(lambda: in_flight(receiver) == len(PATHS))
        outage = Outage(daemon)
        await server.stop()
        await outage.told_of("listener.lost")
        let_go(receiver)
        await eventually(lambda: in_flight(receiver) == 0)
        await outage.told_of("database.awaited")
        assert len(receiver.requests) == len(PATHS), "nothing new starts without the work"
        await server.start()
        async with connected(database.dsn) as db:
            await all_settled(db)
            assert await attempts(db) == [(1, "delivered", None, 200)] * 2 * len(PATHS)
        assert len(receiver.requests) == 2 * len(PATHS)
        await leaves_well(daemon)


async def test_nothing_new_starts_before_what_is_unsettled_is_written(server, database, receiver):
    """A prepared transaction keeps its lock over the restart: nothing can be settled until it is ended."""
    async with connected(database.dsn) as db:
        await all_hang(receiver, db)
        await subscribe(db, receiver.url("/other"), "{order.sent}")
        await insert(db)
    async with starting(database.dsn, **SETTINGS) as daemon:
        await eventually(lambda: in_flight(receiver) == len(PATHS))
        async with connected(database.dsn) as db:
            await db.execute("begin; lock table webhooks.attempts in share row exclusive mode; prepare transaction 'x'")
        try:
            outage = Outage(daemon)
            await server.stop()
            await outage.told_of("listener.lost")
            let_go(receiver)
            await eventually(lambda: in_flight(receiver) == 0)
            await server.start()
            async with connected(database.dsn) as db:
                await insert(db, "order.sent")
            await outage.told_of("listener.returned")
            await outage.told_of("loop.stalled")
            await eventually(lambda: outage.lasted_s > 4)
            assert not receiver.at("/other")
        finally:
            if not server.runs:
                await server.start()
            async with connected(database.dsn) as db:
                await db.execute("rollback prepared 'x'")
        async with connected(database.dsn) as db:
            await all_settled(db)
        assert len(receiver.requests) == len(PATHS) + 1
        await leaves_well(daemon)
