"""The clients people use, straight and through pgbouncer in transaction mode."""

import subprocess
from datetime import datetime
from pathlib import Path
from uuid import UUID

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
from tests.support.sql import INSERT, ORDER, queued, stored


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
