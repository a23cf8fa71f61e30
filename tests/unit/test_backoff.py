"""The schedule of retries."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatcher.config import Settings
from dispatcher.policy.backoff import Backoff

SETTINGS = Settings().endpoint
DEFAULT = Backoff(SETTINGS.backoff_base_s, SETTINGS.backoff_factor, SETTINGS.backoff_cap_s, SETTINGS.jitter)
HOUR, DAY = 3600, 86400
MIDDLE = 0.5
"""The spin that leaves a delay as it is."""

spins = st.floats(0, 1, exclude_max=True)
attempts = st.integers(1, 10**9)
backoffs = st.builds(
    Backoff,
    base_s=st.floats(0.001, 30 * DAY),
    factor=st.floats(1, 100),
    cap_s=st.floats(0.001, 365 * DAY),
    jitter=st.floats(0, 1),
)


def schedule(backoff: Backoff, max_attempts: int, spin: float = MIDDLE) -> list[float]:
    """The waits between `max_attempts` attempts, which are one fewer."""
    return [backoff.delay_s(attempt, spin) for attempt in range(1, max_attempts)]


def test_the_default_schedule():
    assert schedule(DEFAULT, SETTINGS.max_attempts) == [5, 20, 80, 320, 1280, 5120, 20480, *[10 * HOUR] * 6]


def test_the_default_schedule_lasts_2_point_8_days_in_all():
    total_s = sum(schedule(DEFAULT, SETTINGS.max_attempts))
    assert total_s == 243_305
    assert total_s / DAY == pytest.approx(2.816, abs=0.0005)


def test_with_the_worst_luck_it_lasts_between_2_and_a_quarter_and_3_and_a_half_days():
    assert sum(schedule(DEFAULT, SETTINGS.max_attempts, spin=0.0)) == pytest.approx(243_305 * 0.8)
    assert sum(schedule(DEFAULT, SETTINGS.max_attempts, spin=1.0)) == pytest.approx(243_305 * 1.2)


@pytest.mark.parametrize(("spin", "delay_s"), [(0.0, 16.0), (0.25, 18.0), (0.5, 20.0), (0.75, 22.0)])
def test_jitter_spreads_evenly_to_both_sides(spin, delay_s):
    assert DEFAULT.delay_s(2, spin) == pytest.approx(delay_s)


def test_without_jitter_the_spin_does_nothing():
    assert {Backoff(5, 4, 100, 0).delay_s(2, spin) for spin in (0.0, 0.3, 0.99)} == {20}


def test_a_factor_of_one_is_a_steady_pace():
    assert schedule(Backoff(7, 1, 100, 0.2), 5) == [7, 7, 7, 7]


def test_a_cap_below_the_base_is_the_delay():
    assert schedule(Backoff(100, 4, 10, 0.2), 4) == [10, 10, 10]


def test_a_huge_number_of_attempts_overflows_nothing():
    assert DEFAULT.delay_s(10**12, MIDDLE) == SETTINGS.backoff_cap_s
    assert Backoff(30 * DAY, 100, 365 * DAY, 0.2).delay_s(10**12, MIDDLE) == 365 * DAY


@given(backoffs, attempts, spins)
def test_every_delay_is_within_jitter_of_the_steady_one(backoff, attempt, spin):
    steady = backoff.delay_s(attempt, MIDDLE)
    assert 0 < steady <= backoff.cap_s
    slack = steady * (backoff.jitter + 1e-9)
    assert steady - slack <= backoff.delay_s(attempt, spin) <= steady + slack


@given(backoffs, attempts, spins)
def test_no_delay_is_above_the_cap_and_its_jitter_nor_below_nothing(backoff, attempt, spin):
    assert 0 <= backoff.delay_s(attempt, spin) <= backoff.cap_s * (1 + backoff.jitter)


@given(backoffs, spins)
def test_with_the_same_luck_a_later_delay_is_never_shorter(backoff, spin):
    assert all(earlier <= later for earlier, later in pairwise(schedule(backoff, 80, spin)))
