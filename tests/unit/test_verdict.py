"""From an answer to what becomes of the delivery."""

from datetime import UTC, datetime
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatcher.model import OUR_FAULTS, Answer, Delivery, NoReply, Outcome, Reason, Reply, Settlement, http_reason
from dispatcher.policy.backoff import Backoff
from dispatcher.policy.verdict import Accepted, Deferred, Refused, Terms, Verdict, conclude, judge
from tests.support.factories import a_delivery

NOW = datetime(2024, 3, 5, 10, 30, tzinfo=UTC)
BACKOFF = Backoff(base_s=5, factor=4, cap_s=36000, jitter=0.2)
HOLD_S = 7 * 86400.0
TERMS = Terms(BACKOFF, HOLD_S)
MIDDLE = 0.5

HOPELESS = [Reason.INVALID_URL, Reason.UNSIGNABLE, Reason.OVERSIZE]
PASSING = [
    Reason.TIMEOUT,
    Reason.CONNECT,
    Reason.RESET,
    Reason.DNS,
    Reason.TLS,
    Reason.PROTOCOL,
    Reason.BLOCKED_ADDRESS,
]
OURS = [Reason.SECRET, Reason.PROXY, Reason.INTERNAL]
OF_REPLIES = [Reason.REDIRECT, Reason.GONE]
OF_ENDINGS = [Reason.CANCELLED, Reason.EXPIRED]

answers = st.one_of(
    st.builds(Reply, st.integers(100, 999), st.one_of(st.none(), st.text()), st.binary()),
    st.builds(NoReply, st.sampled_from([*HOPELESS, *PASSING, *OURS]), st.text()),
)
deliveries = st.builds(
    a_delivery, attempts=st.integers(0, 1000), test=st.booleans(), age_s=st.floats(0, 1e9), version=st.integers(0)
)


def settle(
    answer: Answer, delivery: Delivery | None = None, terms: Terms = TERMS, max_attempts: int = 14, spin: float = MIDDLE
) -> Settlement:
    return conclude(
        delivery or a_delivery(),
        answer,
        judge(answer, NOW),
        terms,
        max_attempts=max_attempts,
        spin=spin,
        duration_ms=12,
    )


# What an answer means.


@pytest.mark.parametrize("status", [200, 201, 202, 204, 206, 226, 299])
def test_2xx_is_accepted(status):
    assert judge(Reply(status), NOW) == Accepted(status)


@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 307, 308, 399])
def test_a_redirect_is_never_followed_but_tried_again(status):
    assert judge(Reply(status), NOW) == Deferred(Reason.REDIRECT, status)


def test_gone_is_for_good():
    assert judge(Reply(410), NOW) == Refused(Reason.GONE, 410)


@pytest.mark.parametrize(
    "status", [100, 101, 199, 400, 401, 403, 404, 408, 409, 411, 422, 451, 499, 500, 502, 504, 599]
)
def test_every_other_status_is_tried_again(status):
    assert judge(Reply(status), NOW) == Deferred(f"http_{status}", status)


@pytest.mark.parametrize("status", [0, 42, 600, 999])
def test_a_status_of_no_class_is_tried_again(status):
    assert judge(Reply(status), NOW) == Deferred(f"http_{status}", status)


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("value", "asked_s"),
    [("120", 120.0), ("Tue, 05 Mar 2024 10:32:00 GMT", 120.0), ("999999", 86400.0), ("soon", None), (None, None)],
)
def test_too_many_and_unavailable_may_ask_for_time(status, value, asked_s):
    assert judge(Reply(status, value), NOW) == Deferred(f"http_{status}", status, asked_s)


@pytest.mark.parametrize("status", [200, 301, 400, 404, 410, 500, 502, 504])
def test_no_other_status_may_ask_for_time(status):
    assert judge(Reply(status, "120"), NOW) == judge(Reply(status), NOW)


@pytest.mark.parametrize("reason", HOPELESS)
def test_what_would_meet_the_same_end_is_refused(reason):
    assert judge(NoReply(reason), NOW) == Refused(reason)


@pytest.mark.parametrize("reason", [*PASSING, *OURS])
def test_every_other_silence_is_tried_again(reason):
    assert judge(NoReply(reason), NOW) == Deferred(reason)


