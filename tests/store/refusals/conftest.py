import pytest

from tests.support.postgres import connected
from tests.support.refusals import own


@pytest.fixture(scope="module")
async def _shared(cluster):
    async with cluster.database() as database, connected(database.dsn) as connection:
        yield connection


@pytest.fixture
async def db(_shared):
    """One database for all of these: what is refused leaves nothing, and what is not is rolled back."""
    transaction = _shared.transaction()
    await transaction.start()
    yield _shared
    await transaction.rollback()


@pytest.fixture
async def owned(db) -> int:
    return await own(db)
