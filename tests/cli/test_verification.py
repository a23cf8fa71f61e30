"""What `listen` believes: every scheme as its sender signs it, and nothing else."""

import base64
import json
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatcher.cli.verification import TOLERANCE_S, Verifier
from dispatcher.policy.keys import public_key
from dispatcher.policy.signer import Signer
from dispatcher.policy.signing import Encoding, Scheme, Signing
from tests.support.factories import SECRET

KNOWN = json.loads((Path(__file__).parents[1] / "unit" / "signatures.json").read_text("ascii"))
OTHER = "whsec_y6BrVzb69n5UsHtWHq6UOV53TFF6fZEKVDaeEmPM+9Q="
PAIR = KNOWN["v1a"][1]["secret"]
NOW = 1_700_000_000
BODY = '{"name":"Zoë 日本 🙂"}'.encode()
SIGNING = [Signing.of(scheme) for scheme in Scheme if scheme is not Scheme.NONE]
FORGED = "the signature is of another secret or another body"

any_scheme = pytest.mark.parametrize("signing", SIGNING, ids=lambda signing: signing.scheme.value)


def sent(signing: Signing, *secrets: str, at: int = NOW, body: bytes = BODY) -> tuple[dict[str, str], bytes]:
    """What arrives: headers and body."""
    headers, wire = Signer(signing, *secrets).sign("evt_1", at, body, with_previous=True)
    return {"webhook-id": "evt_1", "webhook-timestamp": str(at), **headers}, wire


def refused(signing: Signing, secrets: list[str], headers: dict[str, str], body: bytes, now: float = NOW) -> str | None:
    return Verifier(secrets, signing).refuse(headers, body, now)


# What is believed.


@any_scheme
def test_what_was_signed_with_the_secret_verifies(signing):
    assert refused(signing, [SECRET], *sent(signing, SECRET)) is None


@any_scheme
def test_any_of_several_secrets_may_have_signed(signing):
    assert refused(signing, [OTHER, SECRET], *sent(signing, SECRET)) is None


@pytest.mark.parametrize("scheme", [Scheme.STANDARD, Scheme.STRIPE])
def test_while_secrets_overlap_either_verifies(scheme):
    signing = Signing.of(scheme)
    assert [refused(signing, [secret], *sent(signing, SECRET, OTHER)) for secret in (SECRET, OTHER)] == [None, None]


written = {
    Encoding.BASE64: st.binary(min_size=24, max_size=64).map(lambda key: f"whsec_{base64.b64encode(key).decode()}"),
    Encoding.UTF8: st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=8, max_size=128),
    Encoding.HEX: st.binary(min_size=16, max_size=64).map(bytes.hex),
}
texts = st.text(st.characters(exclude_categories=["Cs"]))


@given(
    st.one_of([st.tuples(st.just(encoding), secrets) for encoding, secrets in written.items()]),
    st.sampled_from([Scheme.GITHUB, Scheme.STRIPE, Scheme.EMBEDDED]),
    st.dictionaries(texts, st.integers() | st.booleans() | texts, min_size=1),
)
def test_any_key_and_any_object_come_back_verified(encoded, scheme, data):
    encoding, secret = encoded
    signing = Signing(scheme, encoding)
    assert refused(signing, [secret], *sent(signing, secret, body=json.dumps(data).encode())) is None


@given(st.binary(min_size=32, max_size=32), st.binary())
def test_any_pair_verifies_by_its_public_key(seed, body):
    secret = "whsk_" + base64.b64encode(seed).decode()
    headers, _ = sent(Signing(), secret, body=body)
    assert refused(Signing(), [public_key(secret)], headers, body) is None


@pytest.mark.parametrize("case", KNOWN["v1a"], ids=lambda case: case["signature"])
@pytest.mark.parametrize("half", ["public", "secret"])
def test_known_answers_of_pairs_verify_by_either_half(case, half):
    headers = {
        "webhook-id": case["id"],
        "webhook-timestamp": str(case["timestamp"]),
        "webhook-signature": f"v1,AAAA v1a,AAAA {case['signature']}",
    }
    body = bytes.fromhex(case["body_utf8_hex"])
    assert refused(Signing(), [SECRET, case[half]], headers, body, case["timestamp"]) is None
    assert refused(Signing(), [SECRET, case[half]], headers, body + b" ", case["timestamp"]) == FORGED


def test_a_signature_of_a_pair_can_be_written_in_one_way_only():
    headers, _ = sent(Signing(), PAIR)
    loose = headers["webhook-signature"]
    assert refused(Signing(), [PAIR], {**headers, "webhook-signature": f"{loose[:9]}!{loose[9:]}"}, BODY) == FORGED


def test_known_answers_of_the_other_schemes_verify():
    github, stripe, embedded = (KNOWN[name] for name in ("github", "stripe", "embedded"))
    by_github = {"x-hub-signature-256": github["header"]}
    by_stripe = {"stripe-signature": stripe["header"]}
    body = bytes.fromhex(github["body_utf8_hex"])
    assert refused(Signing.of(Scheme.GITHUB), [github["secret"]], by_github, body) is None
    body = bytes.fromhex(stripe["body_utf8_hex"])
    assert refused(Signing.of(Scheme.STRIPE), [stripe["secret"]], by_stripe, body) is None
    body = bytes.fromhex(embedded["wire_body_hex"])
    assert refused(Signing.of(Scheme.EMBEDDED), [embedded["secret"]], {}, body) is None


