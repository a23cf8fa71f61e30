"""What an application does: events by INSERT, COPY and emit, from the clients people use, in its own transaction."""

import asyncio
import subprocess
from contextlib import AsyncExitStack
from datetime import datetime
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import psycopg
import pytest
from sqlalchemy import JSON, FetchedValue, MetaData
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.pool import NullPool

from dispatcher.embedded.binaries import environment
from tests.support.bouncer import bouncing, listens
from tests.support.eventually import eventually
from tests.support.postgres import Database, connected

INSERT = "insert into webhooks.events (type, data) values ('order.paid', '{\"order\": 42}')"
ORDER = ("order.paid", '{"order": 42}')


@pytest.fixture
async def producer(database):
    async with connected(database.dsn_as("app_producer")) as connection:
        yield connection


async def stored(db) -> list[tuple[str, str]]:
    return [tuple(row) for row in await db.fetch("select type, data::text from webhooks.events order by 1, 2")]


async def queued(db) -> int:
    """How many of the stored events wait in the inbox, which holds nothing else."""
    waiting = await db.fetch("select event_id from webhooks.inbox")
    known = await db.fetch("select id from webhooks.events")
    assert {row[0] for row in waiting} <= {row[0] for row in known}
    return len(waiting)


# --- INSERT, COPY, emit


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


# --- clients


class Base(DeclarativeBase):
    metadata = MetaData(schema="webhooks")


class Event(Base):
    """How an application would map the table: the columns it writes, and the ones it may read back."""

    __tablename__ = "events"
    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=FetchedValue())
    type: Mapped[str]
    data: Mapped[dict] = mapped_column(JSON)
    occurred_at: Mapped[datetime] = mapped_column(server_default=FetchedValue())


def from_psql(database: Database, binaries: Path) -> str:
    psql = binaries / "psql"
    if not psql.exists():
        pytest.skip(f"no psql beside the server in {binaries}")
    done = subprocess.run(
        [psql, "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", database.dsn_as("app_producer")],
        input=f"begin;\n{INSERT} returning id;\ncommit;\n",
        env=environment(), capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout.strip()


def from_psycopg(database: Database) -> str:
    with psycopg.connect(database.dsn_as("app_producer")) as connection:
        statement = "insert into webhooks.events (type, data) values (%s, %s) returning id"
        return str(connection.execute(statement, ORDER).fetchone()[0])


async def from_asyncpg(database: Database) -> str:
    async with connected(database.dsn_as("app_producer")) as connection:
        statement = "insert into webhooks.events (type, data) values ($1, $2) returning id"
        return str(await connection.fetchval(statement, *ORDER))


async def from_sqlalchemy(database: Database, driver: str, dsn: str = "", **settings: object) -> str:
    url = (dsn or database.dsn_as("app_producer")).replace("postgresql://", f"postgresql+{driver}://")
    engine = create_async_engine(url, poolclass=NullPool, **settings)
    try:
        async with AsyncSession(engine, expire_on_commit=False) as session:
            session.add(event := Event(type="order.paid", data={"order": 42}))
            await session.commit()
            return str(event.id)
    finally:
        await engine.dispose()


@pytest.mark.parametrize("client", ["psql", "psycopg", "asyncpg", "sqlalchemy asyncpg", "sqlalchemy psycopg"])
async def test_an_event_is_inserted_and_its_id_returned_from(client, cluster, database, db):
    match client.split():
        case ["psql"]:
            event_id = from_psql(database, cluster.server.binaries)
        case ["psycopg"]:
            event_id = from_psycopg(database)
        case ["asyncpg"]:
            event_id = await from_asyncpg(database)
        case ["sqlalchemy", driver]:
            event_id = await from_sqlalchemy(database, driver)
    assert await stored(db) == [ORDER]
    assert event_id == str(await db.fetchval("select event_id from webhooks.inbox"))


async def test_many_mapped_objects_in_one_session_are_as_many_events(database, db):
    engine = create_async_engine(
        database.dsn_as("app_producer").replace("postgresql://", "postgresql+asyncpg://"), poolclass=NullPool
    )
    async with AsyncSession(engine, expire_on_commit=False) as session:
        session.add_all(events := [Event(type="a.b", data={"n": n}) for n in range(50)])
        await session.commit()
    await engine.dispose()
    kept = {row["id"]: row["data"] for row in await db.fetch("select id, data from webhooks.events")}
    assert kept == {event.id: f'{{"n": {event.data["n"]}}}' for event in events}
    assert await queued(db) == 50


# --- pgbouncer


@pytest.fixture
async def bouncer(database):
    """The producer's DSN through a pgbouncer in transaction mode, with one server connection for all."""
    with bouncing(database, mode="transaction", connections=1) as pooled:
        await eventually(lambda: listens(pooled))
        yield pooled.dsn_as("app_producer")


async def test_through_pgbouncer_in_transaction_mode_every_client_inserts(bouncer, database, db):
    one = await asyncpg.connect(bouncer, statement_cache_size=0)
    two = await asyncpg.connect(bouncer, statement_cache_size=0)
    for connection in (one, two):
        await connection.execute("insert into webhooks.events (type, data) values ($1, $2)", *ORDER)
        await connection.execute("select webhooks.emit($1, $2::text)", *ORDER)
        await connection.copy_records_to_table(
            "events", schema_name="webhooks", columns=["type", "data"], records=[ORDER]
        )
        async with connection.transaction():
            await connection.execute(INSERT)
    await one.close()
    await two.close()
    with psycopg.connect(bouncer, prepare_threshold=None) as connection:
        connection.execute(INSERT)
    await from_sqlalchemy(database, "psycopg", bouncer, connect_args={"prepare_threshold": None})
    assert await stored(db) == [ORDER] * 10
    assert await queued(db) == 10


async def test_through_pgbouncer_a_rolled_back_event_is_nothing(bouncer, db):
    connection = await asyncpg.connect(bouncer, statement_cache_size=0)
    transaction = connection.transaction()
    await transaction.start()
    await connection.execute(INSERT)
    await transaction.rollback()
    await connection.close()
    assert (await stored(db), await queued(db)) == ([], 0)


# --- transactions and the bell


class Bell:
    """Counts rings; `count` waits until all that was committed before it has arrived."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection
        self._heard: list[tuple[str, str]] = []

    def _note(self, _connection: object, _pid: int, channel: str, payload: str) -> None:
        self._heard.append((channel, payload))

    async def listen(self) -> "Bell":
        await self._connection.add_listener("webhooks_inbox", self._note)
        await self._connection.add_listener("fence", self._note)
        return self

    async def count(self) -> int:
        mark = uuid4().hex
        await self._connection.execute("select pg_notify('fence', $1)", mark)
        await eventually(lambda: ("fence", mark) in self._heard)
        assert {payload for channel, payload in self._heard if channel == "webhooks_inbox"} <= {""}
        return sum(channel == "webhooks_inbox" for channel, _ in self._heard)


@pytest.fixture
async def bell(database):
    async with connected(database.superuser_dsn) as connection:
        yield await Bell(connection).listen()


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


# --- keys


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
