"""A private Postgres: its database, what it keeps, and that it leaves nothing behind however it ends."""

import os
import shutil
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import pytest

from dispatcher.embedded import EmbeddedPostgres, EmbeddedUnavailable, binaries
from tests.support.eventually import eventually
from tests.support.postgres import answer, connected
from tests.support.processes import alive, family, postmaster

KEEPS_IT_OPEN = """
import sys
from pathlib import Path
from dispatcher.embedded import EmbeddedPostgres
with EmbeddedPostgres(Path(sys.argv[1]) if sys.argv[1:] else None, fast=True) as server:
    print(server.folder, flush=True)
    sys.stdin.read()
"""


@contextmanager
def starter(*arguments: object):
    """Another process that starts a server and keeps it running until it is killed."""
    with subprocess.Popen(
        [sys.executable, "-c", KEEPS_IT_OPEN, *map(str, arguments)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def folder_of(parent) -> Path:
    """Waits until its server runs."""
    return Path(parent.stdout.readline().decode().strip())


async def test_its_dsn_is_an_ordinary_role_that_owns_its_database(room):
    with EmbeddedPostgres(fast=True) as server:
        assert server.folder.parent == room
        assert (
            await answer(server.dsn, "select current_user || ' of ' || current_database()")
            == "dispatcher of dispatcher"
        )
        assert not await answer(
            server.dsn, "select rolsuper or rolcreaterole from pg_roles where rolname = current_user"
        )
        assert await answer(server.dsn, "select has_database_privilege(current_database(), 'create')")
        assert await answer(server.superuser_dsn, "select rolsuper from pg_roles where rolname = current_user")


async def test_it_is_reached_by_its_socket_alone(room):
    with EmbeddedPostgres(fast=True) as server:
        assert await answer(server.superuser_dsn, "show listen_addresses") == ""
        assert server.folder.stat().st_mode & 0o777 == 0o700
        assert len([path for path in room.rglob("*") if path.is_socket()]) == 1


def test_at_the_end_there_is_no_process_socket_or_folder(room):
    with EmbeddedPostgres(fast=True) as server:
        processes = family(server._supervisor.pid)
        assert len(processes) > 2
    assert not alive(processes)
    assert not list(room.iterdir())


async def test_an_open_connection_does_not_hold_up_the_end(room):
    with EmbeddedPostgres(fast=True) as server:
        connection = await asyncpg.connect(server.dsn)
        processes = family(server._supervisor.pid)
    connection.terminate()
    assert not alive(processes)
    assert not list(room.iterdir())


async def test_kill_9_of_the_parent_leaves_no_process_and_no_folder(room):
    with starter() as parent:
        folder = folder_of(parent)
        processes = family(parent.pid)
        assert len(processes) > 3
        assert folder.parent == room
        parent.kill()
        parent.wait()
        await eventually(lambda: not alive(processes), 20)
        await eventually(lambda: not folder.exists())


async def test_kill_9_of_the_parent_while_it_makes_the_data_leaves_nothing_either(room):
    with starter() as parent:
        await eventually(lambda: list(room.glob("*/data/PG_VERSION")), 30)
        processes = family(parent.pid)
    await eventually(lambda: not alive(processes), 30)
    await eventually(lambda: not list(room.iterdir()))


@pytest.mark.usefixtures("room")
async def test_ctrl_c_at_the_terminal_is_no_signal_to_the_server():
    with EmbeddedPostgres(fast=True) as server:
        assert os.getsid(server._supervisor.pid) != os.getsid(0)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            os.kill(server._supervisor.pid, number)
        assert await answer(server.dsn) == 1


async def test_kept_data_is_there_after_a_restart(room, kept):
    with EmbeddedPostgres(kept) as server:
        async with connected(server.dsn) as connection:
            await connection.execute("create table kept (n int); insert into kept values (42)")
    assert not list(room.iterdir())
    with EmbeddedPostgres(kept) as server:
        assert await answer(server.dsn, "select n from kept") == 42


@pytest.mark.usefixtures("room")
async def test_kept_data_survives_kill_9_of_the_parent(kept):
    with starter(kept) as parent:
        folder = folder_of(parent)
        await answer(f"postgresql://dispatcher@/dispatcher?host={folder}", "create table kept ()")
        processes = family(parent.pid)
        parent.kill()
        parent.wait()
        await eventually(lambda: not alive(processes), 20)
    with EmbeddedPostgres(kept) as server:
        assert await answer(server.dsn, "select count(*) from kept") == 0
    assert kept.exists()


@pytest.mark.usefixtures("room")
async def test_what_a_killed_server_left_is_no_obstacle(kept):
    with EmbeddedPostgres(kept) as server:
        async with connected(server.dsn) as connection:
            await connection.execute("create table kept (n int); insert into kept values (42)")
        processes = family(postmaster(server))
        os.kill(postmaster(server), signal.SIGKILL)
        await eventually(lambda: not alive(processes))
    assert (kept / "postmaster.pid").exists(), "what this test is about"
    with EmbeddedPostgres(kept) as server:
        assert await answer(server.dsn, "select n from kept") == 42


async def test_a_second_server_on_the_same_folder_is_refused_and_the_first_goes_on(room, kept):
    with EmbeddedPostgres(kept, fast=True) as first:
        with pytest.raises(
            EmbeddedUnavailable,
            match=f"^{kept} is in use by another server; .* DISPATCHER_DATABASE__DSN to it; else stop",
        ) as refused:
            EmbeddedPostgres(kept, fast=True).__enter__()
        assert "\n" not in str(refused.value)
        assert list(room.iterdir()) == [first.folder]
        assert await answer(first.dsn) == 1


@pytest.mark.usefixtures("room")
def test_data_of_another_major_version_is_refused_by_both_names(kept):
    kept.mkdir()
    (kept / "PG_VERSION").write_text("11\n")
    account = binaries.Account.choose()
    ours = binaries.version(binaries.find(account, kept.parent / "spare"), account)
    with pytest.raises(EmbeddedUnavailable, match=f"^{kept} was made by Postgres 11, here is {ours}; set PGBIN or use"):
        EmbeddedPostgres(kept).__enter__()
    assert [path.name for path in kept.iterdir()] == ["PG_VERSION"]


@pytest.mark.usefixtures("room")
def test_a_folder_with_something_else_in_it_is_refused_and_left_alone(kept):
    kept.mkdir()
    (kept / "thesis.txt").write_text("years of work")
    with pytest.raises(EmbeddedUnavailable, match=str(kept)):
        EmbeddedPostgres(kept).__enter__()
    assert [path.name for path in kept.iterdir()] == ["thesis.txt"]
    assert kept.stat().st_uid == os.geteuid()


@pytest.mark.usefixtures("room")
def test_a_first_start_that_was_cut_short_does_not_stand_in_the_way(kept):
    """Killed between initdb and the first start: PG_VERSION is there, the role and the database are not."""
    with EmbeddedPostgres(kept, fast=True) as server:
        tools, account = server.binaries, server._account
    shutil.rmtree(kept)
    kept.mkdir()
    if account is not None:
        os.chown(kept, account.uid, account.gid)
    subprocess.run(
        [tools / "initdb", "-D", kept, "-U", "postgres", "-A", "trust", "-N"],
        check=True, capture_output=True, cwd="/", env=binaries.environment(), **binaries.identity(account),
    )  # fmt: skip
    with EmbeddedPostgres(kept, fast=True) as server:
        subprocess.run(
            [server.binaries / "psql", "-X", "-c", "select 1", server.dsn],
            check=True, capture_output=True, env=binaries.environment(),
        )  # fmt: skip
