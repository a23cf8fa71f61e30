"""A dispatcher as an operator runs it, but for short waits: https only, and a test authority that is trusted."""

from collections.abc import AsyncIterator
from functools import partial

import pytest

from tests.support.dispatching import Running, dispatching
from tests.support.receiver import Receiver

STRICT = {
    "egress__allow_http": False,
    "endpoint__backoff_base_s": 0.02,
    "endpoint__backoff_factor": 1,
    # Failures in a row are what these tests are about; a pause after them is not.
    "breaker__park_after": 10_000,
}


@pytest.fixture
def running(database, authority) -> Running:
    return partial(dispatching, database.dsn, **{**STRICT, "egress__ca_file": str(authority.ca_file)})


@pytest.fixture
async def receiver(authority) -> AsyncIterator[Receiver]:
    async with Receiver(tls=authority.issue("127.0.0.1")) as receiver:
        yield receiver
