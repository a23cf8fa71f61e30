"""A pooler in session mode between us and Postgres."""

import pytest

from dispatcher.store.session import PLANS, Login, Session
from tests.support.bouncer import bouncing, listens
from tests.support.daemon import daemon
from tests.support.eventually import eventually
from tests.support.sql import all_settled, insert, subscribe


@pytest.fixture
async def pooled(database):
    with bouncing(database, mode="session", connections=20) as pooled:
        await eventually(lambda: listens(pooled))
        yield pooled


async def test_the_daemon_works_through_a_pooler_in_session_mode(pooled, db, receiver):
    await subscribe(db, receiver.url())
    async with daemon(pooled.dsn) as running:
        await insert(db)
        await all_settled(db)
        assert not running.said("loop.stalled")
    assert len(receiver.requests) == 1


async def test_its_plans_are_pinned_there_too(pooled):
    session = Session(Login(pooled.dsn, settings=PLANS), "test")
    connection = await session.connection()
    # Over a Unix socket, as the pooler's is here, keepalives read 0 whatever they were set to.
    pinned = {name: value for name, value in PLANS.items() if not name.startswith("tcp_")}
    assert {name: await connection.fetchval("select current_setting($1)", name) for name in pinned} == pinned
    await session.close()
