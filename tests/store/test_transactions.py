"""Commit and rollback decide over an event, and the bell rings once for each transaction."""

import asyncpg
import pytest

from tests.support.sql import INSERT, ORDER, queued, stored


async def test_a_statement_rings_once_however_many_rows_it_has(producer, bell):
    await producer.execute("insert into webhooks.events (type, data) select 'a.b', '1' from generate_series(1, 1000)")
    assert await bell.count() == 1


async def test_a_transaction_rings_once_however_many_statements_it_has(producer, bell):
    async with producer.transaction():
        for _ in range(10):
            await producer.execute(INSERT)
            async with producer.transaction():
                await producer.execute("select webhooks.emit('order.paid', '1')")
    assert await bell.count() == 1


async def test_each_transaction_rings_that_inserts_a_row(producer, bell):
    for count in (0, 1, 0, 2):
        await producer.execute(
            f"insert into webhooks.events (type, data) select 'a.b', '1' from generate_series(1, {count})"
        )
    assert await bell.count() == 2


async def test_a_rollback_leaves_no_event_no_inbox_row_no_key_and_no_ring(producer, db, bell):
    transaction = producer.transaction()
    await transaction.start()
    await producer.execute(INSERT)
    await producer.execute("select webhooks.emit('order.paid', '1', key => 'k')")
    await transaction.rollback()
    assert (await stored(db), await queued(db), await bell.count()) == ([], 0, 0)
    assert await db.fetchval("select count(*) from webhooks.event_keys") == 0


async def test_a_savepoint_rolled_back_takes_only_its_own_events_and_keys_with_it(producer, db, bell):
    async with producer.transaction():
        await producer.execute(INSERT)
        inner = producer.transaction()
        await inner.start()
        await producer.execute("select webhooks.emit('order.shipped', '1', key => 'k')")
        await inner.rollback()
        again = await producer.fetchval("select webhooks.emit('order.shipped', '2', key => 'k')")
    assert sorted(await stored(db)) == [ORDER, ("order.shipped", "2")]
    assert (await queued(db), await bell.count()) == (2, 1)
    assert await db.fetchval("select event_id from webhooks.event_keys") == again


async def test_only_a_savepoint_that_was_rolled_back_does_not_ring(producer, db, bell):
    async with producer.transaction():
        inner = producer.transaction()
        await inner.start()
        await producer.execute(INSERT)
        await inner.rollback()
    assert (await stored(db), await queued(db), await bell.count()) == ([], 0, 0)


async def test_a_statement_that_fails_half_way_leaves_nothing(producer, db, bell):
    with pytest.raises(asyncpg.CheckViolationError):
        await producer.execute("insert into webhooks.events (type, data) values ('a.b', '1'), ('not a type', '1')")
    assert (await stored(db), await queued(db), await bell.count()) == ([], 0, 0)
