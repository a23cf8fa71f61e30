"""From event and endpoint to the request, byte for byte."""

import json
import time
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from standardwebhooks import Webhook

from dispatcher import __version__
from dispatcher.model import NoReply, Reason, Request
from dispatcher.policy.compose import LARGEST, Composer
from dispatcher.policy.egress import Egress
from dispatcher.policy.recipient import Recipient
from tests.support.composing import BEFORE, NOW, TERMS, TIMESTAMP, composed
from tests.support.factories import SECRET, an_endpoint, an_event
from tests.support.profiles import STANDARD, a_profile

OTHER = "whsec_y6BrVzb69n5UsHtWHq6UOV53TFF6fZEKVDaeEmPM+9Q="


# The request.


def test_the_whole_request_of_the_standard_profile():
    # The signature is what openssl makes of it: dgst -sha256 -mac HMAC -macopt hexkey:0001…1f
    assert composed() == Request(
        "https://example.com/hook",
        {
            "content-type": "application/json",
            "user-agent": f"dispatcher/{__version__}",
            "accept-encoding": "identity",
            "webhook-id": "evt_019a9f2e7c0070008000000000000001",
            "webhook-timestamp": "1700000000",
            "webhook-signature": "v1,8bGzyIv7WqxIEhMQxJQ8VRsTWilqb21DaIE/JwwzQIc=",
        },
        BEFORE + b'{"order":42}}',
    )


def test_it_goes_to_the_normal_form_of_the_url():
    assert composed(endpoint=an_endpoint(url="HTTPS://Example.COM:443?a=b")).url == "https://example.com/?a=b"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("", "it is empty"),
        ("http://example.com/", "its scheme is http"),
        ("https://127.0.0.1/", "127.0.0.1 is loopback"),
        ("https://example.com/#a", "it has a fragment"),
    ],
)
def test_a_url_that_is_refused_gets_no_request(url, said):
    answer = composed(endpoint=an_endpoint(url=url))
    assert isinstance(answer, NoReply)
    assert answer.reason is Reason.INVALID_URL
    assert answer.note.startswith(said)


def test_the_id_is_the_events_whatever_the_endpoint_and_the_time():
    sent = [composed(endpoint=an_endpoint(id=n), timestamp=n, now=NOW + timedelta(days=n)) for n in range(3)]
    assert {request.headers["webhook-id"] for request in sent} == {"evt_019a9f2e7c0070008000000000000001"}
    assert composed(an_event(id=UUID(int=1))).headers["webhook-id"] == f"evt_{'1'.zfill(32)}"


def test_every_attempt_has_its_own_time_and_signature_over_the_same_body():
    first, second = composed(timestamp=TIMESTAMP), composed(timestamp=TIMESTAMP + 1)
    assert first.body == second.body
    assert second.headers["webhook-timestamp"] == "1700000001"
    assert first.headers["webhook-signature"] != second.headers["webhook-signature"]


def test_a_request_shows_neither_its_headers_nor_its_body():
    assert repr(composed()) == "Request(url='https://example.com/hook')"


@pytest.mark.parametrize(("size", "sent"), [(LARGEST, True), (LARGEST + 1, False)])
def test_a_body_has_at_most_a_mebibyte(size, sent):
    answer = composed(an_event(data=b'"%b"' % (b"x" * (size - len(BEFORE) - 3))))
    if sent:
        assert len(answer.body) == LARGEST == 1_048_576
    else:
        assert answer == NoReply(Reason.OVERSIZE, "the body has 1048577 bytes, at most 1048576 are sent")


def test_the_largest_data_that_is_stored_can_be_sent():
    assert isinstance(composed(an_event(type="t" * 128, data=b"1" * 1_000_000)), Request)


# Secrets.


@pytest.mark.parametrize("until", [NOW + timedelta(seconds=1), NOW + timedelta(days=1)])
def test_while_the_previous_secret_lasts_both_sign_the_current_one_first(until):
    both = an_endpoint(previous_secret=OTHER, previous_secret_until=until)
    tokens = [composed(endpoint=an_endpoint(secret=secret)).headers["webhook-signature"] for secret in (SECRET, OTHER)]
    assert composed(endpoint=both).headers["webhook-signature"] == " ".join(tokens)


