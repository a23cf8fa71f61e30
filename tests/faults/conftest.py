"""A server of the folder's own, because it is stopped, killed and paused; whole again after each test."""

import pytest

from tests.support.postgres import connected, prepare
from tests.support.proxy import proxying
from tests.support.server import serving


@pytest.fixture(scope="session")
async def cluster():
    async with serving() as cluster:
        await prepare(cluster)
        yield cluster


@pytest.fixture
def server(cluster):
    return cluster.server


@pytest.fixture
async def database(cluster, server):
    async with cluster.database() as database:
        yield database
        await server.mend()


@pytest.fixture
async def network(database):
    async with proxying(database) as proxy:
        yield proxy


@pytest.fixture
async def root(database):
    """A superuser's connection to the database, for as long as the server lasts."""
    async with connected(database.superuser_dsn) as connection:
        yield connection
