"""Secrets at rest: what is sealed opens with its key, for its row and its purpose, and nowhere else."""

import base64
import hmac
import re

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from dispatcher.model import NoReply, Reason, Request
from dispatcher.policy.egress import Egress
from dispatcher.policy.recipient import Recipient
from dispatcher.policy.sealing import SEALED, Keyring, SealedShut, header, is_sealed, kid_of
from dispatcher.policy.wrapping import Secrets, sealed
from tests.support.composing import NOW, TERMS, TIMESTAMP, composed
from tests.support.factories import SECRET, an_endpoint, an_event
from tests.support.keys import FIRST, NONCE, SECOND, keyring, line
from tests.support.profiles import STANDARD

KNOWN = {
    (
        SECRET,
        "",
        1,
        "secret",
    ): "AAECAwQFBgcICQoLvzUOYyPqxwAS/7Ed3poAAnpopuyUkXouOE+GQ/vm3gE6vaZNwfYat6nsTitilLGRFfMQ9j297mLe17QPklHmRcuC",
    ("Zoë", "acme|1", 2**63 - 1, "api_key"): "AAECAwQFBgcICQoLr/RncuU7b/gVcAewV3f1ZImc+5g=",
    ("", "", 7, "header:authorization"): "AAECAwQFBgcICQoLNvg9CD36wlC40hxuPW6vmQ==",
}
"""A row's value, and what comes after the key's id."""


def seal(
    value: str, tenant: str = "acme", endpoint_id: int = 7, kind: str = "secret", keys: Keyring | None = None
) -> str:
    return (keys or keyring()).seal(value, tenant, endpoint_id, kind, NONCE)


# Known answers.


@pytest.mark.parametrize(("given", "expected"), KNOWN.items())
def test_what_is_sealed_with_a_known_nonce_is_known(given, expected):
    assert keyring().seal(*given, NONCE) == f"sealed:v1:k1:{expected}"


@pytest.mark.parametrize("given", KNOWN)
def test_it_is_aes_256_gcm_under_an_hkdf_of_the_row(given):
    value, tenant, endpoint_id, kind = given
    # RFC 5869 by hand: extract without salt, expand to one block.
    extracted = hmac.digest(bytes(32), FIRST, "sha256")
    subkey = hmac.digest(extracted, f"webhooks/secret/v1|{endpoint_id}".encode() + b"\x01", "sha256")
    bound = f"webhooks/secret/v1|{tenant}|{endpoint_id}|{kind}".encode()
    box = NONCE + AESGCM(subkey).encrypt(NONCE, value.encode(), bound)
    assert KNOWN[given] == base64.b64encode(box).decode()


# Opening.


@given(st.text(st.characters(codec="utf-8")), st.text(st.characters(codec="utf-8")), st.integers(1, 2**63 - 1))
def test_what_was_sealed_opens(value, tenant, endpoint_id):
    assert keyring().open(seal(value, tenant, endpoint_id), tenant, endpoint_id, "secret") == value


@pytest.mark.parametrize(
    "moved",
    [
        ("other", 7, "secret"),
        ("acme", 8, "secret"),
        ("acme", 7, "api_key"),
        ("acme", 7, header("secret")),
        ("", 7, "secret"),
    ],
)
def test_what_was_moved_to_another_row_tenant_or_place_does_not_open(moved):
    with pytest.raises(SealedShut, match=r"cannot be opened with key k1: it was changed, comes from another row, or"):
        keyring().open(seal("hunter2"), *moved)


def test_no_two_rows_are_bound_alike_whatever_the_tenants_are_called():
    with pytest.raises(SealedShut):
        keyring().open(seal("hunter2", "a|7", 7), "a", 7, "secret")


def test_every_changed_byte_is_noticed():
    text = seal("hunter2")
    box = base64.b64decode(text.rpartition(":")[2])
    for place in range(len(box)):
        changed = bytearray(box)
        changed[place] ^= 1
        with pytest.raises(SealedShut, match="it was changed"):
            keyring().open(f"sealed:v1:k1:{base64.b64encode(changed).decode()}", "acme", 7, "secret")


