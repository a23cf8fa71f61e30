"""What a receiver asks for in `Retry-After`, and what we make of it."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatcher.policy.retry_after import HTTP_DATE, LONGEST_S, SECONDS, retry_after_s

NOW = datetime(2024, 3, 5, 10, 30, tzinfo=UTC)

zones = st.sampled_from([UTC, timezone(timedelta(hours=-5)), timezone(timedelta(hours=5, minutes=45))])
moments = st.builds(datetime.fromtimestamp, st.integers(0, 253_402_000_000), zones)  # 1970 to 9999


def http_date(at: datetime) -> str:
    """As RFC 9110, 5.6.7 wants it sent."""
    return at.astimezone(UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("0", 0), ("1", 1), ("120", 120), ("0060", 60), (" 60\t", 60), ("86399", 86399), ("86400", 86400)],
)
def test_seconds(value, seconds):
    assert retry_after_s(value, NOW) == seconds


@pytest.mark.parametrize("value", ["86401", "604800", "4294967295", "9999999999"])
def test_more_than_a_day_is_a_day(value):
    assert retry_after_s(value, NOW) == LONGEST_S == 86400


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("Tue, 05 Mar 2024 10:31:30 GMT", 90),
        ("Tue, 05 Mar 2024 10:30:00 GMT", 0),
        ("Wed, 06 Mar 2024 10:30:00 GMT", 86400),
        ("\tTue, 05 Mar 2024 10:31:30 GMT ", 90),
    ],
)
def test_a_date(value, seconds):
    assert retry_after_s(value, NOW) == seconds


@pytest.mark.parametrize("value", ["Wed, 06 Mar 2024 10:30:01 GMT", "Fri, 31 Dec 9999 23:59:59 GMT"])
def test_a_date_after_tomorrow_is_a_day(value):
    assert retry_after_s(value, NOW) == LONGEST_S


@pytest.mark.parametrize("value", ["Tue, 05 Mar 2024 10:29:59 GMT", "Thu, 01 Jan 1970 00:00:00 GMT"])
def test_a_date_in_the_past_asks_for_nothing(value):
    assert retry_after_s(value, NOW) == 0


def test_a_date_is_read_against_now_whatever_zone_that_is_told_in():
    now = NOW.astimezone(timezone(timedelta(hours=5, minutes=45)))
    assert retry_after_s("Tue, 05 Mar 2024 10:31:30 GMT", now) == 90


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        " ",
        "-1",
        "+1",
        "1.5",
        "1e3",
        "0x10",
        "1_000",
        "١٢",  # digits, but not these
        "60\n",
        "60 seconds",
        "60, 120",
        "soon",
        "nan",
        "inf",
        "9" * 11,
        "9" * 5000,
        "Tue, 05 Mar 2024 10:31:30",
        "Tue, 05 Mar 2024 10:31:30 +0000",
        "Tue, 05 Mar 2024 10:31:30 EST",
        "Tue, 30 Feb 2024 10:31:30 GMT",
        "Tue, 05 Xyz 2024 10:31:30 GMT",
        "Tue, 05 Mar 2024 24:31:30 GMT",
        "Tue, 05 Mar 2024 10:31:61 GMT",
        "Tue, 00 Mar 2024 10:31:30 GMT",
        "tue, 05 mar 2024 10:31:30 gmt",
        "2024-03-05T10:31:30Z",
    ],
)
def test_anything_else_asks_for_nothing_at_all(value):
    assert retry_after_s(value, NOW) is None


@pytest.mark.parametrize("value", ["Tuesday, 05-Mar-24 10:31:30 GMT", "Tue Mar  5 10:31:30 2024"])
def test_the_two_forms_of_a_date_that_are_obsolete_since_1999_are_not_read(value):
    assert retry_after_s(value, NOW) is None


@given(st.one_of(st.none(), st.text(), st.from_regex(SECONDS), st.from_regex(HTTP_DATE, fullmatch=True)), moments)
def test_whatever_is_asked_for_it_never_raises_and_stays_within_a_day(value, now):
    wait = retry_after_s(value, now)
    assert wait is None or 0 <= wait <= LONGEST_S


@given(moments, st.integers(0, 86400))
def test_a_date_and_its_seconds_mean_the_same(now, seconds):
    assert retry_after_s(http_date(now + timedelta(seconds=seconds)), now) == retry_after_s(str(seconds), now)
