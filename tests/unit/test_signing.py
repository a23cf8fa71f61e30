"""Signatures: known answers in signatures.json, and the official library as the judge."""

import base64
import json
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from dispatcher.policy.signing import LONGEST, SHORTEST, key_of, signature
from tests.support.factories import SECRET

OTHER = "whsec_y6BrVzb69n5UsHtWHq6UOV53TFF6fZEKVDaeEmPM+9Q="
ID = "evt_019a9f2e7c0070008000000000000001"
BODY = '{"name":"Zoë 日本 🙂"}'.encode()


def cases() -> list[dict]:
    return json.loads(Path(__file__).with_name("signatures.json").read_text("ascii"))


def secret_of(key: bytes) -> str:
    return f"whsec_{base64.b64encode(key).decode()}"


def headers(secrets: list[str], timestamp: int, body: bytes = BODY) -> dict[str, str]:
    keys = [key_of(secret) for secret in secrets]
    return {
        "webhook-id": ID,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signature(keys, ID, timestamp, body),
    }


@pytest.mark.parametrize("case", cases(), ids=lambda case: case["signature"])
def test_known_answers(case):
    body = bytes.fromhex(case["body_hex"])
    assert signature([key_of(case["secret"])], case["id"], case["timestamp"], body) == case["signature"]


def test_while_two_secrets_overlap_there_are_two_tokens_the_current_one_first_and_one_space():
    current, previous = (case for case in cases() if case["id"].endswith("E1F"))
    keys = [key_of(current["secret"]), key_of(previous["secret"])]
    said = signature(keys, current["id"], current["timestamp"], bytes.fromhex(current["body_hex"]))
    assert said == f"{current['signature']} {previous['signature']}"
    assert current["signature"] == "v1,xHs6ZALvQM6MXXPuQKPrklYmZMGvvvIbxozyemAl5pI="


@pytest.mark.parametrize("secret", [SECRET, OTHER])
def test_the_official_library_verifies_with_either_secret_of_an_overlap(secret):
    Webhook(secret).verify(BODY, headers([SECRET, OTHER], int(time.time())))


@pytest.mark.parametrize("tampered", [{"webhook-id": ID[:-1] + "2"}, {"webhook-signature": "v1,AAAA"}])
def test_the_official_library_refuses_another_id_or_signature(tampered):
    sent = headers([SECRET, OTHER], int(time.time()))
    with pytest.raises(WebhookVerificationError, match="No matching signature"):
        Webhook(SECRET).verify(BODY, sent | tampered)


@pytest.mark.parametrize("shift_s", [-1, 1])
def test_the_official_library_refuses_another_time(shift_s):
    now = int(time.time())
    sent = headers([SECRET], now) | {"webhook-timestamp": str(now + shift_s)}
    with pytest.raises(WebhookVerificationError, match="No matching signature"):
        Webhook(SECRET).verify(BODY, sent)


@pytest.mark.parametrize("body", [BODY + b" ", BODY[:-1], BODY.replace(b"Z", b"z"), b""])
def test_the_official_library_refuses_another_body(body):
    with pytest.raises(WebhookVerificationError, match="No matching signature"):
        Webhook(SECRET).verify(body, headers([SECRET], int(time.time())))


def test_the_official_library_refuses_another_secret():
    with pytest.raises(WebhookVerificationError, match="No matching signature"):
        Webhook(OTHER).verify(BODY, headers([SECRET], int(time.time())))


@given(st.binary(min_size=SHORTEST, max_size=LONGEST), st.text(st.characters(exclude_categories=["Cs"])))
def test_the_official_library_verifies_any_key_and_any_text(key, text):
    sent = headers([secret_of(key)], int(time.time()), text.encode())
    Webhook(secret_of(key)).verify(text, sent, json_parse=False)


@given(st.binary(min_size=SHORTEST, max_size=LONGEST))
def test_a_secret_is_the_base64_of_its_key(key):
    assert key_of(secret_of(key)) == key


@pytest.mark.parametrize("length", [0, 1, SHORTEST - 1, LONGEST + 1, 1000])
def test_a_key_has_24_to_64_bytes(length):
    with pytest.raises(ValueError, match=f"^a secret holds 24 to 64 bytes, this one {length}$"):
        key_of(secret_of(b"k" * length))


@pytest.mark.parametrize(
    "secret",
    ["", "whsec", "WHSEC_" + SECRET[6:], "Whsec_" + SECRET[6:], " " + SECRET, "whsk_" + SECRET[6:], SECRET[6:]],
)
def test_a_secret_begins_with_whsec(secret):
    with pytest.raises(ValueError, match=r"^a secret begins with whsec_$"):
        key_of(secret)


@pytest.mark.parametrize(
    "rest",
    [
        SECRET[6:-1],  # no padding
        SECRET[6:] + "=",
        SECRET[6:] + "AAAA",
        SECRET[6:] + "\n",
        " " + SECRET[6:],
        "AAEC AwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
        "-_" + SECRET[8:],  # the other alphabet
        "é" + SECRET[7:],
        "!" * 32,
        "=" * 32,
    ],
)
def test_the_rest_of_a_secret_is_strict_base64(rest):
    with pytest.raises(ValueError, match=r"^after whsec_ a secret is base64$") as caught:
        key_of(f"whsec_{rest}")
    assert caught.value.__suppress_context__, "the error below may repeat it"


@given(st.text(min_size=1).map(lambda noise: f"zz{noise}secret!"), st.sampled_from(["", "whsec_"]))
def test_a_refusal_never_repeats_a_secret(noise, prefix):
    with pytest.raises(ValueError, match="a secret") as caught:
        key_of(prefix + noise)
    assert "zz" not in str(caught.value)
