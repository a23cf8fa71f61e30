"""An ed25519 key whose halves do not go together is refused by whoever can tell: the schema cannot."""

import base64

import pytest

PATH = "/api/v1/endpoints"
URL = "https://example.com/hook"
WRONG = "whsk_" + base64.b64encode(bytes(64)).decode()
SEED = "whsk_" + base64.b64encode(bytes(range(32))).decode()


@pytest.fixture
async def admin(product):
    return await product.with_token("admin")


async def refused(got) -> None:
    assert (got.status, got.kind) == (422, "refused"), got.body
    assert got.json["errors"][0]["field"] == "secret"
    assert "public half that is not its seed's" in got.json["detail"]
    assert WRONG[5:] not in got.body.decode()


async def test_it_is_refused_wherever_a_secret_is_given(admin, db):
    await refused(await admin.post(PATH, {"url": URL, "secret": WRONG}))
    assert await db.fetchval("select count(*) from webhooks.endpoints") == 0
    made = (await admin.post(PATH, {"url": URL, "secret": SEED})).json
    one = f"{PATH}/{made['id']}"
    await refused(await admin.ask("PATCH", one, given={"secret": WRONG}))
    await refused(await admin.post(f"{one}/rotate-secret", {"secret": WRONG}))
    assert await db.fetchval("select secret from webhooks.endpoints") == SEED
