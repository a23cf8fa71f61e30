"""A request under each scheme: who signs, who does not, and what no header of the customer's can touch."""

import base64
import hashlib
import hmac
from dataclasses import replace
from datetime import timedelta

import pytest

from dispatcher.model import NoReply, Reason, Request
from dispatcher.policy.compose import LARGEST, Composer
from dispatcher.policy.signing import Scheme, Signing
from dispatcher.policy.template import Template
from tests.support.composing import NOW, TIMESTAMP, composed
from tests.support.factories import SECRET, an_endpoint, an_event
from tests.support.profiles import STANDARD

OTHER = "whsec_y6BrVzb69n5UsHtWHq6UOV53TFF6fZEKVDaeEmPM+9Q="
UNTIL = {"previous_secret": OTHER, "previous_secret_until": NOW}
AT_THE_LAST = NOW - timedelta(microseconds=1)
SIGNING = [scheme for scheme in Scheme if scheme is not Scheme.NONE]


def profile(scheme: Scheme, header: str = "", *, needs_secret: bool = True):
    return replace(STANDARD, signing=Signing.of(scheme, header=header), needs_secret=needs_secret)


PLAIN = composed(endpoint=an_endpoint(secret=None), profile=profile(Scheme.NONE, needs_secret=False))


def hexed(content: bytes, secret: str = SECRET) -> str:
    return hmac.new(secret.encode(), content, hashlib.sha256).hexdigest()


# Each scheme, whole.


def test_github_adds_one_header():
    request = composed(profile=profile(Scheme.GITHUB))
    signature = {"x-hub-signature-256": f"sha256={hexed(PLAIN.body)}"}
    assert request == Request(PLAIN.url, {**PLAIN.headers, **signature}, PLAIN.body)


def test_stripe_adds_one_header_by_the_name_the_profile_gives_it():
    request = composed(profile=profile(Scheme.STRIPE, "Acme-Signature"))
    signature = {"acme-signature": f"t={TIMESTAMP},v1={hexed(b'%d.%b' % (TIMESTAMP, PLAIN.body))}"}
    assert request == Request(PLAIN.url, {**PLAIN.headers, **signature}, PLAIN.body)


def test_embedded_signs_in_the_body_and_the_body_in_a_header():
    request = composed(profile=profile(Scheme.EMBEDDED))
    digest = hmac.new(base64.b64decode(SECRET[6:]), PLAIN.body, hashlib.sha256).hexdigest()
    assert request.body == PLAIN.body[:-1] + f',"signature":"sha256={digest}"}}'.encode()
    assert request.headers == {**PLAIN.headers, "webhook-signature": request.headers["webhook-signature"]}
    content = b"%b.%d.%b" % (request.headers["webhook-id"].encode(), TIMESTAMP, request.body)
    token = base64.b64encode(hmac.digest(bytes(range(32)), content, "sha256")).decode()
    assert request.headers["webhook-signature"] == f"v1,{token}"


def test_none_sends_the_id_and_the_time_all_the_same():
    assert PLAIN.headers["webhook-id"] == "evt_019a9f2e7c0070008000000000000001"
    assert PLAIN.headers["webhook-timestamp"] == "1700000000"
    assert not [name for name in PLAIN.headers if "signature" in name]


# Rotation.


@pytest.mark.parametrize("scheme", SIGNING)
@pytest.mark.parametrize("now", [AT_THE_LAST, NOW])
def test_the_previous_secret_signs_until_its_end_and_only_where_there_is_room(scheme, now):
    request = composed(endpoint=an_endpoint(**UNTIL), profile=profile(scheme), now=now)
    header = request.headers[Signing(scheme).header_name]
    assert (
        len(header.replace(",v1=", " v1=").split())
        == {
            Scheme.STANDARD: 1 + (now < NOW),
            Scheme.GITHUB: 1,
            Scheme.STRIPE: 2 + (now < NOW),
            Scheme.EMBEDDED: 1 + (now < NOW),
        }[scheme]
    )
    assert request.body == composed(profile=profile(scheme)).body, "the body is the current secret's"


