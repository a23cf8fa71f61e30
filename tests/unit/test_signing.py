"""Signatures: known answers in signatures.json, and the official library as the judge."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from dispatcher.policy.signer import Signer, Unsignable
from dispatcher.policy.signing import Encoding, Scheme, Signing
from tests.support.factories import SECRET

KNOWN = json.loads(Path(__file__).with_name("signatures.json").read_text("ascii"))
OTHER = "whsec_y6BrVzb69n5UsHtWHq6UOV53TFF6fZEKVDaeEmPM+9Q="
PAIR = KNOWN["v1a"][1]["secret"]
ID = "evt_019a9f2e7c0070008000000000000001"
BODY = '{"name":"Zoë 日本 🙂"}'.encode()

STANDARD = Signing()
GITHUB = Signing.of(Scheme.GITHUB)
STRIPE = Signing.of(Scheme.STRIPE)
EMBEDDED = Signing.of(Scheme.EMBEDDED)


def sign(
    signing: Signing, *secrets: str, webhook_id: str = ID, timestamp: int = 1_700_000_000, body: bytes = BODY
) -> tuple[dict[str, str], bytes]:
    return Signer(signing, *secrets).sign(webhook_id, timestamp, body, with_previous=True)


def headers(secrets: list[str], timestamp: int, body: bytes = BODY) -> dict[str, str]:
    signed, _ = sign(STANDARD, *secrets, timestamp=timestamp, body=body)
    return {"webhook-id": ID, "webhook-timestamp": str(timestamp), **signed}


# Standard Webhooks.


@pytest.mark.parametrize("case", KNOWN["v1"] + KNOWN["v1a"], ids=lambda case: case["signature"])
def test_known_answers(case):
    body = bytes.fromhex(case["body_utf8_hex"])
    signed = sign(STANDARD, case["secret"], webhook_id=case["id"], timestamp=case["timestamp"], body=body)
    assert signed == ({"webhook-signature": case["signature"]}, body)


def test_a_seed_without_its_public_half_signs_the_same():
    seed_alone = "whsk_" + base64.b64encode(base64.b64decode(PAIR[5:])[:32]).decode()
    assert sign(STANDARD, seed_alone) == sign(STANDARD, PAIR)


def test_while_two_secrets_overlap_there_are_two_tokens_the_current_one_first_and_one_space():
    current, previous = KNOWN["v1"][1], KNOWN["v1"][4]
    body = bytes.fromhex(current["body_utf8_hex"])
    signed, _ = sign(STANDARD, current["secret"], previous["secret"], webhook_id=current["id"], body=body)
    assert signed == {"webhook-signature": KNOWN["rotation_header"]}


@pytest.mark.parametrize(("secrets", "versions"), [((PAIR, SECRET), ["v1a", "v1"]), ((SECRET, PAIR), ["v1", "v1a"])])
def test_from_a_secret_to_a_pair_and_back_both_sign_meanwhile(secrets, versions):
    tokens = sign(STANDARD, *secrets)[0]["webhook-signature"].split(" ")
    assert tokens == [sign(STANDARD, secret)[0]["webhook-signature"] for secret in secrets]
    assert [token.split(",")[0] for token in tokens] == versions


@pytest.mark.parametrize("signing", [STANDARD, GITHUB, STRIPE, EMBEDDED], ids=lambda signing: signing.scheme.value)
def test_without_the_previous_secret_the_current_one_signs_alone(signing):
    both = Signer(signing, SECRET, OTHER)
    assert both.sign(ID, 1, BODY, with_previous=False) == sign(signing, SECRET, timestamp=1)


@pytest.mark.parametrize("secret", [SECRET, OTHER])
def test_the_official_library_verifies_with_either_secret_of_an_overlap(secret):
    Webhook(secret).verify(BODY, headers([SECRET, OTHER], int(time.time())))


def test_the_official_library_verifies_beside_a_pair():
    Webhook(SECRET).verify(BODY, headers([PAIR, SECRET], int(time.time())))


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


@given(st.binary(min_size=24, max_size=64), st.text(st.characters(exclude_categories=["Cs"])))
def test_the_official_library_verifies_any_key_and_any_text(key, text):
    secret = f"whsec_{base64.b64encode(key).decode()}"
    Webhook(secret).verify(text, headers([secret], int(time.time()), text.encode()), json_parse=False)


# The others.


def test_github_signs_the_body_with_the_secret_as_it_stands():
    known = KNOWN["github"]
    body = bytes.fromhex(known["body_utf8_hex"])
    assert sign(GITHUB, known["secret"], body=body) == ({"x-hub-signature-256": known["header"]}, body)


def test_github_has_room_for_the_current_secret_only():
    assert sign(GITHUB, SECRET, OTHER) == sign(GITHUB, SECRET)


def test_stripe_signs_the_time_and_the_body():
    known = KNOWN["stripe"]
    body = bytes.fromhex(known["body_utf8_hex"])
    signed = sign(STRIPE, known["secret"], timestamp=known["timestamp"], body=body)
    assert signed == ({"stripe-signature": known["header"]}, body)


def test_stripe_has_the_current_signature_first_and_the_previous_one_after_it():
    current, previous = (sign(STRIPE, secret)[0]["stripe-signature"] for secret in (SECRET, OTHER))
    assert sign(STRIPE, SECRET, OTHER)[0]["stripe-signature"] == f"{current},{previous.split(',')[1]}"


@pytest.mark.parametrize("scheme", [Scheme.GITHUB, Scheme.STRIPE])
def test_a_profile_may_name_the_header(scheme):
    assert list(sign(Signing.of(scheme, header="Acme-Signature"), SECRET)[0]) == ["acme-signature"]


@pytest.mark.parametrize("scheme", [Scheme.STANDARD, Scheme.EMBEDDED])
def test_what_standard_webhooks_calls_its_header_no_profile_changes(scheme):
    assert list(sign(Signing.of(scheme, header="Acme-Signature"), SECRET)[0]) == ["webhook-signature"]


@pytest.mark.parametrize("scheme", [Scheme.GITHUB, Scheme.STRIPE, Scheme.EMBEDDED])
@pytest.mark.parametrize(
    ("encoding", "secret", "key"),
    [
        (Encoding.BASE64, SECRET, bytes(range(32))),
        (Encoding.UTF8, SECRET, SECRET.encode()),
        (Encoding.HEX, bytes(range(32)).hex().upper(), bytes(range(32))),
    ],
)
def test_the_profile_says_what_the_key_is(scheme, encoding, secret, key):
    signed, wire = sign(Signing(scheme, encoding), secret)
    content = b"1700000000." + BODY if scheme is Scheme.STRIPE else BODY
    expected = hmac.new(key, content, hashlib.sha256).hexdigest()
    assert expected in (wire.decode() if scheme is Scheme.EMBEDDED else "".join(signed.values()))


def test_none_signs_nothing_and_does_not_care_what_a_secret_is():
    assert sign(Signing(Scheme.NONE), "no key", "no key") == ({}, BODY)


# The one inside the body.


def receive(secret: str, body: bytes) -> bytes:
    """What a receiver does, after the rule alone: returns what was signed."""
    tail = body[-87:]
    core = body[:-87] + b"}"
    digest = hmac.new(base64.b64decode(secret[6:]), core, hashlib.sha256).hexdigest()
    assert tail == f',"signature":"sha256={digest}"}}'.encode()
    return core


def test_embedded_is_the_last_member_of_the_body():
    known = KNOWN["embedded"]
    core, wire = bytes.fromhex(known["signed_bytes_hex"]), bytes.fromhex(known["wire_body_hex"])
    assert sign(EMBEDDED, known["secret"], body=core)[1] == wire
    assert json.loads(wire)["signature"] == known["signature"]
    assert len(wire) == len(core) + 86


@pytest.mark.parametrize("secret", [SECRET, OTHER])
def test_embedded_has_room_for_the_current_secret_only_and_its_header_for_both(secret):
    now = int(time.time())
    signed, wire = sign(EMBEDDED, SECRET, OTHER, timestamp=now)
    assert receive(SECRET, wire) == BODY
    Webhook(secret).verify(wire, {"webhook-id": ID, "webhook-timestamp": str(now), **signed})


def test_white_space_around_the_object_is_neither_signed_nor_sent():
    assert sign(EMBEDDED, SECRET, body=b"\n\t " + BODY + b" \r\n") == sign(EMBEDDED, SECRET)


json_objects = st.dictionaries(st.text(), st.integers() | st.text() | st.lists(st.none()), min_size=1)


@given(json_objects, st.sampled_from([json.dumps, lambda given: json.dumps(given, indent=1, ensure_ascii=True)]))
def test_a_receiver_gets_back_every_byte_that_was_signed(given, dumps: Callable[[object], str]):
    core = dumps(given).encode("utf-8", "surrogatepass")
    assert receive(SECRET, sign(EMBEDDED, SECRET, body=core)[1]) == core


@pytest.mark.parametrize(
    "body",
    [b"", b" ", b"{", b"}", b"{}", b"{ \n}", b"[1]", b'"{1}"', b"null", b'{"a":1}]', b'\xa0{"a":1}', b'{"a":1}\f'],
)
def test_a_body_without_a_member_to_follow_cannot_carry_it(body):
    with pytest.raises(Unsignable, match=r"^the body is not a JSON object with a member"):
        sign(EMBEDDED, SECRET, body=body)


# What is no key.


@pytest.mark.parametrize("signing", [STANDARD, GITHUB, STRIPE, EMBEDDED], ids=lambda signing: signing.scheme.value)
@pytest.mark.parametrize(
    ("secrets", "column"), [(("zz",), "secret"), ((SECRET, "zz"), "previous_secret"), ((SECRET, ""), "previous_secret")]
)
def test_a_malformed_secret_is_refused_by_the_name_of_its_column(signing, secrets, column):
    with pytest.raises(ValueError, match=rf"^{column} (is not|has) ") as caught:
        Signer(signing, *secrets)
    assert "zz" not in str(caught.value)


def test_a_pair_is_a_key_under_the_standard_scheme_only():
    assert "v1a," in sign(STANDARD, PAIR)[0]["webhook-signature"]
    with pytest.raises(ValueError, match=r"^secret is not whsec_ followed by base64$"):
        Signer(EMBEDDED, PAIR)


@pytest.mark.parametrize(
    ("scheme", "encoding"),
    [(s, Encoding.UTF8 if s in {Scheme.GITHUB, Scheme.STRIPE} else Encoding.BASE64) for s in Scheme],
)
def test_where_only_the_scheme_is_said_its_own_customs_hold(scheme, encoding):
    assert Signing.of(scheme) == Signing(scheme, encoding)
    assert Signing.of(scheme, Encoding.HEX).encoding is Encoding.HEX
