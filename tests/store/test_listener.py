"""The session that holds the work, and what it makes of its own end."""

import pytest

from dispatcher.store.holder import Claimant
from dispatcher.store.listener import Listener
from dispatcher.store.session import KEEPALIVE, Login
from tests.support.eventually import eventually

LOCKS = "select count(*) from pg_locks where locktype = 'advisory' and granted and database = $1"


@pytest.fixture
async def listener(database):
    async def fit(_session):
        pass

    told = []
    listener = Listener(
        Login(database.dsn, settings=KEEPALIVE),
        Claimant("pid 1 on here", "0", "main", 30.0),
        {"webhooks_inbox": lambda: None},
        fit=fit,
        lost=told.append,
        prepare=fit,
        taken=lambda _taken: None,
    )
    listener.told = told
    await listener.step()
    assert listener.holds
    yield listener
    await listener.close(in_order=True)


async def test_a_connection_that_ended_the_moment_it_is_doubted_is_a_loss_and_not_a_new_connection(listener, db):
    """A beat must not open another session: that one would have neither the lock nor the LISTENs."""
    connection = await listener.session.connection()
    connection.terminate()
    listener.doubt()
    await listener.step()
    await eventually(lambda: listener.told == [False])
    assert not listener.holds
    await listener.step()
    assert listener.holds
    assert await db.fetchval(LOCKS, await db.fetchval("select oid from pg_database where datname = current_database()"))