@pytest.mark.parametrize(
    "broken",
    [
        "sealed:v1:",
        "sealed:v1:k1",
        "sealed:v1:k1:",
        "sealed:v1:k1:AAAA",
        "sealed:v1:k1:A",
        "sealed:v1::AAAA",
        f"{seal('x')} ",
    ],
)
def test_what_is_damaged_counts_as_sealed_and_says_so(broken):
    assert is_sealed(broken)
    with pytest.raises(SealedShut, match=r"^is sealed, and malformed"):
        keyring().open(broken, "acme", 7, "secret")


def test_a_key_that_is_not_there_is_named_with_those_that_are():
    with pytest.raises(SealedShut, match=r"sealed with key k0, which secrets.keys_file does not have \(k1, k2\)"):
        keyring(line("k1"), line("k2", SECOND)).open(seal("x", keys=keyring(line("k0"))), "acme", 7, "secret")


def test_another_key_of_the_same_id_opens_nothing():
    with pytest.raises(SealedShut, match="has another key of that id"):
        keyring(line("k1", SECOND)).open(seal("x"), "acme", 7, "secret")


def test_the_first_key_seals_and_all_of_them_open():
    both = keyring(line("k2", SECOND), line("k1"))
    assert (both.active, both.ids) == ("k2", ("k2", "k1"))
    assert both.open(seal("x"), "acme", 7, "secret") == "x"
    assert kid_of(seal("x", keys=both)) == "k2"


def test_plain_values_are_not_sealed():
    assert not any(map(is_sealed, ["", SECRET, "sealed", "sealed:v2:k1:AAAA", "Sealed:v1:k1:AAAA"]))
    assert kid_of(SECRET) is None
    assert SEALED.fullmatch(seal("x"))


def test_a_nonce_of_another_length_is_a_bug_that_says_so():
    with pytest.raises(ValueError, match="a nonce has 12 bytes, this one 4"):
        keyring().seal("x", "", 1, "secret", b"1234")


# The file.


def test_blank_lines_and_comments_are_passed_over():
    made = Keyring.read(f"# ours\n\n  {line('a-_9')}  \r\n# older\n{line('b', SECOND)}")
    assert made.ids == ("a-_9", "b")


ALLOWED = "a line is ID:BASE64, an id of at most 32 letters, digits, _ or -, and the base64 of 32 random bytes"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", f"there is no key in it; {ALLOWED}"),
        ("# k1:\n", f"there is no key in it; {ALLOWED}"),
        (f"{line('k1')}\n\nhunter2", f"line 3: there is no colon; {ALLOWED}"),
        (line("hunter 2"), f"line 1: its id is not one; {ALLOWED}"),
        (line("x" * 33), f"line 1: its id is not one; {ALLOWED}"),
        (f":{line('')}", f"line 1: its id is not one; {ALLOWED}"),
        ("k1:hunter2!", f"line 1: after k1: comes no base64; {ALLOWED}"),
        ("k1:hünter2", f"line 1: after k1: comes no base64; {ALLOWED}"),
        (line("k1", FIRST[:31]), f"line 1: key k1 has 31 bytes; {ALLOWED}"),
        (line("k1", FIRST + b"x"), f"line 1: key k1 has 33 bytes; {ALLOWED}"),
        (f"{line('k1')}\n{line('k1', SECOND)}", "line 2: key k1 is there twice; each id once"),
    ],
)
def test_a_wrong_file_is_refused_by_line_and_shows_nothing(text, said):
    with pytest.raises(ValueError, match=re.escape(said)) as caught:
        Keyring.read(text)
    assert str(caught.value) == said


def test_a_keyring_does_not_show_its_keys():
    assert repr(keyring()) == "Keyring(active='k1')"


# The values of a row.


def kept(**given: object) -> Secrets:
    return Secrets("acme", 7, **given)


def nonces(*, start: int = 0):
    made = iter(range(start, 100))
    return lambda: bytes([next(made)]) * 12


