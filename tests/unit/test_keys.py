"""From a secret to a key: the table in secrets.json, as for SQL, and what no table can say."""

import base64
import json
import traceback
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatcher.policy.keys import key_of, public_key, public_of, refuse_secret, seed_of
from dispatcher.policy.signing import Encoding, Scheme, Signing
from tests.support.factories import SECRET

HERE = Path(__file__)
STANDARD = Signing()
PAIRS = json.loads(HERE.with_name("signatures.json").read_text("ascii"))["v1a"]
KEYED = [
    STANDARD,
    *(Signing(scheme, encoding) for scheme in (Scheme.GITHUB, Scheme.STRIPE, Scheme.EMBEDDED) for encoding in Encoding),
]


def cases() -> list[dict]:
    return json.loads(HERE.with_name("secrets.json").read_text("ascii"))


def secret_of(key: bytes, prefix: str = "whsec_") -> str:
    return prefix + base64.b64encode(key).decode()


def test_every_secret_in_the_table_is_judged_as_it_says():
    wrong = []
    for case in cases():
        secret = case["input"].ljust(case.get("pad", 0), "a")
        signing = Signing(Scheme(case["scheme"]), Encoding(case["encoding"]))
        if (refusal := refuse_secret(signing, secret)) != case["why"]:
            wrong.append((case["scheme"], case["encoding"], secret[:100], refusal, case["why"]))
    assert wrong == []


def test_the_table_has_every_scheme_under_every_encoding():
    assert {(case["scheme"], case["encoding"]) for case in cases()} == {
        (s.value, e.value) for s in Scheme for e in Encoding
    }


# What a secret stands for.


@given(st.binary(min_size=24, max_size=64))
def test_base64_is_decoded_after_its_prefix(key):
    assert key_of(STANDARD, secret_of(key)) == key_of(Signing(Scheme.EMBEDDED), secret_of(key)) == key


@given(st.binary(min_size=16, max_size=64), st.booleans())
def test_hexadecimal_digits_are_decoded_in_either_case(key, upper):
    secret = key.hex().upper() if upper else key.hex()
    assert key_of(Signing(Scheme.GITHUB, Encoding.HEX), secret) == key


@pytest.mark.parametrize("secret", ["It's a Secret to Everybody", SECRET, "ключ🙂"])
def test_as_utf8_the_whole_secret_is_the_key_its_prefix_too(secret):
    assert key_of(Signing(Scheme.STRIPE, Encoding.UTF8), secret) == secret.encode()


@pytest.mark.parametrize("encoding", Encoding)
def test_a_standard_secret_is_base64_whatever_else_the_profile_says(encoding):
    assert key_of(Signing(Scheme.STANDARD, encoding), SECRET) == bytes(range(32))


# Pairs.


@pytest.mark.parametrize("case", PAIRS, ids=lambda case: case["signature"])
def test_the_public_key_is_that_of_the_secret_with_or_without_its_public_half(case):
    seed_alone = secret_of(base64.b64decode(case["secret"][5:])[:32], "whsk_")
    assert public_key(case["secret"]) == public_key(seed_alone) == case["public"]
    assert public_of(case["secret"]) == public_of(case["public"]) == base64.b64decode(case["public"][5:])


@given(st.binary(min_size=32, max_size=32), st.integers(0, 255))
def test_a_public_half_with_one_bit_changed_is_refused(seed, bit):
    public = bytearray(base64.b64decode(public_key(secret_of(seed, "whsk_"))[5:]))
    assert seed_of(secret_of(seed + public, "whsk_")) == seed
    public[bit // 8] ^= 1 << bit % 8
    with pytest.raises(ValueError, match=r"^has a public half that is not its seed's$"):
        seed_of(secret_of(seed + public, "whsk_"))


@pytest.mark.parametrize("secret", [SECRET, "", "whpk_" + SECRET[6:], "hunter2"])
def test_only_a_pair_has_a_public_key(secret):
    with pytest.raises(ValueError, match=r"^is not whsk_ followed by base64$"):
        public_key(secret)


@pytest.mark.parametrize(
    ("key", "why"),
    [
        (SECRET, "is not whpk_ followed by base64"),
        ("whpk_hunter2", "is not whpk_ followed by base64"),
        (secret_of(b"k" * 31, "whpk_"), "has a key of 31 bytes, not 32"),
        (secret_of(b"k" * 33, "whpk_"), "has a key of 33 bytes, not 32"),
    ],
)
def test_what_is_no_public_key_is_refused(key, why):
    with pytest.raises(ValueError, match=f"^{why}$"):
        public_of(key)


# What is never said.


@given(st.sampled_from(KEYED), st.text(), st.sampled_from(["", "whsec_", "whsk_"]))
def test_a_refusal_shows_nothing_of_a_secret(signing, noise, prefix):
    secret = f"{prefix}zz{noise}\x07\ud800"
    refusal = refuse_secret(signing, secret)
    assert refusal
    assert "zz" not in refusal


@pytest.mark.parametrize("signing", KEYED, ids=lambda signing: f"{signing.scheme}-{signing.encoding}")
@pytest.mark.parametrize("secret", ["zz\ud800zz", "whsec_zz\u00e9zz", "zz", "whsk_zz\n", secret_of(b"zz" * 40)])
def test_nor_does_the_traceback(signing, secret):
    with pytest.raises(ValueError, match=r"is not|has") as caught:
        key_of(signing, secret + "\x00")
    told = "".join(traceback.format_exception(caught.value, limit=0))
    assert "zz" not in told
    assert caught.value.__context__ is None, "an error below may hold the secret"
