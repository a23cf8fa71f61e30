"""`dispatcher listen` under every scheme: the requests are signed here, after what each of the senders documents."""

import base64
import hashlib
import hmac
import time
from collections.abc import Callable
from typing import NamedTuple

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.support.commands import typed
from tests.support.daemon import daemon
from tests.support.factories import SECRET
from tests.support.listening import BODY, listening, post
from tests.support.profiles import written

KEY = bytes(range(32))
PAIR = Ed25519PrivateKey.from_private_bytes(KEY)
PRIVATE = f"whsk_{base64.b64encode(KEY).decode()}"
PUBLIC = f"whpk_{base64.b64encode(PAIR.public_key().public_bytes_raw()).decode()}"


def digest(key: bytes, content: bytes) -> str:
    return hmac.new(key, content, hashlib.sha256).hexdigest()


def by_a_pair(body: bytes) -> dict[str, str]:
    at = int(time.time())
    signature = base64.b64encode(PAIR.sign(b"evt_1.%d.%b" % (at, body))).decode()
    return {"webhook-id": "evt_1", "webhook-timestamp": str(at), "webhook-signature": f"v1a,{signature}"}


def by_stripe(body: bytes) -> dict[str, str]:
    at = int(time.time())
    return {"Acme-Signature": f"t={at},v1={digest(SECRET.encode(), b'%d.%b' % (at, body))},v0=00"}


def by_github(body: bytes) -> dict[str, str]:
    return {"X-Hub-Signature-256": f"sha256={digest(KEY, body)}"}


def with_its_signature(body: bytes) -> bytes:
    return body[:-1] + f',"signature":"sha256={digest(KEY, body)}"}}'.encode()


class Sender(NamedTuple):
    words: tuple[str, ...]
    headers: Callable[[bytes], dict[str, str]] = lambda _: {}
    body: bytes = BODY


SENDERS = {
    "standard by its public key": Sender(("--secret", PUBLIC), by_a_pair),
    "github": Sender(("--scheme", "github", "--encoding", "hex", "--secret", KEY.hex()), by_github),
    "stripe": Sender(("--scheme", "stripe", "--header", "ACME-signature", "--secret", SECRET), by_stripe),
    "embedded": Sender(("--scheme", "embedded", "--secret", SECRET), body=with_its_signature(BODY)),
    "a profile's": Sender(("--profile", "manysends", "--secret", SECRET), body=with_its_signature(BODY)),
}


@pytest.mark.parametrize("sender", SENDERS.values(), ids=SENDERS)
async def test_a_request_verifies_and_another_with_its_signature_does_not(sender):
    async with listening(*sender.words) as (running, url):
        await post(f"{url}/true", sender.headers(sender.body), sender.body)
        assert "✓ verified" in await running.until("POST /true")
        await post(f"{url}/false", sender.headers(sender.body), sender.body.replace(b"42", b"43"))
        assert "✗ the signature is of another secret or another body" in await running.until("POST /false")
        assert await running.is_told_to_end() == 0
        assert running.text.endswith("\n2 requests: 1 verified, 1 not\n")


LOCALHOST = {"egress__allow_http": "true", "egress__allow_hosts": '["localhost"]', "egress__allow_networks": "[]"}


async def test_what_the_daemon_signs_with_a_pair_verifies_by_the_public_key(database, db):
    async with daemon(database.dsn, **LOCALHOST), listening("--secret", PUBLIC) as (running, url):
        there = url.replace("127.0.0.1", "localhost")
        endpoint_id, secret = await db.fetchrow("SELECT * FROM webhooks.subscribe($1, secret => $2)", there, PRIVATE)
        assert secret == PRIVATE
        await db.execute("SELECT webhooks.ping($1)", endpoint_id)
        assert "✓ verified" in await running.until("webhook.ping")


async def test_the_type_is_shown_whatever_the_profile_calls_it():
    bodies = {
        b'{"type":"by.type","event":"by.event"}': "by.type",
        b'{"event_type":"by.event_type","event":"by.event"}': "by.event",
        b'{"event_type":"by.event_type"}': "by.event_type",
        b'{"type":1,"event_type":"by.event_type"}': "by.event_type",
        b'{"type":null,"event":{"type":"x"}}': "",
        b'["type"]': "",
    }
    async with listening() as (running, url):
        for number, (body, shown) in enumerate(bodies.items()):
            await post(f"{url}/{number}", body=body)
            line = await running.until(f"POST /{number}")
            assert line.partition(f"POST /{number}")[2].strip() == shown
        await running.is_told_to_end()


OURS = """
description = "Acme"
body = '{"head":{"kind":"$type"},"type":"acme.$type","data":$data}'
required = ["name", "api_key", "headers"]
[signature]
scheme = "none"
"""


async def test_the_type_is_the_member_that_the_profile_fills_with_it(tmp_path):
    (tmp_path / "profiles").mkdir()
    config = tmp_path / "ours.toml"
    config.write_text(f'[dispatch]\nprofiles_dir = "{written(tmp_path / "profiles", acme=OURS)}"\n')
    async with listening("--config", config, "--profile", "acme") as (running, url):
        await post(f"{url}/own", body=b'{"head":{"kind":"order.paid"},"type":"acme.order.paid"}')
        line = await running.until("POST /own")
        await post(f"{url}/other", body=b'{"head":[],"type":"by.type"}')
        assert "by.type" in await running.until("POST /other")
    assert line.split()[-1] == "order.paid"
    assert "- not signed" in line


async def greeted(*words: object) -> tuple[str, str]:
    """What it says at first, and its URL for others."""
    async with listening(*words) as (running, url):
        await running.is_told_to_end()
        return running.text, url.replace("127.0.0.1", "localhost")


async def test_it_says_how_to_subscribe_with_the_profile_and_what_that_requires():
    said, url = await greeted("--profile", "madyis")
    assert f"SELECT * FROM webhooks.subscribe('{url}/hook', profile => 'madyis');" in said
    assert "--secret whsec_…" in said
    said, url = await greeted("--profile", "context")
    assert f"SELECT * FROM webhooks.subscribe('{url}/hook', profile => 'context', name => 'listen');" in said
    assert "--secret" not in said, "it signs nothing"


async def test_a_profile_that_takes_https_only_says_that_something_has_to_end_tls():
    said, _ = await greeted("--profile", "sydx")
    assert "profile sydx           takes https only: have something in front of this listener that ends TLS" in said
    assert "copy of it without https_only, in dispatch.profiles_dir" in said
    assert "webhooks.subscribe('https://…/hook', profile => 'sydx'" in said
    assert "ALLOW_HTTP" not in said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ("--profile", "manysend"),
            "there is no profile 'manysend', and dispatch.profiles_dir is not set; did you mean manysends?",
        ),
        (("--profile", "sydx", "--scheme", "github"), "--profile says --scheme, --encoding and --header itself"),
        (("--profile", "sydx", "--header", "X-Signature"), "--profile says --scheme, --encoding and --header itself"),
        (("--profile", "context", "--secret", SECRET), "--secret has nothing to verify: the scheme none signs nothing"),
    ],
)
def test_a_profile_that_is_none_or_not_alone_is_a_usage_error(words, said):
    done = typed("listen", *words)
    assert done.returncode == 2
    assert said in done.stderr
