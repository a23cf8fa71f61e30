"""What is past its time goes: whole days as partitions, the rest in slices. One statement each, short ones."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from enum import StrEnum

from dispatcher.store.session import Session

PAGES = 64
"""Of a DEFAULT, looked at by one statement: half a megabyte, a few thousand rows."""
KEYS = 1000

DEFAULTS = {
    "events_default": "delete_old_events",
    "fanouts_default": "delete_old_fanouts",
    "attempts_default": "delete_old_attempts",
}


@dataclass(frozen=True, slots=True)
class Keep:
    """For how many days."""

    events_days: float
    attempts_days: float
    keys_days: float

    def of(self, table: str) -> float:
        return self.attempts_days if table.startswith("attempts") else self.events_days


class Fate(StrEnum):
    """What became of a day: `needed` for what is to be delivered, `locked` by somebody who reads it, `gone` before."""

    DROPPED = "dropped"
    NEEDED = "needed"
    LOCKED = "locked"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Day:
    """A partition past its time; `why` says what it is needed for."""

    name: str
    fate: Fate
    why: str = ""


@dataclass(frozen=True, slots=True)
class Slice:
    """Rows of a table that were past their time."""

    table: str
    rows: int


async def old_days(session: Session, keep: Keep) -> list[Day]:
    """The days past their time, as if they were dropped now."""
    rows = await session.fetch("list_old_days", keep.events_days, keep.attempts_days)
    return [Day(row["child"], Fate.NEEDED if row["why"] else Fate.DROPPED, row["why"] or "") for row in rows]


async def drop_old_days(session: Session, keep: Keep) -> AsyncIterator[Day]:
    """Drop each day past its time unless it is needed or somebody is at it: one to a statement."""
    for day in await old_days(session, keep):
        if day.why:
            yield day
        else:
            yield Day(day.name, Fate(await session.value("drop_day", day.name)), "what came meanwhile")


async def delete_old_rows(session: Session, keep: Keep) -> AsyncIterator[Slice]:
    """Delete the rows past their time that no day took along: those in a DEFAULT, and keys, the API's too."""
    for table, statement in DEFAULTS.items():
        page, more = 0, True
        while more:
            (row,) = await session.fetch(statement, keep.of(table), page, PAGES)
            page, more = page + PAGES, row["more"]
            yield Slice(table, row["deleted"])
    low, deleted = 0.0, KEYS
    while deleted == KEYS:
        (row,) = await session.fetch("delete_old_keys", keep.keys_days, low, KEYS)
        low, deleted = row["low"], row["deleted"]
        yield Slice("event_keys", deleted)
    deleted = KEYS
    while deleted == KEYS:
        deleted = await session.value("delete_old_requests", KEYS)
        yield Slice("requests", deleted)


async def old_rows(session: Session, keep: Keep) -> list[Slice]:
    """How many rows `delete_old_rows` would delete."""
    rows = await session.fetch("count_old", keep.events_days, keep.attempts_days, keep.keys_days)
    return [Slice(row["name"], row["rows"]) for row in rows]
