import pytest

from tests.support.api import serving
from tests.support.trying import RESOURCES


@pytest.fixture
async def api(database):
    """A listener with routes made for tests."""
    async with serving(database.dsn, RESOURCES) as api:
        yield api
