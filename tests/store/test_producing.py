"""What an application writes: events by INSERT, COPY and emit."""

from datetime import datetime

import asyncpg
import psycopg
import pytest

from tests.support.sql import INSERT, ORDER, queued, stored


async def test_an_insert_is_an_event_in_the_inbox(producer, db):
    await producer.execute(INSERT)
    assert await stored(db) == [ORDER]
    assert await queued(db) == 1


async def test_an_insert_of_many_rows_is_as_many_events(producer, db):
    await producer.execute(
        "insert into webhooks.events (type, data) select 'a.b', to_json(n) from generate_series(1, 9) n"
    )
    assert await stored(db) == [("a.b", str(n)) for n in range(1, 10)]
    assert await queued(db) == 9


async def test_an_insert_returns_what_the_producer_may_read(producer):
    row = await producer.fetchrow(f"{INSERT} returning id, tenant, type, occurred_at")
    assert (row["id"].version, row["tenant"], row["type"]) == (7, "", "order.paid")


async def test_copy_from_asyncpg_is_events(producer, db):
    records = [("a.b", str(n)) for n in range(100)]
    await producer.copy_records_to_table("events", schema_name="webhooks", columns=["type", "data"], records=records)
    assert sorted(await stored(db)) == sorted(records)
    assert await queued(db) == 100


async def test_copy_from_psycopg_is_events(database, db):
    with (
        psycopg.connect(database.dsn_as("app_producer")) as connection,
        connection.cursor() as cursor,
        cursor.copy("copy webhooks.events (type, data) from stdin") as copy,
    ):
        for n in range(100):
            copy.write_row(("a.b", str(n)))
    assert sorted(await stored(db)) == sorted(("a.b", str(n)) for n in range(100))
    assert await queued(db) == 100


@pytest.mark.parametrize("kind", ["", "::text", "::json", "::jsonb"])
async def test_emit_takes_data_as(kind, producer, db):
    event_id = await producer.fetchval(f"select webhooks.emit('order.paid', '{{\"order\": 42}}'{kind})")
    assert await stored(db) == [ORDER]
    assert event_id == await db.fetchval("select event_id from webhooks.inbox")


@pytest.mark.parametrize("kind", ["text", "json", "jsonb"])
async def test_emit_keeps_all_that_it_is_told(kind, producer, db):
    event_id = await producer.fetchval(
        f"select webhooks.emit(type => 'a.b', data => '1'::{kind}, tenant => 'acme', key => 'k', "
        "context => '{\"c\": 1}', occurred_at => '2001-02-03 04:05:06.789+00')"
    )
    row = await db.fetchrow("select id, type, data, tenant, key, context, occurred_at, target from webhooks.events")
    assert tuple(row)[:6] == (event_id, "a.b", "1", "acme", "k", '{"c": 1}')
    assert (row["occurred_at"], row["target"]) == (datetime.fromisoformat("2001-02-03T04:05:06.789+00:00"), None)
    assert await db.fetchval("select tenant from webhooks.inbox") == "acme"


@pytest.mark.parametrize("statement", [INSERT, "select webhooks.emit('order.paid', '1')"], ids=["insert", "emit"])
async def test_an_event_occurred_when_its_transaction_began_unless_it_says_otherwise(producer, statement):
    async with producer.transaction():
        began = await producer.fetchval("select now()")
        await producer.execute(statement)
        assert await producer.fetchval("select occurred_at from webhooks.events") == began


AS_WRITTEN = [
    '{"b":1,"a":2}',
    '{"a":1,"a":2}',
    "123456789012345678901234567890",
    '{"n":1e400,"m":0.10,"z":-0}',
    ' { "a" :\t[ 1 ,\n2 ]\r\n} ',
    '"\\u0000 \\ud800 \\/ \\u00e9 é 🙂"',
    "null",
    "[" * 3000 + "]" * 3000,
]


@pytest.mark.parametrize("given", AS_WRITTEN, ids=lambda given: given[:12].strip())
@pytest.mark.parametrize("how", ["insert", "copy", "emit text", "emit json"])
async def test_data_is_kept_to_the_byte(how, given, producer, db):
    if how == "insert":
        await producer.execute("insert into webhooks.events (type, data) values ('a.b', $1)", given)
    elif how == "copy":
        await producer.copy_records_to_table(
            "events", schema_name="webhooks", columns=["type", "data"], records=[("a.b", given)]
        )
    else:
        await producer.execute(f"select webhooks.emit('a.b', $1::{how.split()[1]})", given)
    assert await stored(db) == [("a.b", given)]


async def test_data_and_context_of_a_million_bytes_are_kept_and_no_byte_more(producer, db):
    longest = '"' + "x" * 999_998 + '"'
    statement = "insert into webhooks.events (type, data, context) values ('a.b', $1, $1)"
    await producer.execute(statement, longest)
    with pytest.raises(asyncpg.CheckViolationError):
        await producer.execute(statement, longest + " ")
    assert [(len(data), type_) for type_, data in await stored(db)] == [(1_000_000, "a.b")]
