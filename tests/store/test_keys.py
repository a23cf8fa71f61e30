"""A key makes an event idempotent, also from many sessions at once."""

import asyncio
from contextlib import AsyncExitStack
from uuid import UUID

import asyncpg
import pytest

from tests.support.eventually import eventually
from tests.support.postgres import Database, connected
from tests.support.sql import queued, stored

EMIT = "select webhooks.emit('order.paid', $1::text, tenant => $2, key => 'order-42')"
KEYED = "insert into webhooks.events (type, data, tenant, key) values ('order.paid', '1', '', 'order-42') returning id"


async def test_a_key_emitted_again_returns_the_first_id_and_does_nothing(producer, db, bell):
    first = await producer.fetchval(EMIT, "1", "")
    assert await producer.fetchval(EMIT, "2", "") == first
    assert (await stored(db), await queued(db), await bell.count()) == ([("order.paid", "1")], 1, 1)


async def test_a_key_emitted_twice_in_one_transaction_is_one_event(producer, db):
    async with producer.transaction():
        assert await producer.fetchval(EMIT, "1", "") == await producer.fetchval(EMIT, "2", "")
    assert await stored(db) == [("order.paid", "1")]


async def test_another_tenant_may_use_the_same_key(producer, db):
    assert await producer.fetchval(EMIT, "1", "acme") != await producer.fetchval(EMIT, "2", "globex")
    assert await queued(db) == 2


async def test_emit_returns_the_id_of_an_event_that_was_inserted_with_the_key(producer, db):
    assert await producer.fetchval(KEYED) == await producer.fetchval(EMIT, "2", "")
    assert await stored(db) == [("order.paid", "1")]


async def test_an_insert_of_a_key_that_emit_used_fails(producer, db):
    await producer.execute(EMIT, "1", "")
    with pytest.raises(asyncpg.UniqueViolationError) as refused:
        await producer.execute(KEYED)
    assert (refused.value.sqlstate, refused.value.constraint_name) == ("23505", "key_is_unused")
    assert await queued(db) == 1


async def test_an_insert_of_one_key_in_two_rows_fails(producer, db):
    with pytest.raises(asyncpg.UniqueViolationError):
        await producer.execute("insert into webhooks.events (type, data, key) values ('a', '1', 'k'), ('a', '2', 'k')")
    assert await stored(db) == []


async def fifty(database: Database, stack: AsyncExitStack) -> list[asyncpg.Connection]:
    return [await stack.enter_async_context(connected(database.dsn_as("app_producer"))) for _ in range(50)]


async def emitted(connection: asyncpg.Connection, isolation: str) -> UUID:
    """The id, as an application gets it that runs a transaction again when Postgres says so."""
    while True:
        try:
            async with connection.transaction(isolation=isolation):
                await connection.execute("select 1")
                return await connection.fetchval(EMIT, "1", "")
        except asyncpg.SerializationError:
            continue


async def until_waiting(database: Database, count: int) -> None:
    async with connected(database.superuser_dsn) as observer:

        async def waiting() -> bool:
            seen = await observer.fetchval(
                "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
            )
            assert seen == count
            return True

        await eventually(waiting)


@pytest.mark.parametrize("isolation", ["read_committed", "repeatable_read", "serializable"])
async def test_fifty_sessions_that_emit_one_key_at_once_make_one_event_and_learn_its_id(database, db, isolation):
    async with AsyncExitStack() as stack:
        sessions = await fifty(database, stack)
        ids = await asyncio.gather(*(emitted(session, isolation) for session in sessions))
    assert set(ids) == {await db.fetchval("select id from webhooks.events")}
    assert (await stored(db), await queued(db)) == ([("order.paid", "1")], 1)


@pytest.mark.parametrize("ending", ["commit", "rollback"])
async def test_those_that_wait_for_a_key_see_how_its_transaction_ended(database, db, ending):
    async with AsyncExitStack() as stack:
        first, *others = await fifty(database, stack)
        transaction = first.transaction()
        await transaction.start()
        first_id = await first.fetchval(EMIT, "1", "")
        rest = asyncio.gather(*(session.fetchval(EMIT, "1", "") for session in others))
        await until_waiting(database, 49)
        await getattr(transaction, ending)()
        ids = set(await rest)
    assert len(ids) == 1
    assert (ids == {first_id}) is (ending == "commit")
    assert (await stored(db), await queued(db)) == ([("order.paid", "1")], 1)


async def test_who_cannot_see_the_winner_is_told_to_run_the_transaction_again(database, producer):
    async with connected(database.dsn_as("app_producer")) as other:
        transaction = other.transaction(isolation="repeatable_read")
        await transaction.start()
        await other.execute("select count(*) from webhooks.events")
        await producer.execute(EMIT, "1", "")
        with pytest.raises(asyncpg.SerializationError):
            await other.execute(EMIT, "2", "")
        await transaction.rollback()
