"""nginx as the proxy that all deliveries go through: somebody else's idea of absolute form, and of CONNECT."""

import pytest

from tests.support.eventually import eventually
from tests.support.receiver import Receiver
from tests.support.sql import all_settled, attempts, insert, insert_many, subscribe


@pytest.fixture
async def nginx(behind_nginx, receiver):
    async with behind_nginx(receiver.url("/")) as serving:
        yield serving


async def test_a_receiver_over_http_is_reached_by_way_of_it_over_one_connection(running, db, nginx):
    async with Receiver("127.0.0.2") as receiver:
        _, secret = await subscribe(db, receiver.url("/hook?a=%2F"), max_in_flight=1)
        async with running(egress__proxy=f"http://127.0.0.1:{nginx.http}"):
            await insert_many(db, 5)
            await all_settled(db)
        assert await attempts(db) == [(1, "delivered", None, 200)] * 5
        assert all(request.verified(secret) for request in receiver.requests)
        assert len(receiver.requests) == 5
    log = await eventually(lambda: len(nginx.log) == 5 and nginx.log)
    assert len({line["connection"] for line in log}) == 1, log


async def test_one_that_knows_no_connect_is_our_fault_and_spends_no_attempt(running, db, nginx):
    await subscribe(db, "https://receiver.example.com/hook", max_attempts=1)
    async with running(egress__proxy=f"http://127.0.0.1:{nginx.http}"):
        await insert(db)
        assert (await eventually(lambda: attempts(db)))[0] == (None, "retrying", "proxy", None)
