"""Signatures as others have them: the libraries that their receivers use accept ours."""

import json

import pytest

from tests.support.eventually import eventually
from tests.support.profiles import written
from tests.support.sql import all_settled, attempts, insert, subscribe

DATA = '{"name": "Zoë 日本 🙂", "n": -1.5e3, "order": 42}'
SECRET, OTHER = "It's a Secret to Everybody", "and this is another one"
GITHUB = """
description = "As GitHub signs"
body = '{"action":"$type","payload":$data}'

[signature]
scheme = "github"
header = "X-Hub-Signature-256"
secret = "required"
encoding = "utf8"
"""
STRIPE = """
description = "As Stripe signs"
body = '{"id":"$id","object":"event","type":"$type","created":$timestamp,"data":$data}'
timestamp = "unix"

[signature]
scheme = "stripe"
header = "Stripe-Signature"
secret = "required"
encoding = "utf8"
"""


@pytest.fixture
def signing(running, tmp_path):
    """`running`, with these two profiles besides the shipped ones."""
    return lambda: running(dispatch__profiles_dir=str(written(tmp_path, github=GITHUB, stripe=STRIPE)))


@pytest.fixture(scope="session")
def stripe():
    return pytest.importorskip("stripe", reason="stripe is not here; `uv sync --group receivers` brings it")


async def test_stripe_makes_an_event_of_a_delivery(signing, db, receiver, stripe):
    async with signing():
        await subscribe(db, receiver.url(), profile="stripe", secret=SECRET)
        event_id = await insert(db, data=DATA)
        await all_settled(db)
    (request,) = receiver.requests
    header = request.headers["stripe-signature"]
    event = stripe.Webhook.construct_event(request.body, header, SECRET)
    assert (event.id, event.type) == (f"evt_{event_id.hex}", "order.paid")
    assert event.data.order == 42
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.Webhook.construct_event(request.body, header, OTHER)
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.Webhook.construct_event(request.body.replace(b"42", b"43"), header, SECRET)


async def test_during_a_rotation_stripe_accepts_with_either_secret(signing, db, receiver, stripe):
    async with signing():
        endpoint_id, _ = await subscribe(db, receiver.url(), profile="stripe", secret=SECRET)
        await db.execute("select webhooks.rotate_secret($1, $2)", endpoint_id, OTHER)
        await insert(db, data=DATA)
        await all_settled(db)
    (request,) = receiver.requests
    for secret in (SECRET, OTHER):
        stripe.Webhook.construct_event(request.body, request.headers["stripe-signature"], secret)


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        pytest.param(SECRET, (1, "delivered", None, 200), id="ours"),
        pytest.param(OTHER, (1, "dead", "http_401", 401), id="another"),
    ],
)
async def test_github_s_verifier_accepts_a_delivery_with_the_right_secret_only(signing, db, bench, known, expected):
    async with bench.verifying({"/hook": {"by": "github", "secret": known}}) as verifiers, signing():
        await subscribe(db, verifiers.url(), profile="github", secret=SECRET, max_attempts=1)
        await insert(db, data=DATA)
        await all_settled(db)
        (heard,) = await eventually(lambda: verifiers.heard)
    assert await attempts(db) == [expected]
    if known == SECRET:
        assert heard["seen"] == {"action": "order.paid", "payload": json.loads(DATA)}