def test_a_header_is_looked_for_by_the_name_it_was_given():
    signing = Signing.of(Scheme.STRIPE, header="Acme-Signature")
    assert refused(signing, [SECRET], *sent(signing, SECRET)) is None
    assert refused(Signing.of(Scheme.STRIPE), [SECRET], *sent(signing, SECRET)) == "no stripe-signature"


# What is not.


@any_scheme
def test_another_secret_is_not_believed(signing):
    assert refused(signing, [OTHER], *sent(signing, SECRET)) == FORGED


@any_scheme
@pytest.mark.parametrize("place", range(0, len(BODY), 3))
def test_nor_is_a_body_with_a_bit_changed(signing, place):
    headers, wire = sent(signing, SECRET)
    changed = bytearray(wire)
    changed[place] ^= 1
    assert refused(signing, [SECRET], headers, bytes(changed)) == FORGED


CHANGES = {
    "longer": lambda body: body + b" ",
    "later": lambda body: b" " + body,
    "shorter": lambda body: body[1:],
    "nothing": lambda _: b"",
}


@any_scheme
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_nor_one_that_is_longer_or_shorter(signing, change):
    headers, wire = sent(signing, SECRET)
    assert refused(signing, [SECRET], headers, change(wire))


@any_scheme
def test_without_the_signature_it_says_what_is_missing(signing):
    missing = (
        "the body does not end with its signature" if signing.scheme is Scheme.EMBEDDED else f"no {signing.header_name}"
    )
    headers, _ = sent(signing, SECRET)
    headers.pop(signing.header_name)
    assert refused(signing, [SECRET], headers, BODY) == missing


@pytest.mark.parametrize("scheme", [Scheme.STANDARD, Scheme.STRIPE])
@pytest.mark.parametrize("away_s", [-TOLERANCE_S - 1, -TOLERANCE_S, TOLERANCE_S, TOLERANCE_S + 1])
def test_a_time_is_believed_for_five_minutes_either_way(scheme, away_s):
    signing = Signing.of(scheme)
    refusal = refused(signing, [SECRET], *sent(signing, SECRET), NOW + away_s)
    assert (refusal is None) == (abs(away_s) <= 300), refusal
    assert refusal is None or refusal.endswith("is 301 s away from this clock, 300 are allowed")


@pytest.mark.parametrize("scheme", [Scheme.GITHUB, Scheme.EMBEDDED])
def test_where_no_time_is_signed_none_is_looked_at(scheme):
    signing = Signing.of(scheme)
    assert refused(signing, [SECRET], *sent(signing, SECRET), time.time() + 10**6) is None


FOREIGN = [
    "", " ", ",", "=", "\udcff",
    "t=", "v1=", "t=,v1=", "t=soon,v1=00", "t=1700000000", "t=-1,v1=00", "t=٣,v1=00", "t=" + "9" * 400,
    "sha256=", "sha256=" + "0" * 64, "v1,", "v1,AAAA v2,x  ,",
    "v1a,", "v1a,AAAA", "v1a,!", "v1a,\udcff", "v1a," + "A" * 88, "v1a," + "A" * 86 + "==",
]  # fmt: skip


@any_scheme
@pytest.mark.parametrize("header", FOREIGN)
def test_no_signature_that_somebody_made_up_is_believed_or_breaks_it(signing, header):
    headers = {"webhook-id": "evt_1", "webhook-timestamp": str(NOW), signing.header_name: header}
    secrets = [SECRET, PAIR] if signing.scheme is Scheme.STANDARD else [SECRET]
    assert refused(signing, secrets, headers, BODY)


MEMBER = b',"signature":"sha256=%b"}' % (b"0" * 64)


@pytest.mark.parametrize(
    "body", [MEMBER, b"{" + MEMBER, b"[1" + MEMBER, b"{}" + MEMBER, MEMBER[1:], b'{"a":1' + MEMBER]
)
def test_a_body_of_hardly_more_than_a_signature_is_not_believed(body):
    assert refused(Signing.of(Scheme.EMBEDDED), [SECRET], {}, body)


def test_a_member_after_the_signature_is_not_believed():
    signing = Signing.of(Scheme.EMBEDDED)
    headers, wire = sent(signing, SECRET)
    again = wire[:-1] + MEMBER
    assert refused(signing, [SECRET], headers, again) == FORGED
    assert (
        refused(signing, [SECRET], headers, wire[:-1] + b',"name":"Eve"}') == "the body does not end with its signature"
    )


# What cannot verify anything.


@pytest.mark.parametrize(
    ("scheme", "secret", "why"),
    [
        (Scheme.STANDARD, "hunter2", "secret is not whsec_ or whsk_ followed by base64"),
        (Scheme.STANDARD, "whpk_hunter2", "secret is not whpk_ followed by base64"),
        (Scheme.STANDARD, "whsk_hunter2", "secret is not whsk_ followed by base64"),
        (Scheme.EMBEDDED, KNOWN["v1a"][0]["public"], "secret is not whsec_ followed by base64"),
        (Scheme.GITHUB, "hunter2", "secret has a key of 7 bytes, not 8 to 512"),
        (Scheme.NONE, SECRET, "secret has nothing to verify: the scheme none signs nothing"),
    ],
)
def test_what_is_no_key_is_refused_at_once(scheme, secret, why):
    with pytest.raises(ValueError, match=f"^{why}$"):
        Verifier([secret], Signing.of(scheme))
