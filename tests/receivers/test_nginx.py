"""nginx: as the receiver itself, and in front of the application that is."""

import pytest

from tests.support.eventually import eventually
from tests.support.factories import SECRET
from tests.support.sql import all_settled, attempts, insert, insert_many, subscribe

LARGEST = '"' + "x" * 999_998 + '"'
"""As much as an event's data may have."""


SIGNED = ("standard", "madyis", "manysends", "hellomateo", "sydx", "cloudevents")
"""Profiles that sign with the standard headers, all or some when a secret is given."""


@pytest.fixture
async def nginx(behind_nginx, receiver):
    """In front of `receiver`."""
    async with behind_nginx(receiver.url("/")) as serving:
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
    _, secret = await subscribe(db, nginx.url("/app/hook"))
    async with running():
        await insert(db, data=LARGEST)
        await insert(db, data='{"name": "Zoë"}')
        await all_settled(db)
    assert {status for _, _, _, status in await attempts(db)} == {200}
    assert [request.verified(secret) for request in receiver.requests] == [True, True]


async def test_every_profile_that_signs_by_the_standard_is_accepted_by_what_is_behind_it(
    running, db, behind_nginx, bench, trusted
):
    doors = {f"/{profile}": {"by": "standardwebhooks", "secret": SECRET} for profile in SIGNED}
    async with bench.verifying(doors) as verifiers, behind_nginx(verifiers.url("/")) as nginx, running(**trusted):
        for profile in SIGNED:
            url = nginx.secure_url(f"/app/{profile}")
            endpoint_id, _ = await subscribe(db, url, profile=profile, secret=SECRET)
            if profile == "manysends":
                await db.execute("select webhooks.activate($1)", endpoint_id)
        await insert(db, data='{"name": "Zoë"}')
        await all_settled(db)
        heard = await eventually(lambda: len(verifiers.heard) == len(SIGNED) and verifiers.heard)
    assert {each["path"]: each.get("refused") for each in heard} == dict.fromkeys(doors)
    assert [each["seen"]["data"] for each in heard] == [{"name": "Zoë"}] * len(SIGNED)
    assert await attempts(db) == [(1, "delivered", None, 200)] * len(SIGNED)


async def test_over_https_it_is_believed_by_the_authority_of_the_configuration(running, db, nginx, trusted):
    await subscribe(db, nginx.secure_url(), max_in_flight=1)
    async with running(egress__allow_http="false", **trusted):
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
