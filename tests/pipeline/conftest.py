from functools import partial

import pytest

from tests.support.dispatching import Running, dispatching


@pytest.fixture
def running(database) -> Running:
    """`async with running(section__key=value):` a dispatcher works; leaving drains it."""
    return partial(dispatching, database.dsn)
