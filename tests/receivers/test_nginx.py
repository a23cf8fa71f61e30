"""nginx: as the receiver itself, and in front of the application that is."""

import pytest

from tests.support import nginx as debian
from tests.support.eventually import eventually
from tests.support.sql import all_settled, attempts, insert, insert_many, subscribe
from tests.support.tls import Authority

LARGEST = '"' + "x" * 999_998 + '"'
"""As much as an event's data may have."""


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
async def nginx(tmp_path, authority, receiver):
    """In front of `receiver`."""
    binary = debian.find()
    if binary is None:
        pytest.skip("nginx is not installed: `apt-get install nginx`")
    certificate = authority.certificate("localhost")
    async with debian.serving(binary, tmp_path, certificate=certificate, app=receiver.url("")) as serving:
        yield serving


async def test_one_connection_is_kept_for_all_deliveries(running, db, nginx):
    await subscribe(db, nginx.url(), max_in_flight=1)
    async with running():
        await insert_many(db, 20)
        await all_settled(db)
    log = await eventually(lambda: len(nginx.log) == 20 and nginx.log)
    assert [line["turn"] for line in log] == list(range(1, 21)), log
    assert {line["connection"] for line in log} == {log[0]["connection"]}
    assert {(line["status"], line["type"]) for line in log} == {(200, "application/json")}


async def test_its_503_is_tried_again_and_its_page_is_kept(running, db, nginx):
    await subscribe(db, nginx.url("/away"), max_attempts=2)
    async with running():
        await insert(db)
        await all_settled(db)
    assert await attempts(db) == [(1, "retrying", "http_503", 503), (2, "dead", "http_503", 503)]
    assert b"503 Service Temporarily Unavailable" in await db.fetchval("select reply from webhooks.attempts limit 1")
    first, second = await eventually(lambda: len(nginx.log) == 2 and nginx.log)
    assert first["id"] == second["id"]


async def test_it_takes_the_largest_event_though_it_answers_before_it_is_through(running, db, nginx):
    await subscribe(db, nginx.url(), max_in_flight=1)
    async with running():
        for data in (LARGEST, "1", LARGEST, "2"):
            await insert(db, data=data)
        await all_settled(db)
    assert await attempts(db) == [(1, "delivered", None, 200)] * 4
    log = await eventually(lambda: len(nginx.log) == 4 and nginx.log)
    assert len({line["id"] for line in log}) == 4, "each was sent once"


async def test_what_it_passes_on_still_verifies(running, db, nginx, receiver):
    _, secret = await subscribe(db, nginx.url("/app"))
    async with running():
        await insert(db, data=LARGEST)
        await insert(db, data='{"name": "Zoë"}')
        await all_settled(db)
    assert {status for _, _, _, status in await attempts(db)} == {200}
    assert [request.verified(secret) for request in receiver.requests] == [True, True]
    assert {request.path for request in receiver.requests} == {"/app"}


async def test_over_https_it_is_believed_by_the_authority_of_the_configuration(running, db, nginx, authority):
    trust = {"egress__ca_file": str(authority.ca_file), "egress__allow_hosts": ["localhost"]}
    await subscribe(db, nginx.secure_url(), max_in_flight=1)
    async with running(egress__allow_http="false", **trust):
        await insert_many(db, 3)
        await all_settled(db)
    log = await eventually(lambda: len(nginx.log) == 3 and nginx.log)
    assert {line["status"] for line in log} == {200}
    assert {line["tls"] for line in log} <= {"TLSv1.2", "TLSv1.3"}
    assert [line["turn"] for line in log] == [1, 2, 3], "the handshake is made once"


async def test_over_https_it_is_not_believed_without(running, db, nginx):
    await subscribe(db, nginx.secure_url(), max_attempts=1)
    async with running(egress__allow_hosts=["localhost"]):
        await insert(db)
        await all_settled(db)
    assert await attempts(db) == [(1, "dead", "tls", None)]
    assert nginx.log == []
