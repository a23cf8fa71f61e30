"""A private Postgres starts wherever it can, as whoever it must, and says why where it cannot."""

import os
import shutil
import tempfile
from pathlib import Path

import pytest

from dispatcher.embedded import EmbeddedPostgres, EmbeddedUnavailable, binaries
from tests.support.postgres import answer
from tests.support.processes import family, postmaster

HERE = tempfile.gettempdir()
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root is somebody else than its server")


@AS_ROOT
@pytest.mark.usefixtures("room")
def test_started_by_root_the_server_runs_as_somebody_else():
    with EmbeddedPostgres(fast=True) as server:
        server_uids = {Path(f"/proc/{pid}").stat().st_uid for pid in family(postmaster(server))}
        assert server_uids == {server.folder.stat().st_uid}
        assert 0 not in server_uids


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
