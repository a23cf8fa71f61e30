"""A pooler between us and Postgres: in session mode we work through it, in any other it is found and refused."""

import asyncio
from contextlib import asynccontextmanager

import asyncpg
import pytest

from dispatcher.errors import ConfigError, DatabaseAway
from dispatcher.store.pooler import Road, find_road, refuse_pooler
from dispatcher.store.session import PLANS, Login, Session
from tests.support.bouncer import bouncing, listens
from tests.support.daemon import daemon
from tests.support.eventually import eventually
from tests.support.sql import all_settled, insert, subscribe


@asynccontextmanager
async def pooling(database, mode: str, connections: int, *, round_robin: bool = False):
    with bouncing(database, mode=mode, connections=connections, round_robin=round_robin) as pooled:
        await eventually(lambda: listens(pooled))
        yield pooled


@pytest.fixture
async def pooled(database):
    async with pooling(database, "session", 20) as pooled:
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


# What keeps no sessions


@asynccontextmanager
async def in_use(dsn: str, sessions: int):
    """The pooler, with so many sessions of the server open and idle."""
    others = [await asyncpg.connect(dsn, statement_cache_size=0) for _ in range(sessions)]
    try:
        for statement in ("begin", "commit"):
            for other in others:
                await other.execute(statement)
        yield
    finally:
        for other in others:
            await other.close(timeout=5)


@pytest.mark.parametrize("warm", [False, True], ids=["fresh", "in use"])
@pytest.mark.parametrize("connections", [1, 2, 5])
@pytest.mark.parametrize("round_robin", [False, True], ids=["last", "in turn"])
async def test_transaction_mode_is_refused_by_name(database, connections, round_robin, warm):
    async with (
        pooling(database, "transaction", connections, round_robin=round_robin) as pooled,
        in_use(pooled.dsn, connections if warm else 0),
    ):
        with pytest.raises(ConfigError, match=r"behind a pooler in transaction mode.*session mode") as caught:
            await refuse_pooler(Login(pooled.dsn))
    assert str(caught.value).startswith(f"database.dsn: app_owner@/{database.name}?host=")


@pytest.mark.parametrize("round_robin", [False, True], ids=["last", "in turn"])
async def test_statement_mode_is_refused_by_name(database, round_robin):
    async with pooling(database, "statement", 2, round_robin=round_robin) as pooled:
        with pytest.raises(ConfigError, match=r"behind a pooler in statement mode.*session mode"):
            await refuse_pooler(Login(pooled.dsn))


async def test_transaction_mode_is_found_while_others_use_it(database):
    async with pooling(database, "transaction", 3, round_robin=True) as pooled:
        stop = asyncio.Event()

        async def keep_busy() -> None:
            other = await asyncpg.connect(pooled.dsn, statement_cache_size=0)
            while not stop.is_set():
                await other.execute("begin; select 1; commit")
            await other.close(timeout=5)

        async with asyncio.TaskGroup() as tasks:
            for _ in range(2):
                tasks.create_task(keep_busy())
            try:
                roads = [await find_road(Login(pooled.dsn)) for _ in range(10)]
            finally:
                stop.set()
    assert roads == [Road.TRANSACTION] * 10


async def test_a_pooler_that_has_no_session_for_us_is_waited_for_not_judged(database):
    async with pooling(database, "transaction", 1) as pooled:
        other = await asyncpg.connect(pooled.dsn, statement_cache_size=0)
        await other.execute("begin")
        with pytest.raises(DatabaseAway, match="no answer within"):
            await refuse_pooler(Login(pooled.dsn))
        await other.execute("commit")
        await other.close(timeout=5)


# What keeps them


async def test_a_connection_straight_to_the_server_is_known_as_such(database):
    assert await find_road(Login(database.dsn)) is Road.DIRECT


@pytest.mark.parametrize("connections", [1, 2, 5], ids=lambda n: f"of {n}")
@pytest.mark.parametrize("round_robin", [False, True], ids=["last", "in turn"])
async def test_session_mode_is_accepted_even_where_there_is_no_second_session(database, connections, round_robin):
    async with pooling(database, "session", connections, round_robin=round_robin) as pooled:
        await refuse_pooler(Login(pooled.dsn))
        assert await find_road(Login(pooled.dsn)) is Road.SESSION


async def test_it_leaves_no_session_behind(database, db):
    await refuse_pooler(Login(database.dsn))

    async def nobody() -> bool:
        return not await db.fetchval("select count(*) from pg_stat_activity where application_name like '%the road'")

    await eventually(nobody)
