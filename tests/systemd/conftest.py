import shutil
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pytest

from tests.support.installed import ADMINISTRATE, MIGRATE, ROOT, Postgres, build, cache, install, provide_postgres, uv
from tests.support.machine import Machine, NoMachine, booted
from tests.support.postgres import connected
from tests.support.service import Service, service

FILE = "/etc/dispatcher/dispatcher.toml"


@dataclass(frozen=True)
class Site:
    """A machine with dispatcher and Postgres; `app` is migrated, and the template of every test's database."""

    machine: Machine
    postgres: Postgres
    package: Path


def made_folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="site-"))
    folder.chmod(0o755)
    for name in ("package", "postgres"):
        (folder / name).mkdir(mode=0o755)
    return folder


@pytest.fixture(scope="session")
async def site() -> AsyncIterator[Site]:
    folder = made_folder()
    try:
        async with booted([folder, ROOT, uv().parent, cache()]) as machine:
            await build(folder / "package")
            await install(machine, folder / "package")
            postgres = await provide_postgres(machine, folder / "postgres")
            async with connected(postgres.dsn_as("admin", "app")) as admin:
                await admin.execute(ADMINISTRATE)
            machine.write(FILE, f'[database]\ndsn = "{postgres.peer_dsn("app")}"\n')
            await machine.sh(MIGRATE)
            yield Site(machine, postgres, folder / "package")
    except NoMachine as reason:
        pytest.skip(str(reason))
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def machine(site) -> Machine:
    return site.machine


@pytest.fixture
def postgres(site) -> Postgres:
    return site.postgres


@pytest.fixture
def package(site) -> Path:
    """The folder an operator installs from."""
    return site.package


@pytest.fixture
async def app(postgres) -> AsyncIterator[str]:
    """The name of a migrated database of the test's own."""
    async with postgres.database() as name:
        yield name


@pytest.fixture
async def appdb(postgres, app) -> AsyncIterator[asyncpg.Connection]:
    """To that database, as a superuser."""
    async with postgres.connected(app) as connection:
        yield connection


@pytest.fixture
async def dispatcher(machine, postgres, app) -> AsyncIterator[Service]:
    """dispatcher.service, configured for that database."""
    async with service(machine, "dispatcher", FILE) as made:
        made.configure(postgres.peer_dsn(app))
        yield made
