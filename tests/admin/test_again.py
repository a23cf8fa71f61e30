"""A creation that is said again is answered with its secret, for who did not get the answer; and with no later one."""

import pytest

from tests.support.keys import SEALING
from tests.support.sql import endpoint

URL = "https://example.com/hook"
PATH = "/api/v1/endpoints"
SECRET = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="


@pytest.fixture
async def admin(product):
    return await product.with_token("admin")


async def test_a_creation_that_is_said_again_is_done_once_and_answered_alike(admin, db):
    first = await admin.post(PATH, {"url": URL}, idempotency_key="k1")
    again = await admin.post(PATH, {"url": URL}, idempotency_key="k1")
    assert (again.status, again.json) == (201, first.json)
    assert again.headers["idempotency-replayed"] == "true"
    assert again.headers["location"] == first.headers["location"]
    assert await db.fetchval("select count(*) from webhooks.endpoints") == 1
    assert first.json["secret"] not in str(await db.fetch("select reply from webhooks.requests"))


@pytest.mark.parametrize("given", [{}, {"secret": SECRET}], ids=["made", "given"])
async def test_a_secret_that_came_later_is_not_in_it(admin, db, given):
    first = (await admin.post(PATH, {"url": URL, **given}, idempotency_key="k1")).json
    await admin.post(f"{PATH}/{first['id']}/rotate-secret")
    later = (await endpoint(db, first["id"]))["secret"]
    again = await admin.post(PATH, {"url": URL, **given}, idempotency_key="k1")
    assert again.status == 201
    assert later not in again.body.decode()
    assert again.json["secret"] == (SECRET if given else None)


async def test_a_sealed_secret_that_no_key_opens_is_not_answered_again(admin, db):
    first = await admin.post(PATH, {"url": URL}, idempotency_key="k1")
    async with db.transaction():
        await db.execute(SEALING)
        await db.execute("update webhooks.endpoints set secret = 'sealed:v1:k9:' || repeat('A', 112)")
    again = await admin.post(PATH, {"url": URL}, idempotency_key="k1")
    assert again.json == {**first.json, "secret": None}
