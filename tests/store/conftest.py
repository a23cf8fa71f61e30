import subprocess

import pytest

from dispatcher.embedded.binaries import environment
from dispatcher.store.session import PLANS, UPKEEP, Login, Session
from tests.support.bell import Bell
from tests.support.postgres import connected
from tests.support.sql import insert, subscribe
from tests.support.stages import fan_out


@pytest.fixture
async def producer(database):
    async with connected(database.dsn_as("app_producer")) as connection:
        yield connection


@pytest.fixture
async def bell(database):
    async with connected(database.superuser_dsn) as connection:
        yield await Bell(connection).listen()


@pytest.fixture
async def session(database):
    """As the stages have it: the owner's, with pinned plans."""
    session = Session(Login(database.dsn, settings=PLANS), "test")
    yield session
    await session.close()


@pytest.fixture
async def operator(database):
    session = Session(Login(database.dsn_as("app_operator"), settings=UPKEEP), "test")
    yield session
    await session.close()


@pytest.fixture
async def delivery(db, session):
    """(delivery, endpoint) of one event fanned out to one endpoint."""
    endpoint_id, _ = await subscribe(db, "https://example.com/hook")
    await insert(db)
    await fan_out(session)
    return await db.fetchval("select id from webhooks.deliveries"), endpoint_id


@pytest.fixture
async def empty(cluster):
    async with cluster.database(migrated=False) as database:
        yield database


@pytest.fixture
def psql(cluster):
    """Runs a script as the owner of a database, stopping at the first error."""

    def run(database, text: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [cluster.server.binaries / "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", database.dsn],
            input=text, capture_output=True, text=True, check=False, env=environment(),
        )  # fmt: skip

    return run
