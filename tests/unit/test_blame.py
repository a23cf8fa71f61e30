"""Us or them: what a set of failures says about whose fault it is."""

from datetime import UTC, datetime, timedelta

import pytest

from dispatcher.policy.blame import Blame, Failing, Whose, blame

TEN = datetime(2026, 11, 21, 10, tzinfo=UTC)


def several(reason: str, count: int, *, hosts: int | None = None) -> list[Failing]:
    return [Failing(f"host{n % (hosts or count)}", reason, TEN + timedelta(seconds=n)) for n in range(count)]


def test_where_nothing_fails_it_is_nobodys():
    assert blame(0, 12, []).whose is Whose.NOBODYS


@pytest.mark.parametrize("reason", ["dns", "connect", "tls", "timeout", "reset", "blocked_address"])
def test_where_every_host_fails_in_a_way_that_may_be_ours_it_is_us(reason):
    assert blame(10, 0, several(reason, 10)) == Blame(Whose.OURS, reason, TEN + timedelta(seconds=5))


@pytest.mark.parametrize("reason", ["http_503", "http_404", "redirect", "gone", "protocol", "invalid_url"])
def test_what_a_receiver_said_was_said_by_a_receiver_that_was_reached(reason):
    assert blame(10, 0, several(reason, 10)).whose is Whose.THEIRS


def test_one_failing_among_many_that_answer_is_them():
    assert blame(1, 99, several("dns", 1)).whose is Whose.THEIRS


def test_many_endpoints_of_one_host_are_one_receiver():
    assert blame(50, 0, several("connect", 50, hosts=1)).whose is Whose.THEIRS


@pytest.mark.parametrize(("answering", "whose"), [(2, Whose.OURS), (3, Whose.THEIRS)])
def test_nearly_all_is_four_in_five(answering, whose):
    assert blame(8, answering, several("dns", 8)).whose is whose


def test_a_few_that_failed_before_for_reasons_of_their_own_do_not_hide_it():
    assert blame(10, 0, [*several("dns", 8), *several("http_500", 2)]).whose is Whose.OURS
    assert blame(10, 0, [*several("dns", 7), *several("http_500", 3)]).whose is Whose.THEIRS


def test_different_ways_of_not_getting_through_are_one_fault():
    told = blame(10, 0, [*several("timeout", 6), *several("connect", 4)])
    assert (told.whose, told.reason) == (Whose.OURS, "timeout")


@pytest.mark.parametrize("reason", ["secret", "proxy", "internal"])
def test_what_is_ours_by_name_is_ours_even_for_one(reason):
    assert blame(1, 0, several(reason, 1)).whose is Whose.OURS


def test_one_that_is_sent_nothing_is_told_though_hundreds_answer():
    told = blame(3, 300, several("http_500", 3), several("secret", 1))
    assert told == Blame(Whose.OURS, "secret", TEN, hinders=True)


def test_of_several_hindrances_the_commonest_is_told_and_since_when_it_first_met_somebody():
    some = [*several("internal", 1), *reversed(several("secret", 3)), Failing("", "secret")]
    assert blame(0, 3, [], some) == Blame(Whose.OURS, "secret", TEN, hinders=True)


def test_what_meets_nearly_all_is_told_before_what_hinders_one():
    assert blame(10, 0, several("dns", 10), several("secret", 1)) == blame(10, 0, several("dns", 10))
    assert blame(10, 0, several("secret", 10), several("secret", 1)).hinders


def test_it_began_when_most_of_them_had_begun():
    old = [Failing("dead", "dns", TEN - timedelta(days=3))]
    assert blame(11, 0, [*old, *several("dns", 10)]).since == TEN + timedelta(seconds=4)


def test_without_a_time_or_a_reason_there_is_none():
    assert blame(2, 0, [Failing("a", "dns"), Failing("b", "dns")]) == Blame(Whose.OURS, "dns", None)
    assert blame(2, 0, []).whose is Whose.THEIRS
