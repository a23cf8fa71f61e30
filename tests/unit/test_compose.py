"""From event and endpoint to the request, byte for byte."""

import json
import time
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook

from dispatcher import __version__
from dispatcher.model import Endpoint, Event, NoReply, Reason, Request
from dispatcher.policy.compose import LARGEST, Composer
from dispatcher.policy.egress import Egress
from dispatcher.policy.profiles import STANDARD, Profile, rfc3339
from dispatcher.policy.recipient import Recipient
from tests.support.factories import SECRET, an_endpoint, an_event

OTHER = "whsec_y6BrVzb69n5UsHtWHq6UOV53TFF6fZEKVDaeEmPM+9Q="
NOW = datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)
TIMESTAMP = 1_700_000_000
BEFORE = b'{"type":"order.paid","timestamp":"2024-03-05T10:30:00.000000Z","data":'
INDIA = timezone(timedelta(hours=5, minutes=30))

# JSON texts as Postgres' `json` keeps them: any white space, any number, any escape, any key twice.
spaces = st.text(" \t\r\n", max_size=2)
escapes = st.sampled_from([r"\"", r"\\", r"\/", r"\n", r"\u00e9", r"\u2028", r"\ud83d\ude42", r"\ud800", r"\udfff"])
plain = st.characters(exclude_categories=["Cs"], exclude_characters='"\\', min_codepoint=0x20)
strings = st.lists(st.one_of(plain, escapes)).map(lambda parts: f'"{"".join(parts)}"')
numbers = st.one_of(
    st.integers().map(str),
    st.from_regex(r"-?(0|[1-9][0-9]{0,400})(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,4})?", fullmatch=True).filter(str.isascii),
)
scalars = st.one_of(st.sampled_from(["null", "true", "false"]), numbers, strings)