# Whether there is a secret.


@pytest.mark.parametrize("scheme", Scheme)
def test_where_a_secret_is_optional_none_means_unsigned(scheme):
    request = composed(endpoint=an_endpoint(secret=None), profile=profile(scheme, needs_secret=False))
    assert request == PLAIN


@pytest.mark.parametrize("scheme", Scheme)
def test_where_a_secret_is_needed_nothing_goes_out_without(scheme):
    answer = composed(endpoint=an_endpoint(secret=None), profile=profile(scheme))
    assert answer == NoReply(Reason.SECRET, "the endpoint has no secret")


@pytest.mark.parametrize("secret", ["hunter2", ""])
@pytest.mark.parametrize("scheme", SIGNING)
def test_also_where_it_is_optional_a_malformed_one_sends_nothing(scheme, secret):
    answer = composed(endpoint=an_endpoint(secret=secret), profile=profile(scheme, needs_secret=False))
    assert isinstance(answer, NoReply)
    assert answer.reason is Reason.SECRET


@pytest.mark.parametrize("scheme", SIGNING)
def test_a_malformed_previous_one_sends_nothing_either(scheme):
    answer = composed(endpoint=an_endpoint(**{**UNTIL, "previous_secret": "hunter2"}), profile=profile(scheme))
    assert isinstance(answer, NoReply)
    assert answer.reason is Reason.SECRET
    assert answer.note.startswith("previous_secret ")


@pytest.mark.parametrize("secret", [SECRET, "hunter2"])
def test_a_profile_that_signs_nothing_does_not_look_at_the_secret(secret):
    assert composed(endpoint=an_endpoint(secret=secret), profile=profile(Scheme.NONE)) == PLAIN


# The body.


@pytest.mark.parametrize(("size", "sent"), [(LARGEST, True), (LARGEST + 1, False)])
def test_the_signature_in_a_body_counts_as_body(size, sent):
    spare = size - 86 - len(PLAIN.body) + len(an_event().data) - 2
    answer = composed(an_event(data=b'"%b"' % (b"x" * spare)), profile=profile(Scheme.EMBEDDED))
    if sent:
        assert len(answer.body) == LARGEST
    else:
        assert answer == NoReply(Reason.OVERSIZE, "the body has 1048577 bytes, at most 1048576 are sent")


def test_a_body_that_cannot_carry_its_signature_is_unsignable():
    bare = replace(profile(Scheme.EMBEDDED), template=Template("{}"))
    answer = composed(profile=bare)
    assert isinstance(answer, NoReply)
    assert answer.reason is Reason.UNSIGNABLE


# What the customer adds.


@pytest.mark.parametrize("spell", [str.lower, str.upper, str.title])
@pytest.mark.parametrize("scheme", Scheme)
@pytest.mark.parametrize("secret", [SECRET, None])
def test_no_header_of_theirs_passes_for_ours(spell, scheme, secret):
    mine = profile(scheme, "Acme-Signature", needs_secret=False)
    taken = {*PLAIN.headers, mine.signing.header_name, mine.api_key_header, "webhook-signature", "webhook-x"} - {""}
    bare = an_endpoint(secret=secret, api_key="k")
    ours = Composer(bare, mine).request(an_event(), "u", TIMESTAMP, NOW)
    theirs = replace(bare, headers={spell(name): "theirs" for name in taken} | {"x-team": "1"})
    assert Composer(theirs, mine).request(an_event(), "u", TIMESTAMP, NOW).headers == {**ours.headers, "x-team": "1"}


def test_a_profiles_name_for_the_api_key_is_sent_in_lower_case():
    mine = replace(profile(Scheme.NONE), api_key_header="X-Their-Key")
    headers = composed(endpoint=an_endpoint(api_key="k", headers={"x-THEIR-key": "mine"}), profile=mine).headers
    assert {name: value for name, value in headers.items() if "key" in name.lower()} == {"x-their-key": "k"}