def test_each_value_of_a_row_is_sealed_by_itself_and_names_stay():
    whole = kept(
        secret=SECRET, previous_secret="old", api_key="key", headers={"X-One": "1", "Authorization": "Bearer x"}
    )
    made = sealed(whole, keyring(), nonces(), former=False)
    values = [made.secret, made.previous_secret, made.api_key, *made.headers.values()]
    assert len(set(values)) == 5
    assert {kid_of(value) for value in values} == {"k1"}
    assert list(made.headers) == ["X-One", "Authorization"]
    for value, kind, plain in [
        (made.secret, "secret", SECRET), (made.previous_secret, "secret", "old"), (made.api_key, "api_key", "key"),
        (made.headers["X-One"], "header:x-one", "1"),
        (made.headers["Authorization"], "header:authorization", "Bearer x"),
    ]:  # fmt: skip
        assert keyring().open(value, "acme", 7, kind) == plain


def test_what_is_not_there_stays_so_and_what_is_sealed_as_it_is():
    assert sealed(kept(headers={"x": 1}), keyring(), nonces(), former=True) == kept(headers={"x": 1})
    both = keyring(line("k2", SECOND), line("k1"))
    mixed = kept(secret=seal("x"), api_key="plain")
    made = sealed(mixed, both, nonces(), former=False)
    assert (made.secret, kid_of(made.api_key)) == (mixed.secret, "k2")
    again = sealed(made, both, nonces(start=50), former=True)
    assert (kid_of(again.secret), again.api_key) == ("k2", made.api_key)
    assert both.open(again.secret, "acme", 7, "secret") == "x"


def test_what_cannot_be_opened_is_not_sealed_again():
    with pytest.raises(SealedShut, match="key k0"):
        sealed(kept(secret=seal("x", keys=keyring(line("k0")))), keyring(), nonces(), former=True)


# A recipient.


def sealed_endpoint(**given: object):
    return an_endpoint(id=7, tenant="acme", **{"secret": seal(SECRET), **given})


def requested(endpoint, keys: Keyring | None) -> Request | NoReply:
    return Recipient(endpoint, STANDARD, Egress(), TERMS, keys).request(an_event(), TIMESTAMP, NOW)


def test_a_sealed_endpoint_sends_what_the_plain_one_would():
    plain = {
        "api_key": "key",
        "previous_secret": "whsec_y6BrVzb69n5UsHtWHq6UOV53TFF6fZEKVDaeEmPM+9Q=",
        "headers": {"X-One": "1"},
    }
    wrapped = sealed_endpoint(
        api_key=seal("key", kind="api_key"),
        previous_secret=seal(plain["previous_secret"]),
        headers={"X-One": seal("1", kind="header:x-one")},
    )
    assert requested(wrapped, keyring()) == composed(endpoint=an_endpoint(**plain))


@pytest.mark.parametrize(
    "part",
    [
        {"secret": seal(SECRET, tenant="other")},
        {"secret": SECRET, "previous_secret": seal(SECRET, endpoint_id=8)},
        {"secret": SECRET, "api_key": seal("key")},
        {"secret": SECRET, "headers": {"x-one": seal("1", kind="header:x-two")}},
    ],
)
def test_one_value_that_cannot_be_opened_stops_every_request(part):
    answer = requested(sealed_endpoint(**part), keyring())
    assert isinstance(answer, NoReply)
    assert answer.reason is Reason.SECRET
    assert "cannot be opened with key k1" in answer.note


def test_without_keys_a_sealed_value_says_what_is_not_set():
    note = "secret is sealed with key k1, and secrets.keys_file is not set"
    assert requested(sealed_endpoint(), None) == NoReply(Reason.SECRET, note)


def test_headers_and_key_are_judged_as_they_will_be_sent():
    smuggled = sealed_endpoint(headers={"x-one": seal("1\r\nHost: evil", kind="header:x-one")})
    assert Recipient(smuggled, STANDARD, Egress(), TERMS, keyring()).refused.state_reason == "invalid_headers"
    smuggled = sealed_endpoint(api_key=seal("1\n", kind="api_key"))
    assert Recipient(smuggled, STANDARD, Egress(), TERMS, keyring()).refused.state_reason == "invalid_api_key"
    long = sealed_endpoint(headers={"x-one": seal("a" * 4096, kind="header:x-one")})
    assert Recipient(long, STANDARD, Egress(), TERMS, keyring()).refused is None
