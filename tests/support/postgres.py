"""A Postgres for the session, and a database of its own for each test: cloned from a migrated template."""

import os
import re
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from itertools import count

import asyncpg

from dispatcher.config import Settings, load_profiles
from dispatcher.embedded import EmbeddedPostgres
from dispatcher.store.migrate import migrate
from dispatcher.store.profiles import mirror
from dispatcher.store.session import Login, Session

MEMORY, ROOM = "/dev/shm", 2 << 30  # noqa: S108 mkdtemp makes a folder in there that is ours alone
TEMPLATE = "webhooks_template"
ROLES = """
create role app_owner login nosuperuser nocreaterole nocreatedb;
create role webhooks_producer nologin;
create role webhooks_operator nologin;
create role app_producer login in role webhooks_producer;
create role app_operator login in role webhooks_operator;
create role app_nobody login;
"""
numbers = count(1)


@dataclass(frozen=True)
class Database:
    """One database; `dsn` is its owner, an ordinary role, as the daemon would be."""

    folder: str
    name: str

    def dsn_as(self, role: str) -> str:
        return f"postgresql://{role}@/{self.name}?host={self.folder}&port=5432"

    @property
    def dsn(self) -> str:
        return self.dsn_as("app_owner")

    @property
    def superuser_dsn(self) -> str:
        return self.dsn_as("postgres")


@dataclass(frozen=True)
class Cluster:
    """A running server with the roles of an ordinary installation."""

    server: EmbeddedPostgres
    maintenance: Database

    @property
    def log(self) -> str:
        return (self.server.folder / "log").read_text(errors="replace")

    async def create(self, *, template: str | None = None, owner: str = "app_owner") -> Database:
        database = replace(self.maintenance, name=f"test_{next(numbers)}")
        source = f"template {template}" if template else ""
        await self.execute(f"create database {database.name} {source} owner {owner}")
        return database

    async def drop(self, database: Database) -> None:
        await self.execute(f"drop database if exists {database.name} with (force)")

    async def execute(self, *statements: str) -> None:
        async with connected(self.maintenance.superuser_dsn) as connection:
            for statement in statements:
                await connection.execute(statement)

    @asynccontextmanager
    async def database(self, *, migrated: bool = True) -> AsyncIterator[Database]:
        database = await self.create(template=TEMPLATE if migrated else None)
        try:
            yield database
        finally:
            await self.drop(database)


@asynccontextmanager
async def connected(dsn: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(dsn)
    try:
        yield connection
    finally:
        await connection.close(timeout=5)


@contextmanager
def started(*, fast: bool = True) -> Iterator[Cluster]:
    with EmbeddedPostgres(fast=fast) as server:
        yield Cluster(server, Database(str(server.folder), "postgres"))


@contextmanager
def in_memory() -> Iterator[None]:
    """Temporary folders in memory, where there is enough of it: a database of each test's own is 440 files."""
    before = tempfile.tempdir
    if _has_room(MEMORY):
        tempfile.tempdir = MEMORY
    try:
        yield
    finally:
        tempfile.tempdir = before


def _has_room(folder: str) -> bool:
    try:
        there = os.statvfs(folder)
    except OSError:
        return False
    may_run = not there.f_flag & os.ST_NOEXEC  # Postgres' binaries may have to be copied there.
    return may_run and os.access(folder, os.W_OK) and there.f_bavail * there.f_frsize >= ROOM


async def prepare(cluster: Cluster) -> None:
    """The roles, and the template that every test's database is cloned from."""
    # Else what is written ahead would take up gigabytes of memory.
    await cluster.execute("alter system set max_wal_size = '256MB'", "select pg_reload_conf()")
    await cluster.execute(*re.findall(r"[^;]+", ROLES.strip().rstrip(";")))
    await cluster.execute(f"create database {TEMPLATE} owner app_owner")
    template = replace(cluster.maintenance, name=TEMPLATE)
    await migrate(template.dsn)
    session = Session(Login(template.dsn), "template")
    await mirror(session, load_profiles(Settings()), alone=True)
    await session.close()


async def answer(dsn: str, question: str = "select 1"):
    async with connected(dsn) as connection:
        return await connection.fetchval(question)


async def change_past_the_trigger(database: Database, statement: str) -> None:
    """What a restore, a superuser or a careless migration can do."""
    async with connected(database.superuser_dsn) as connection:
        await connection.execute("set session_replication_role = replica")
        await connection.execute(statement)
