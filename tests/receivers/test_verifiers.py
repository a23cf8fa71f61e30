"""The official verifiers, in Python and in JavaScript, over what a dispatcher really sends."""

import json

import pytest

from tests.support.eventually import eventually
from tests.support.factories import SECRET
from tests.support.sql import all_settled, attempts, insert, subscribe

OTHER = "whsec_" + "B" * 32
DATA = '{"name": "Zoë 日本 🙂", "n": -1.5e3, "deep": [[{"a\\u0022": null}]], "order": 42}'
PACKAGES = {"standardwebhooks": "standardwebhooks", "svix": "svix.webhooks"}
LIBRARIES = sorted(PACKAGES)


@pytest.fixture(params=LIBRARIES)
def verifier(request):
    """`Webhook`, of one of the packages of Python."""
    why = "`uv sync --group receivers` brings it"
    return pytest.importorskip(PACKAGES[request.param], reason=f"{request.param} is not here; {why}").Webhook


async def test_python_s_verifiers_accept_a_delivery_as_it_came(running, db, receiver, verifier):
    _, secret = await subscribe(db, receiver.url())
    async with running():
        await insert(db, data=DATA)
        await all_settled(db)
    (request,) = receiver.requests
    verifier(secret).verify(request.body, request.headers)
    with pytest.raises(Exception, match="No matching signature"):
        verifier(OTHER).verify(request.body, request.headers)
    with pytest.raises(Exception, match="No matching signature"):
        verifier(secret).verify(request.body + b" ", request.headers)


@pytest.mark.parametrize("by", LIBRARIES)
async def test_javascript_s_verifiers_accept_a_delivery(running, db, bench, by):
    async with bench.verifying({"/hook": {"by": by, "secret": SECRET}}) as verifiers, running():
        await subscribe(db, verifiers.url(), secret=SECRET)
        event_id = await insert(db, data=DATA)
        await all_settled(db)
        (heard,) = await eventually(lambda: verifiers.heard)
    assert await attempts(db) == [(1, "delivered", None, 200)]
    assert heard["id"] == f"evt_{event_id.hex}"
    assert heard["seen"]["type"] == "order.paid"
    assert heard["seen"]["data"] == json.loads(DATA)


@pytest.mark.parametrize("by", LIBRARIES)
async def test_javascript_s_verifiers_refuse_another_secret(running, db, bench, by):
    async with bench.verifying({"/hook": {"by": by, "secret": OTHER}}) as verifiers, running():
        await subscribe(db, verifiers.url(), secret=SECRET, max_attempts=1)
        await insert(db)
        await all_settled(db)
        (heard,) = await eventually(lambda: verifiers.heard)
    assert await attempts(db) == [(1, "dead", "http_401", 401)]
    assert "No matching signature" in heard["refused"]


@pytest.mark.parametrize("by", LIBRARIES)
async def test_during_a_rotation_who_knows_only_one_of_the_secrets_accepts_too(running, db, bench, by):
    doors = {"/old": {"by": by, "secret": SECRET}, "/new": {"by": by, "secret": OTHER}}
    async with bench.verifying(doors) as verifiers, running():
        for path in doors:
            endpoint_id, _ = await subscribe(db, verifiers.url(path), secret=SECRET)
            await db.execute("select webhooks.rotate_secret($1, $2)", endpoint_id, OTHER)
        await insert(db)
        await all_settled(db)
        heard = await eventually(lambda: len(verifiers.heard) == 2 and verifiers.heard)
    assert {each["path"]: each.get("refused") for each in heard} == {"/old": None, "/new": None}