def test_the_reasons_of_this_file_are_all_there_are():
    assert sorted([*HOPELESS, *PASSING, *OURS, *OF_REPLIES, *OF_ENDINGS]) == sorted(Reason)
    assert set(OURS) == OUR_FAULTS
    assert set(get_args(Verdict)) == {Accepted, Deferred, Refused}


# What becomes of the delivery.


def test_accepted_is_delivered():
    delivery = a_delivery(attempts=2)
    assert settle(Reply(204), delivery) == Settlement(delivery, Outcome.DELIVERED, None, status=204, duration_ms=12)


def test_a_failure_is_tried_again():
    delivery = a_delivery()
    assert settle(Reply(500, body=b"oh"), delivery) == Settlement(
        delivery, Outcome.RETRYING, "http_500", status=500, duration_ms=12, reply=b"oh", delay_s=5.0
    )


@pytest.mark.parametrize("reason", PASSING)
def test_a_silence_is_tried_again_and_spends_an_attempt(reason):
    delivery = a_delivery()
    assert settle(NoReply(reason, "why"), delivery) == Settlement(
        delivery, Outcome.RETRYING, reason, duration_ms=12, delay_s=5.0, requested=True, spent=True, note="why"
    )


@pytest.mark.parametrize(("attempts", "delay_s"), [(0, 5), (1, 20), (2, 80), (7, 36000), (12, 36000)])
def test_each_failure_waits_longer(attempts, delay_s):
    assert settle(Reply(500), a_delivery(attempts=attempts)).delay_s == delay_s


def test_the_spin_picks_the_jitter():
    assert settle(Reply(500), spin=0.0).delay_s == pytest.approx(4.0)
    assert settle(Reply(500), spin=0.75).delay_s == pytest.approx(5.5)


@pytest.mark.parametrize(
    ("attempts", "outcome"),
    [(0, Outcome.RETRYING), (12, Outcome.RETRYING), (13, Outcome.DEAD), (14, Outcome.DEAD), (99, Outcome.DEAD)],
)
@pytest.mark.parametrize("answer", [Reply(500), Reply(301), Reply(429, "60"), NoReply(Reason.TIMEOUT)], ids=str)
def test_the_last_attempt_is_the_last(answer, attempts, outcome):
    settlement = settle(answer, a_delivery(attempts=attempts))
    assert settlement.outcome is outcome
    assert (settlement.delay_s == 0) == (outcome is Outcome.DEAD)
    assert settlement.spent


def test_with_one_attempt_the_first_is_the_last():
    assert settle(Reply(500), max_attempts=1).outcome is Outcome.DEAD


def test_even_the_last_attempt_may_succeed():
    assert settle(Reply(200), a_delivery(attempts=13)).outcome is Outcome.DELIVERED


@pytest.mark.parametrize(("asked", "delay_s"), [("60", 60.0), ("5", 5.0), ("1", 5.0), ("0", 5.0), (None, 5.0)])
def test_what_a_receiver_asks_for_can_only_lengthen_the_wait(asked, delay_s):
    assert settle(Reply(503, asked)).delay_s == delay_s


def test_gone_ends_the_delivery_at_once():
    delivery = a_delivery()
    assert settle(Reply(410), delivery) == Settlement(
        delivery, Outcome.DEAD, Reason.GONE, status=410, duration_ms=12, reply=b""
    )


@pytest.mark.parametrize("reason", HOPELESS)
def test_the_hopeless_ends_at_once_without_a_request_but_spends_an_attempt(reason):
    delivery = a_delivery()
    assert settle(NoReply(reason, "why"), delivery) == Settlement(
        delivery, Outcome.DEAD, reason, duration_ms=12, requested=False, spent=True, note="why"
    )


@pytest.mark.parametrize("reason", OURS)
@pytest.mark.parametrize("attempts", [0, 5, 13, 99])
def test_a_fault_of_ours_spends_no_attempt_and_keeps_its_pace(reason, attempts):
    delivery = a_delivery(attempts=attempts, age_s=HOLD_S - 1)
    assert settle(NoReply(reason, "why"), delivery) == Settlement(
        delivery, Outcome.RETRYING, reason, duration_ms=12, delay_s=80.0, requested=False, spent=False, note="why"
    )


