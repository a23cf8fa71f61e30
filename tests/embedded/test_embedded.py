"""A private Postgres: starts wherever it can, says why where it cannot, and leaves nothing behind however it ends."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import pytest

from dispatcher.embedded import EmbeddedPostgres, EmbeddedUnavailable, binaries
from tests.support.eventually import eventually
from tests.support.postgres import connected

HERE = tempfile.gettempdir()
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root is somebody else than its server")
KEEPS_IT_OPEN = """
import sys
from pathlib import Path
from dispatcher.embedded import EmbeddedPostgres
with EmbeddedPostgres(Path(sys.argv[1]) if sys.argv[1:] else None, fast=True) as server:
    print(server.folder, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def room(monkeypatch):
    """A TMPDIR of the test's own that the server's account may enter; empty at the end, as the product promises."""
    folder = Path(tempfile.mkdtemp(prefix="room-", dir=HERE))
    folder.chmod(0o755)
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", None)  # else the first answer is remembered
    yield folder
    left = list(folder.iterdir())
    shutil.rmtree(folder)
    assert not left


@pytest.fixture
def kept():
    """Where data is kept; a folder that is not there yet."""
    parent = Path(tempfile.mkdtemp(prefix="kept-", dir=HERE))
    parent.chmod(0o755)
    yield parent / "data"
    shutil.rmtree(parent)


def family(pid: int) -> set[int]:
    """A process and all below it."""
    parents = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue  # ended meanwhile
    found, grown = set(), {pid}
    while grown:
        found |= grown
        grown = {child for child, parent in parents.items() if parent in grown} - found
    return found


def alive(pids: set[int]) -> set[int]:
    """Those that still run; a zombie nobody has collected does not."""
    found = set()
    for pid in pids:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if state not in "ZX":
            found.add(pid)
    return found


def postmaster(server) -> int:
    return int((server.data / "postmaster.pid").read_text().splitlines()[0])


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


async def answer(dsn: str, question: str = "select 1"):
    async with connected(dsn) as connection:
        return await connection.fetchval(question)


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


@AS_ROOT
@pytest.mark.usefixtures("room")
def test_started_by_root_the_server_runs_as_somebody_else():
    with EmbeddedPostgres(fast=True) as server:
        server_uids = {Path(f"/proc/{pid}").stat().st_uid for pid in family(postmaster(server))}
        assert server_uids == {server.folder.stat().st_uid}
        assert 0 not in server_uids


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
            EmbeddedUnavailable, match=f"^{kept} is in use by another server; stop that one, or"
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


@pytest.mark.usefixtures("room")
def test_without_postgres_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr(binaries, "candidates", lambda: iter([Path("/nonexistent")]))
    with pytest.raises(
        EmbeddedUnavailable, match=r"no Postgres .* found; install dispatcher\[embedded\] or Postgres, or"
    ):
        EmbeddedPostgres().__enter__()


def test_the_folder_in_pgbin_comes_first(monkeypatch):
    monkeypatch.setenv("PGBIN", "/somewhere/bin")
    assert next(binaries.candidates()) == Path("/somewhere/bin")


@pytest.mark.usefixtures("room")
async def test_variables_meant_for_other_servers_do_not_leak_in(monkeypatch):
    for name, value in {
        "PGHOST": "elsewhere.example.com", "PGPORT": "1", "PGUSER": "somebody", "PGDATABASE": "nowhere",
        "PGDATA": "/nonexistent", "PGOPTIONS": "--nonsense", "PGPASSWORD": "secret", "PGTZ": "Nowhere/Never",
        "LC_ALL": "de_DE.UTF-8", "LANGUAGE": "de",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    with EmbeddedPostgres(fast=True) as server:
        assert (
            await answer(server.dsn, "select current_user || ' of ' || current_database()")
            == "dispatcher of dispatcher"
        )
        assert (await answer(server.superuser_dsn, "show data_directory")) == str(server.data)


@pytest.fixture
def private():
    """A folder only its owner may enter, as root's home is."""
    folder = Path(tempfile.mkdtemp(prefix="private-", dir=HERE))
    assert folder.stat().st_mode & 0o777 == 0o700
    yield folder
    shutil.rmtree(folder)


@AS_ROOT
async def test_binaries_only_root_can_reach_are_copied(room, private, monkeypatch):
    ours = binaries.find(binaries.Account.choose(), private / "spare")
    package = ours.parent.parent
    inside = private / package.name / ours.parent.name
    shutil.copytree(ours.parent, inside, symlinks=True, ignore=shutil.ignore_patterns("include"))
    if (libraries := package.with_name(f"{package.name}.libs")).exists():
        shutil.copytree(libraries, private / libraries.name)
    monkeypatch.setenv("PGBIN", str(inside / "bin"))
    with EmbeddedPostgres(fast=True) as server:
        assert server.folder in server.binaries.parents
        assert await answer(server.dsn) == 1
    assert not list(room.iterdir())
    assert private.stat().st_mode & 0o777 == 0o700


@AS_ROOT
async def test_a_tmpdir_only_root_can_enter_is_no_obstacle(private, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(private))
    monkeypatch.setattr(tempfile, "tempdir", None)
    with EmbeddedPostgres(fast=True) as server:
        assert await answer(server.dsn) == 1
    assert not list(private.iterdir())


async def test_a_tmpdir_too_long_for_a_socket_is_no_obstacle(room, monkeypatch):
    long = room / ("long-" * 20)
    long.mkdir()
    monkeypatch.setenv("TMPDIR", str(long))
    monkeypatch.setattr(tempfile, "tempdir", None)
    with EmbeddedPostgres(fast=True) as server:
        assert await answer(server.dsn) == 1
        folder = server.folder
    assert not folder.exists()
    long.rmdir()


async def test_two_at_once_are_two_servers(room):
    with EmbeddedPostgres(fast=True) as one, EmbeddedPostgres(fast=True) as other:
        assert sorted(room.iterdir()) == sorted([one.folder, other.folder])
        assert await answer(one.superuser_dsn, "show data_directory") == str(one.data)
        assert await answer(other.superuser_dsn, "show data_directory") == str(other.data)