def padded(text: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(spaces, text, spaces).map("".join)


def arrays(items: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.lists(padded(items), max_size=4).map(lambda each: f"[{','.join(each)}]")


def objects(values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    members = st.lists(st.tuples(padded(strings), padded(values)).map(":".join), max_size=4)
    return members.map(lambda each: f"{{{','.join(each)}}}")


texts = padded(st.recursive(scalars, lambda inner: st.one_of(arrays(inner), objects(inner)), max_leaves=8))


def composed(
    event: Event | None = None,
    *,
    endpoint: Endpoint | None = None,
    profile: Profile = STANDARD,
    timestamp: int = TIMESTAMP,
    now: datetime = NOW,
) -> Request | NoReply:
    recipient = Recipient(endpoint or an_endpoint(), profile, Egress())
    return recipient.request(event or an_event(), timestamp, now)


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
    recipient = Recipient(both, STANDARD, Egress())
    tokens = [
        recipient.request(an_event(), TIMESTAMP, NOW + timedelta(microseconds=shift)).headers["webhook-signature"]
        for shift in (-1, 0)
    ]
    assert [token.count("v1,") for token in tokens] == [2, 1]


@pytest.mark.parametrize(
    ("secrets", "said"),
    [
        ({"secret": ""}, "the endpoint has no secret"),
        ({"secret": "hunter2"}, "a secret begins with whsec_"),
        ({"secret": "whsec_hunter2"}, "after whsec_ a secret is base64"),
        ({"secret": "whsec_AAAA"}, "a secret holds 24 to 64 bytes, this one 3"),
        ({"previous_secret": "hunter2", "previous_secret_until": NOW + timedelta(1)}, "a secret begins with whsec_"),
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
    profile = Profile("theirs", "[$data]", content_type="application/vnd.theirs+json", api_key_header="x-their-key")
    headers = composed(endpoint=an_endpoint(api_key="k"), profile=profile).headers
    assert headers["x-their-key"] == "k"
    assert headers["content-type"] == "application/vnd.theirs+json"
    assert "x-api-key" not in headers


def test_without_an_api_key_there_is_no_header_for_it():
    assert "x-api-key" not in composed(endpoint=an_endpoint(api_key=None)).headers


@pytest.mark.parametrize("name", [*composed().headers, "x-forwarded-for", "metadata-flavor"])
@pytest.mark.parametrize("spell", [str.lower, str.upper, str.title])
def test_every_header_that_is_ours_is_refused_with_its_reason(name, spell):
    recipient = Recipient(an_endpoint(headers={"x-fine": "1", spell(name): "theirs"}), STANDARD, Egress())
    assert recipient.refused.note == f"{spell(name)} is set by the dispatcher, a proxy or a cloud"


def test_headers_that_are_fine_are_not_refused():
    assert Recipient(an_endpoint(headers={"x-fine": "1"}), STANDARD, Egress()).refused is None


@pytest.mark.parametrize("spell", [str.lower, str.upper, str.title])
def test_even_if_nobody_refused_them_ours_have_the_last_word(spell):
    ours = composed().headers
    theirs = an_endpoint(headers={spell(name): "theirs" for name in ours})
    assert Composer(theirs, STANDARD).request(an_event(), "u", TIMESTAMP, NOW).headers == ours


# The body.


@pytest.mark.parametrize(
    "data",
    [
        "1e400",
        "-0",
        "1.0",
        "123456789012345678901234567890.000",
        "9" * 5000,
        '{"a":1,"a":2}',
        '{ "b" : 1,\r\n\t"a" : [ ] }',
        r'"\u0000 \ud800 \/ \u00E9"',
        '"Zoë 日本 🙂 \u2028"',
        '"$data $type $id $nope $$ \\\\1"',
        "null",
        " null ",
        "[" * 5000 + "]" * 5000,
    ],
    ids=lambda data: data[:20].encode("unicode_escape").decode(),
)
def test_data_goes_out_as_it_was_stored(data):
    assert composed(an_event(data=data.encode())).body == BEFORE + data.encode() + b"}"


@given(texts)
def test_any_json_goes_out_as_it_was_stored_and_verifies(text):
    now = int(time.time())
    request = composed(an_event(data=text.encode()), timestamp=now)
    assert request.body == BEFORE + text.encode() + b"}"
    Webhook(SECRET).verify(request.body, dict(request.headers), json_parse=False)
    assert list(json.loads(request.body, parse_int=str)) == ["type", "timestamp", "data"]


@pytest.mark.parametrize(
    ("at", "written"),
    [
        (datetime(1970, 1, 1, tzinfo=UTC), "1970-01-01T00:00:00.000000Z"),
        (datetime(9999, 12, 31, 23, 59, 59, 999999, UTC), "9999-12-31T23:59:59.999999Z"),
        (datetime(2024, 3, 5, 10, 30, 0, 1, UTC), "2024-03-05T10:30:00.000001Z"),
        (datetime(2024, 3, 5, 10, 30, 0, 120000, UTC), "2024-03-05T10:30:00.120000Z"),
        (datetime(2024, 1, 1, 2, 0, tzinfo=INDIA), "2023-12-31T20:30:00.000000Z"),
        (datetime(2023, 12, 31, 20, 0, tzinfo=timezone(-timedelta(hours=8))), "2024-01-01T04:00:00.000000Z"),
    ],
)
def test_the_timestamp_is_when_it_occurred_in_utc_with_six_digits(at, written):
    assert json.loads(composed(an_event(occurred_at=at)).body)["timestamp"] == written


@given(st.integers(0, 253_402_300_799), st.integers(0, 999_999), st.integers(-24 * 60 + 1, 24 * 60 - 1))
def test_a_timestamp_can_be_read_back(second, microsecond, offset_min):
    at = datetime.fromtimestamp(second, UTC).replace(microsecond=microsecond)
    written = rfc3339(at)
    assert len(written) == len("2024-03-05T10:30:00.000000Z")
    assert datetime.fromisoformat(written) == at
    if datetime(1970, 1, 3, tzinfo=UTC) < at < datetime(9999, 12, 29, tzinfo=UTC):
        assert rfc3339(at.astimezone(timezone(timedelta(minutes=offset_min)))) == written


@given(st.from_regex(r"[A-Za-z0-9_-]{1,20}(\.[A-Za-z0-9_-]{1,20}){0,5}", fullmatch=True))
def test_any_type_arrives_as_it_is(event_type):
    body = composed(an_event(type=event_type)).body
    assert json.loads(body)["type"] == event_type
    assert body.startswith(f'{{"type":"{event_type}",'.encode())


# Profiles.


def test_a_template_knows_every_part_of_an_event():
    profile = Profile("all", '{"i":"$id","t":"$type","at":"$timestamp","d":$data,"c":$context,"€":"$"}')
    event = an_event(context=b' {"trace":1}')
    assert profile.body(event).decode() == (
        '{"i":"evt_019a9f2e7c0070008000000000000001","t":"order.paid","at":"2024-03-05T10:30:00.000000Z",'
        '"d":{"order":42},"c": {"trace":1},"€":"$"}'
    )


@pytest.mark.parametrize("context", [None, b""])
def test_without_a_context_there_is_null(context):
    assert Profile("c", "[$context]").body(an_event(context=context)) == b"[null]"


def test_a_template_may_use_a_part_twice_or_none():
    assert Profile("twice", "[$data,$data]").body(an_event(data=b"1")) == b"[1,1]"
    assert Profile("none", "{}").body(an_event()) == b"{}"


@pytest.mark.parametrize("template", ['{"a":$nope}', '{"a":$Data}', '{"a":$data_}', '{"a":"$5"}', '{"a":$données}'])
def test_an_unknown_placeholder_is_found_when_the_template_is_compiled(template):
    name = template.partition("$")[2].rstrip('"}')
    with pytest.raises(KeyError, match=name):
        Profile("wrong", template)
