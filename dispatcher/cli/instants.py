"""Instants as people type them: a date and time, or how long ago."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self

import typer

UNITS = {"s": 1, "min": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
AGE = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?) ?([a-z]+)")
LONGEST = timedelta(days=36_500)

FORMS = "such as 2026-11-21T05:00:00Z (without an offset it is UTC), 2026-11-21, or an age: 90s, 30min, 2h, 7d, 4w"
"""For the help of an option that takes one, and for its refusal."""


def written(given: str) -> datetime | None:
    """ISO 8601 as it stands, with an offset or without; None for what is none."""
    try:
        return datetime.fromisoformat(given)
    except ValueError:
        return None


@dataclass(frozen=True, slots=True)
class Instant:
    """One that was typed; an age is counted from a clock that is not known yet, the database's."""

    is_at: datetime | None = None
    is_ago: timedelta | None = None

    @classmethod
    def of(cls, given: str) -> Self:
        """Raises `typer.BadParameter` for what is no instant."""
        text = given.strip()
        found = AGE.fullmatch(text)
        if found and found[2] in UNITS:
            seconds = float(found[1]) * UNITS[found[2]]
            if seconds <= LONGEST.total_seconds():
                return cls(is_ago=timedelta(seconds=seconds))
            raise typer.BadParameter(f"{given!r} is longer ago than a hundred years")
        try:
            if (at := written(text)) is not None:
                return cls(is_at=(at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC))
        except OverflowError:  # an offset that leads out of the calendar
            pass
        raise typer.BadParameter(f"{given!r} is no instant: write it {FORMS}")

    def at(self, now: datetime) -> datetime:
        """In UTC. `now` is the clock that ages are counted from."""
        return self.is_at if self.is_at is not None else now - (self.is_ago or timedelta())
