"""Replays of any size: begun once, then carried on slice by slice, by whoever is there, until they are finished.

A slice looks at some thousand events, makes their deliveries and notes how far it came, in one transaction: what is cut
off at any moment is neither doubled nor lost, and two who carry on with the same replay share it.
"""

import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self
from uuid import UUID

from dispatcher.errors import SchemaError, StatementFailed
from dispatcher.store.session import Row, Session
from dispatcher.store.transactions import Inside

LEAST, FIRST, MOST = 1, 2_000, 20_000
QUICK_S, SLOW_S = 0.2, 1.0
"""A slice that takes less is followed by a larger one, and one that takes more by a smaller one."""
TRIES = 10
"""For a slice that somebody's lock is in the way of, or that takes too long."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to send again: events inserted in that span whose type matches one of the patterns.

    `only_dead`: of these, those whose last delivery to this endpoint ended dead.
    """

    endpoint_id: int
    since: datetime
    until: datetime
    types: tuple[str, ...] = ("*",)
    only_dead: bool = False


@dataclass(frozen=True, slots=True)
class Replay:
    """One that was begun, and how far it came. `done` is the part of its span of time, from 0 to 1.

    `is_finished` may also mean that it was ended early: then `done` is less than 1.
    """

    id: int
    wanted: Wanted
    looked: int
    made: int
    done: float
    created_at: datetime
    changed_at: datetime
    finished_at: datetime | None

    @classmethod
    def of(cls, row: Row) -> Self:
        wanted = Wanted(row["endpoint_id"], row["since"], row["until"], tuple(row["types"]), row["only_dead"])
        done = _part(row["first"], row["after"], row["below"])
        times = row["created_at"], row["changed_at"], row["finished_at"]
        return cls(row["id"], wanted, row["looked"], row["made"], done, *times)

    @property
    def is_finished(self) -> bool:
        return self.finished_at is not None


@dataclass(frozen=True, slots=True)
class Preview:
    """What a replay would make, as far as was looked."""

    looked: int
    made: int
    done: float
    is_whole: bool = False


class Pace:
    """How many events to look at in one transaction: about as many as take a quarter of a second."""

    def __init__(self, always: int | None = None) -> None:
        self._is_fixed = always is not None
        self.scan = always or FIRST

    def took(self, seconds: float) -> None:
        if self._is_fixed:
            return
        if seconds < QUICK_S:
            self.scan = min(2 * self.scan, MOST)
        elif seconds > SLOW_S:
            self.scan = max(self.scan // 2, LEAST)

    def timed_out(self) -> bool:
        """Try less; false where there is no less."""
        if self.scan == LEAST:
            return False
        self.scan = max(self.scan // 10, LEAST)
        return True


async def refuse_unready(session: Session) -> datetime:
    """Refuse a database in which this role can replay nothing; returns its clock. Raises `SchemaError`."""
    (where,) = await session.fetch("read_situation")
    if not where["there"]:
        raise SchemaError("schema webhooks is not there; run: dispatcher migrate")
    if not where["usable"]:
        raise SchemaError(f"role {where['role']} may not replay; run: grant webhooks_operator to {where['role']}")
    if not await session.value("has_replays"):
        raise SchemaError("schema webhooks lacks 0012 replays; run: dispatcher migrate")
    now: datetime = where["now"]
    return now


async def begin(session: Session, wanted: Wanted) -> Replay:
    """Nothing is made yet. Raises `Refused`, in the words of webhooks.begin_replay."""
    (row,) = await session.fetch("begin_replay", *_arguments(wanted))
    return Replay.of(row)


async def carry_on(session: Session, replay_id: int, pace: Pace, budget_s: float = 0.0) -> Replay:
    """Do one slice, and more of them until the time is spent; returns how far it is then.

    Raises `Refused` for one that is not there or whose endpoint can be sent nothing now, `DatabaseAway` and
    `StatementFailed`: what is done until then stays.
    """
    until = time.monotonic() + budget_s
    replay = Replay.of(await _patiently(session, pace, "carry_on_replay", replay_id))
    while not replay.is_finished and time.monotonic() < until:
        replay = Replay.of(await _patiently(session, pace, "carry_on_replay", replay_id))
    return replay


async def end(session: Session, replay_id: int) -> Replay:
    """Finished as it is: what it has made stays. Raises `Refused` for one that is not there."""
    (row,) = await session.fetch("end_replay", replay_id)
    return Replay.of(row)


async def listed(session: Session, replay_id: int | None = None) -> list[Replay]:
    """The latest first; of one, that one, if it is there."""
    return [Replay.of(row) for row in await session.fetch("list_replays", replay_id)]


async def preview(session: Session, wanted: Wanted, pace: Pace) -> AsyncGenerator[Preview, None]:
    """Count what a replay would make, slice by slice; the last one is all of it. Raises what `begin` raises."""
    after: UUID | None = None
    first, below = _floor(wanted.since), _floor(wanted.until)
    looked = made = 0
    while True:
        row = await _patiently(session, pace, "preview_replay", *_arguments(wanted), after)
        looked, made, after = looked + row["looked"], made + row["made"], row["after"]
        yield Preview(looked, made, 1.0 if after is None else _part(first, after, below), after is None)
        if after is None:
            return


def _arguments(wanted: Wanted) -> tuple[object, ...]:
    return wanted.endpoint_id, wanted.since, wanted.until, list(wanted.types), wanted.only_dead


async def _patiently(session: Session, pace: Pace, statement: str, *args: object) -> Row:
    """A slice; where somebody's lock is in the way, again; where it takes too long, a smaller one."""
    for tries_left in reversed(range(TRIES)):
        began = time.monotonic()
        try:
            (row,) = await session.fetch(statement, *args, pace.scan)
        except StatementFailed as error:
            if isinstance(session, Inside):  # a transaction that has failed: whoever began it begins again
                raise
            if not tries_left or not (error.locked or (error.timed_out and pace.timed_out())):
                raise
            continue
        pace.took(time.monotonic() - began)
        return row
    raise AssertionError("the last try either returns or raises")


def _floor(at: datetime) -> UUID:
    return UUID(int=max(int(at.astimezone(UTC).timestamp() * 1000), 0) << 80)


def _part(first: UUID, after: UUID, below: UUID) -> float:
    """How much of the way: ids of version 7 begin with the milliseconds since 1970."""
    start, here, end = (each.int >> 80 for each in (first, after, below))
    if start < here < end:
        return (here - start) / (end - start)
    return 1.0 if here >= end else 0.0
