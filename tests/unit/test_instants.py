"""Instants as people type them."""

from datetime import UTC, datetime, timedelta

import pytest
import typer

from dispatcher.cli.instants import LONGEST, Instant

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
READ = {
    "2026-11-21T05:00:00Z": datetime(2026, 11, 21, 5, tzinfo=UTC),
    "2026-11-21T05:00:00+02:00": datetime(2026, 11, 21, 3, tzinfo=UTC),
    "2026-11-21T05:00": datetime(2026, 11, 21, 5, tzinfo=UTC),
    "2026-11-21 05:00:00.25": datetime(2026, 11, 21, 5, 0, 0, 250_000, tzinfo=UTC),
    "2026-11-21": datetime(2026, 11, 21, tzinfo=UTC),
    "90s": NOW - timedelta(seconds=90),
    "30min": NOW - timedelta(minutes=30),
    "2h": NOW - timedelta(hours=2),
    " 2 h ": NOW - timedelta(hours=2),
    "1.5h": NOW - timedelta(minutes=90),
    "7d": NOW - timedelta(days=7),
    "4w": NOW - timedelta(days=28),
    "0s": NOW,
    "36500d": NOW - LONGEST,
}


@pytest.mark.parametrize(("given", "meant"), READ.items(), ids=READ)
def test_an_instant_is_read_as(given, meant):
    read = Instant.of(given).at(NOW)
    assert read == meant
    assert read.tzinfo is UTC


REFUSED = [
    "", "soon", "2", "h", "-2h", "2m", "2y", "2hours", "1e3s", "٢h", "2h 30min", "36501d", "999999999w", "9999999999s",
    "2026-13-01", "2026-11-21T25:00", "0001-01-01T00:00+01:00", "9999-12-31T23:59-01:00", "infinity", "now",
]  # fmt: skip


@pytest.mark.parametrize("given", REFUSED)
def test_what_is_no_instant_is_refused_with_what_is_one(given):
    with pytest.raises(typer.BadParameter) as caught:
        Instant.of(given)
    assert repr(given) in str(caught.value)
    assert "2h, 7d" in str(caught.value) or "hundred years" in str(caught.value)