@pytest.mark.parametrize("reason", OURS)
@pytest.mark.parametrize("age_s", [HOLD_S, HOLD_S + 1])
def test_a_fault_of_ours_that_lasts_too_long_expires_the_delivery(reason, age_s):
    delivery = a_delivery(age_s=age_s)
    assert settle(NoReply(reason, "why"), delivery) == Settlement(
        delivery, Outcome.EXPIRED, Reason.EXPIRED, duration_ms=12, requested=False, spent=False, note="why"
    )


@pytest.mark.parametrize("answer", [Reply(500), NoReply(Reason.TIMEOUT), NoReply(Reason.BLOCKED_ADDRESS)], ids=str)
def test_a_fault_of_the_receiver_never_expires(answer):
    assert settle(answer, a_delivery(age_s=100 * HOLD_S)).outcome is Outcome.RETRYING


@pytest.mark.parametrize(
    "answer",
    [Reply(500), Reply(301), Reply(410), Reply(503, "60"), *map(NoReply, [*PASSING, *HOPELESS, *OURS])],
    ids=str,
)
def test_a_test_goes_out_once(answer):
    settlement = settle(answer, a_delivery(test=True))
    assert settlement.outcome is Outcome.DEAD
    assert settlement.delay_s == 0
    assert settlement.reason == judge(answer, NOW).reason


def test_a_test_that_is_accepted_is_delivered():
    assert settle(Reply(200), a_delivery(test=True)).outcome is Outcome.DELIVERED


# What is kept of the reply.


@pytest.mark.parametrize(
    ("replies", "of_success", "of_failure"),
    [("failures", None, b"body"), ("all", b"body", b"body"), ("none", None, None)],
)
def test_whose_replies_are_kept(replies, of_success, of_failure):
    terms = Terms(BACKOFF, HOLD_S, replies)
    assert settle(Reply(200, body=b"body"), terms=terms).reply == of_success
    assert settle(Reply(500, body=b"body"), terms=terms).reply == of_failure
    assert settle(Reply(410, body=b"body"), terms=terms).reply == of_failure
    assert settle(NoReply(Reason.TIMEOUT), terms=terms).reply is None


@pytest.mark.parametrize(("replies", "kept"), [("failures", b"body"), ("all", b"body"), ("none", None)])
def test_of_a_test_the_reply_is_kept_unless_none_are(replies, kept):
    terms = Terms(BACKOFF, HOLD_S, replies)
    for status in (200, 500):
        assert settle(Reply(status, body=b"body"), a_delivery(test=True), terms=terms).reply == kept


# Whatever comes.


@given(answers, deliveries, st.integers(1, 100), st.floats(0, 1, exclude_max=True))
def test_outcomes_and_reasons_are_closed_sets(answer, delivery, max_attempts, spin):
    settlement = settle(answer, delivery, max_attempts=max_attempts, spin=spin)
    assert settlement.delivery is delivery
    assert settlement.outcome in {Outcome.DELIVERED, Outcome.RETRYING, Outcome.DEAD, Outcome.EXPIRED}
    assert (settlement.reason is None) == (settlement.outcome is Outcome.DELIVERED)
    if settlement.reason is not None:
        status = settlement.status
        assert settlement.reason in set(Reason) or settlement.reason == http_reason(status)
    assert settlement.status == (answer.status if isinstance(answer, Reply) else None)


@given(answers, deliveries, st.integers(1, 100), st.floats(0, 1, exclude_max=True))
def test_only_what_is_tried_again_waits_and_it_always_does(answer, delivery, max_attempts, spin):
    settlement = settle(answer, delivery, max_attempts=max_attempts, spin=spin)
    assert (settlement.delay_s > 0) == (settlement.outcome is Outcome.RETRYING)
    assert settlement.delay_s <= 86400


@given(answers, deliveries, st.integers(1, 100))
def test_a_delivery_has_an_end_unless_the_fault_is_ours(answer, delivery, max_attempts):
    settlement = settle(answer, delivery, max_attempts=max_attempts)
    if settlement.outcome is Outcome.RETRYING and settlement.spent:
        assert delivery.attempts + 1 < max_attempts
    assert settlement.spent or settlement.reason in {*OURS, Reason.EXPIRED}