@pytest.mark.parametrize("until", [NOW, NOW - timedelta(seconds=1)])
def test_afterwards_the_current_one_signs_alone(until):
    both = an_endpoint(previous_secret=OTHER, previous_secret_until=until)
    assert composed(endpoint=both).headers == composed().headers


def test_the_end_of_the_previous_secret_is_noticed_by_a_recipient_made_before():
    both = an_endpoint(previous_secret=OTHER, previous_secret_until=NOW)
    recipient = Recipient(both, STANDARD, Egress(), TERMS)
    tokens = [
        recipient.request(an_event(), TIMESTAMP, NOW + timedelta(microseconds=shift)).headers["webhook-signature"]
        for shift in (-1, 0)
    ]
    assert [token.count("v1,") for token in tokens] == [2, 1]


@pytest.mark.parametrize(
    ("secrets", "said"),
    [
        ({"secret": ""}, "the endpoint has no secret"),
        ({"secret": None}, "the endpoint has no secret"),
        ({"secret": "hunter2"}, "secret is not whsec_ or whsk_ followed by base64"),
        ({"secret": "whsec_AAAA"}, "secret has a key of 3 bytes, not 24 to 64"),
        (
            {"previous_secret": "hunter2", "previous_secret_until": NOW + timedelta(1)},
            "previous_secret is not whsec_ or whsk_ followed by base64",
        ),
    ],
)
def test_nothing_goes_out_unsigned(secrets, said):
    assert composed(endpoint=an_endpoint(**secrets)) == NoReply(Reason.SECRET, said)


@pytest.mark.parametrize("secret", [SECRET, OTHER])
def test_the_official_library_verifies_with_either_secret(secret):
    now = time.time()
    both = an_endpoint(previous_secret=OTHER, previous_secret_until=datetime.fromtimestamp(now + 60, UTC))
    request = composed(endpoint=both, timestamp=int(now), now=datetime.fromtimestamp(now, UTC))
    assert Webhook(secret).verify(request.body, dict(request.headers)) == json.loads(request.body)


# Headers and keys of the customer.


def test_the_customers_headers_and_api_key_go_along_in_lower_case():
    endpoint = an_endpoint(headers={"Authorization": "Bearer b", "X-Team": ""}, api_key="k")
    more = {"authorization": "Bearer b", "x-team": "", "x-api-key": "k"}
    assert composed(endpoint=endpoint).headers == composed().headers | more


def test_a_profile_says_where_the_api_key_goes_and_what_the_content_is():
    profile = a_profile('{"d":$data}', content_type="application/vnd.theirs+json", api_key_header="x-their-key")
    headers = composed(endpoint=an_endpoint(api_key="k"), profile=profile).headers
    assert headers["x-their-key"] == "k"
    assert headers["content-type"] == "application/vnd.theirs+json"
    assert "x-api-key" not in headers


def test_without_an_api_key_there_is_no_header_for_it():
    assert "x-api-key" not in composed(endpoint=an_endpoint(api_key=None)).headers


@pytest.mark.parametrize("name", [*composed().headers, "x-forwarded-for", "metadata-flavor"])
@pytest.mark.parametrize("spell", [str.lower, str.upper, str.title])
def test_every_header_that_is_ours_is_refused_with_its_reason(name, spell):
    recipient = Recipient(an_endpoint(headers={"x-fine": "1", spell(name): "theirs"}), STANDARD, Egress(), TERMS)
    assert recipient.refused.note == f"{spell(name)} is set by the dispatcher, a proxy or a cloud"


def test_headers_that_are_fine_are_not_refused():
    assert Recipient(an_endpoint(headers={"x-fine": "1"}), STANDARD, Egress(), TERMS).refused is None


@pytest.mark.parametrize("spell", [str.lower, str.upper, str.title])
def test_even_if_nobody_refused_them_ours_have_the_last_word(spell):
    ours = composed().headers
    theirs = an_endpoint(headers={spell(name): "theirs" for name in ours})
    assert Composer(theirs, STANDARD).request(an_event(), "u", TIMESTAMP, NOW).headers == ours
