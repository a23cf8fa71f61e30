"""`dispatcher run` at its beginning: what it refuses, what it waits for."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from tests.support.daemon import daemon, refusal, starting
from tests.support.postgres import TEMPLATE, started
from tests.support.sql import all_settled, insert, subscribe

HOLDER = """
select pid from pg_locks where locktype = 'advisory' and granted
   and database = (select oid from pg_database where datname = current_database())
"""


# What it refuses


async def test_a_role_that_is_not_there_is_refused_by_name(database):
    code, said = refusal(database.dsn_as("nobody_of_that_name"))
    assert code == 2
    assert "nobody_of_that_name" in said
    assert "check user, password and pg_hba.conf" in said


@pytest.fixture(scope="module")
async def guarded():
    """A cluster that asks role `locked` for a password."""
    with started() as cluster:
        await cluster.execute("create role locked login password 'right'", f"create database {TEMPLATE} owner locked")
        hba = cluster.server.data / "pg_hba.conf"
        hba.write_text("local all locked scram-sha-256\nlocal all all trust\n")
        await cluster.execute("select pg_reload_conf()")
        yield cluster


@pytest.mark.parametrize("given", ["dsn", "file"])
async def test_a_wrong_password_is_refused_and_not_shown(guarded, tmp_path, given):
    (tmp_path / "password").write_text("hunter2\n")
    dsn = guarded.maintenance.dsn_as("locked" if given == "file" else "locked:hunter2")
    settings = {"database__password_file": tmp_path / "password"} if given == "file" else {}
    code, said = refusal(dsn, **settings)
    assert code == 2
    assert 'password authentication failed for user "locked"' in said
    assert "hunter2" not in said


async def test_the_right_password_in_a_file_gets_as_far_as_the_schema(guarded, tmp_path):
    (tmp_path / "password").write_text("right\n")
    code, said = refusal(guarded.maintenance.dsn_as("locked"), database__password_file=tmp_path / "password")
    assert (code, said) == (2, "schema webhooks is not there; run: dispatcher migrate")


async def test_a_missing_schema_says_to_migrate(cluster):
    async with cluster.database(migrated=False) as empty:
        assert refusal(empty.dsn) == (2, "schema webhooks is not there; run: dispatcher migrate")


async def test_a_role_without_the_privilege_is_told_whose_schema_it_is(database):
    code, said = refusal(database.dsn_as("app_producer"))
    assert code == 2
    assert said.startswith("role app_producer does not own schema webhooks; connect as app_owner")


async def test_a_schema_of_a_later_version_says_to_upgrade(database, db):
    await db.execute("insert into webhooks.migrations values (9999, 'later', 'x')")
    code, said = refusal(database.dsn)
    assert code == 2
    assert said.endswith("(migration 9999 is unknown to it); upgrade dispatcher")


async def test_a_second_one_names_the_first_and_stands_by(database, db, receiver):
    await subscribe(db, receiver.url())
    async with daemon(database.dsn) as first, starting(database.dsn) as second:
        pid = await db.fetchval(HOLDER)
        holder = (await second.says("work.awaited"))["holder"]
        assert f"dispatcher: holder pid {first.process.pid} on " in holder
        assert holder.endswith(f"; role app_owner, backend pid {pid}")
        first.terminate()
        assert await first.ends() == 0
        assert (await second.says("work.taken"))["former_left"]
        await insert(db)
        await delivers(db, receiver)
        second.terminate()
        assert await second.ends() == 0


async def test_whoever_else_holds_the_lock_is_named(database, db):
    await db.execute("select pg_advisory_lock(hashtextextended('webhooks.dispatcher', 0))")
    pid = await db.fetchval("select pg_backend_pid()")
    async with starting(database.dsn) as running:
        holder = (await running.says("work.awaited"))["holder"]
        assert holder == f"unnamed; role app_owner, backend pid {pid}"
        await db.execute("select pg_advisory_unlock_all()")
        await running.says("work.taken")


# What it waits for


async def delivers(db, receiver) -> None:
    await all_settled(db)
    assert len(receiver.requests) == 1


async def test_a_server_that_comes_later_is_waited_for_by_socket(database, db, receiver, room):
    await subscribe(db, receiver.url())
    await insert(db)
    socket = room / "later"
    async with starting(database.dsn.replace(database.folder, str(socket))) as running:
        awaited = await running.says("database.awaited")
        assert awaited["level"] == "warning"
        assert f"app_owner@/{database.name}" in awaited["note"]
        assert not running.said("work.taken")
        socket.symlink_to(database.folder)
        await running.says("work.taken")
        assert running.said("database.returned")
        await delivers(db, receiver)


async def test_a_server_that_comes_later_is_waited_for_by_port(database, db, receiver):
    await subscribe(db, receiver.url())
    await insert(db)
    with_nobody = await asyncio.start_server(lambda _r, w: w.close(), "127.0.0.1", 0)
    port = with_nobody.sockets[0].getsockname()[1]
    with_nobody.close()
    await with_nobody.wait_closed()
    async with starting(f"postgresql://app_owner:hunter2@127.0.0.1:{port}/{database.name}") as running:
        note = (await running.says("database.awaited"))["note"]
        assert f"app_owner@127.0.0.1:{port}/{database.name}" in note
        assert "hunter2" not in note
        async with forwarding(port, f"{database.folder}/.s.PGSQL.5432"):
            await running.says("work.taken")
            await delivers(db, receiver)
            running.terminate()
            assert await running.ends() == 0


@asynccontextmanager
async def forwarding(port: int, socket: str):
    """Postgres on a port of loopback, though it has but a socket."""

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while chunk := await reader.read(65536):
                writer.write(chunk)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()

    async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner = await asyncio.open_unix_connection(socket)
        await asyncio.gather(copy(reader, inner[1]), copy(inner[0], writer))

    server = await asyncio.start_server(meet, "127.0.0.1", port)
    try:
        yield
    finally:
        server.close()
        await server.wait_closed()


async def test_a_database_that_is_created_later_is_waited_for(cluster, database):
    later = database.dsn.replace(database.name, f"{database.name}_later")
    async with starting(later) as running:
        assert f"{database.name}_later" in (await running.says("database.awaited"))["note"]
        await cluster.execute(f"create database {database.name}_later template {TEMPLATE} owner app_owner")
        try:
            await running.says("work.taken")
        finally:
            await cluster.execute(f"drop database {database.name}_later with (force)")


async def test_told_to_stop_while_it_waits_it_leaves_with_0(room):
    async with starting(f"postgresql://app@/app?host={room}") as running:
        await running.says("database.awaited")
        running.terminate()
        assert await running.ends(5) == 0
        assert await running.process.stderr.read() == b""
