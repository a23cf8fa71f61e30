"""The body: what was stored, byte for byte, and when it occurred."""

import json
import time
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook

from dispatcher.policy.template import Precision
from dispatcher.policy.template import written as rfc3339
from tests.support.composing import BEFORE, composed
from tests.support.factories import SECRET, an_event
from tests.support.json_texts import texts

INDIA = timezone(timedelta(hours=5, minutes=30))


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
    written = rfc3339(at, Precision.MICROSECONDS)
    assert len(written) == len("2024-03-05T10:30:00.000000Z")
    assert datetime.fromisoformat(written) == at
    if datetime(1970, 1, 3, tzinfo=UTC) < at < datetime(9999, 12, 29, tzinfo=UTC):
        assert rfc3339(at.astimezone(timezone(timedelta(minutes=offset_min))), Precision.MICROSECONDS) == written


@given(st.from_regex(r"[A-Za-z0-9_-]{1,20}(\.[A-Za-z0-9_-]{1,20}){0,5}", fullmatch=True))
def test_any_type_arrives_as_it_is(event_type):
    body = composed(an_event(type=event_type)).body
    assert json.loads(body)["type"] == event_type
    assert body.startswith(f'{{"type":"{event_type}",'.encode())
