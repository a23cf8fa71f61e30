"""Several statements as one, and a few sessions for many."""

import asyncio

import pytest

from dispatcher.errors import DatabaseAway, Missing, StatementFailed
from dispatcher.store import requests, tokens
from dispatcher.store.session import BY_HAND, Login, Session
from dispatcher.store.shared import Shared
from dispatcher.store.transactions import transaction
from tests.support.eventually import eventually
from tests.support.postgres import connected

ANSWERED = requests.Answered(201, b'{"a":  1}', "/a")


@pytest.fixture
async def session(database):
    session = Session(Login(database.dsn, settings=BY_HAND), "test")
    yield session
    await session.close()


async def names(db) -> list[str]:
    return [row["name"] for row in await db.fetch("select name from webhooks.tokens order by id")]


async def test_what_is_said_together_happens_together(session, db):
    async with transaction(session) as inside:
        await tokens.create(inside, "a", "read")
        assert await names(db) == []
        await tokens.create(inside, "b", "read")
    assert await names(db) == ["a", "b"]


async def test_if_it_raises_nothing_has_happened_and_the_session_goes_on(session, db):
    async def fail() -> None:
        async with transaction(session) as inside:
            await tokens.create(inside, "a", "read")
            await tokens.revoke(inside, 99)

    with pytest.raises(Missing):
        await fail()
    assert await names(db) == []
    before = await session.connection()
    await tokens.create(session, "b", "read")
    assert await names(db) == ["b"]
    assert await session.connection() is before


async def test_a_statement_that_failed_ends_it_and_the_session_goes_on(session, db):
    async def fail() -> None:
        async with transaction(session) as inside:
            await tokens.create(inside, "a", "read")
            await tokens.create(inside, "", "read")

    with pytest.raises(StatementFailed):
        await fail()
    await tokens.create(session, "b", "read")
    assert await names(db) == ["b"]


async def test_whoever_wants_the_session_meanwhile_waits(session, db):
    async with asyncio.TaskGroup() as tasks, transaction(session) as inside:
        other = tasks.create_task(tokens.create(session, "outside", "read"))
        await tokens.create(inside, "inside", "read")
        assert not other.done()
    assert await names(db) == ["inside", "outside"]


async def test_a_connection_that_is_lost_in_the_middle_is_not_replaced(session, db, database):
    async def fail() -> None:
        async with transaction(session) as inside:
            await tokens.create(inside, "a", "read")
            pid = (await inside.connection()).get_server_pid()
            async with connected(database.superuser_dsn) as root:
                await root.fetchval("select pg_terminate_backend($1, 5000)", pid)
            await tokens.create(inside, "b", "read")

    with pytest.raises(DatabaseAway):
        await fail()
    assert await names(db) == []
    await tokens.create(session, "c", "read")
    assert await names(db) == ["c"]


async def test_one_that_is_cancelled_leaves_nothing_and_the_session_goes_on(session, db):
    begun = asyncio.Event()

    async def work() -> None:
        async with transaction(session) as inside:
            await tokens.create(inside, "a", "read")
            begun.set()
            await asyncio.Event().wait()

    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(work())
        await begun.wait()
        task.cancel()
    assert await names(db) == []
    await tokens.create(session, "b", "read")
    assert await names(db) == ["b"]


async def test_each_caller_has_a_session_of_its_own_and_the_last_used_is_given_first(database):
    sessions = [Session(Login(database.dsn), f"test {number}") for number in range(2)]
    shared = Shared(sessions)
    async with shared.one(1) as first, shared.one(2) as second:
        assert {first, second} == set(sessions)
        async with asyncio.TaskGroup() as tasks:
            third = tasks.create_task(taken(shared))
            await asyncio.wait([third], timeout=0.01)
            assert not third.done()
            third.cancel()
    async with shared.one(1) as again:
        assert again is first
    assert repr(shared) == "<Shared 0 held, 2 idle, 0 wait>"


async def held(shared: Shared, of: int, begun: list[int], gate: asyncio.Event, *, is_slow: bool = False) -> None:
    async with shared.one(of, is_slow=is_slow):
        begun.append(of)
        await gate.wait()


@pytest.mark.parametrize("is_slow", [False, True])
async def test_nobody_who_wants_many_keeps_others_waiting(database, is_slow):
    shared, gate, begun = Shared([Session(Login(database.dsn), str(n)) for n in range(4)]), asyncio.Event(), []
    async with asyncio.TaskGroup() as tasks:
        for _ in range(20):
            tasks.create_task(held(shared, 1, begun, gate, is_slow=is_slow))
        await eventually(lambda: begun == [1, 1])
        async with asyncio.timeout(5), shared.one(2):
            assert begun == [1, 1]
        if is_slow:
            late = tasks.create_task(held(shared, 3, begun, gate, is_slow=True))
            async with asyncio.timeout(5), shared.one(2), shared.one(4):
                assert not late.done()
                assert begun == [1, 1], "what takes long leaves half of them to the others"
        gate.set()
    assert len(begun) == 20 + is_slow
    assert repr(shared) == "<Shared 0 held, 4 idle, 0 wait>"


async def test_who_holds_fewest_comes_next(database):
    shared, gate, begun = Shared([Session(Login(database.dsn), str(n)) for n in range(2)]), asyncio.Event(), []
    first = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(held(shared, 1, begun, first))
        await eventually(lambda: begun == [1])
        for of in (1, 1, 2, 3):
            tasks.create_task(held(shared, of, begun, gate))
        await eventually(lambda: begun == [1, 2])
        first.set()
        await eventually(lambda: len(begun) == 3)
        gate.set()
    assert sorted(begun) == [1, 1, 1, 2, 3]


async def taken(shared: Shared) -> Session:
    async with shared.one(3) as session:
        return session


async def test_a_request_whose_first_is_under_way_waits_for_its_end(session, database, db):
    other = Session(Login(database.dsn, settings={**BY_HAND, "lock_timeout": "100ms"}), "other")
    async with transaction(session) as inside:
        assert await requests.claim(inside, 1, "k", bytes(32)) is None
        with pytest.raises(StatementFailed) as failed:
            async with transaction(other) as there:
                await requests.claim(there, 1, "k", bytes(32))
        assert failed.value.locked
        await requests.keep(inside, 1, "k", ANSWERED)
    async with transaction(other) as there:
        assert await requests.claim(there, 1, "k", bytes(32)) == requests.Before(bytes(32), ANSWERED)
    assert await db.fetchval("select count(*) from webhooks.requests") == 1
    await other.close()
