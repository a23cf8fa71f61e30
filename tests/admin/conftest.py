from functools import partial

import pytest

from dispatcher.store.session import PLANS, Login, Session
from tests.support.api import serving
from tests.support.dispatching import Running, dispatching
from tests.support.trying import RESOURCES


@pytest.fixture(scope="module")
async def common(cluster):
    """The same for all tests of a file that look at nothing but what they get."""
    async with cluster.database() as database, serving(database.dsn, RESOURCES) as api:
        yield api


@pytest.fixture
async def api(database):
    """A listener with routes made for tests."""
    async with serving(database.dsn, RESOURCES) as api:
        yield api


@pytest.fixture
async def product(database):
    """A listener with the product's own routes."""
    async with serving(database.dsn, None) as api:
        yield api


@pytest.fixture
def running(database) -> Running:
    return partial(dispatching, database.dsn)


@pytest.fixture
async def session(database):
    """As the stages have it: the owner's, with pinned plans."""
    session = Session(Login(database.dsn, settings=PLANS), "test")
    yield session
    await session.close()
