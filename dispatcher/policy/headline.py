"""The state of things in one line, for whoever was woken up by it."""

from dataclasses import dataclass, field
from datetime import datetime

from dispatcher.model import Reason
from dispatcher.policy.blame import Blame, Whose
from dispatcher.policy.wording import instant, plural, span

BEHIND_S = 60.0
"""An event is fanned out within milliseconds; one that waits for so long means that nothing turns."""
LOGGED: dict[str | None, str] = {
    Reason.SECRET: "endpoint.hindered",
    Reason.PROXY: "attempt.settled",
    Reason.INTERNAL: "endpoint.hindered or attempt.failed",
}
"""Where the log says more of a fault of ours."""


@dataclass(frozen=True, slots=True)
class Situation:
    """What the line is made from. `away` is why there is no database to ask; `lacking`, why it is of no use to us.

    `held_by` is None where nobody holds the work; `stranger` says that what does is no dispatcher. `unknown` is why
    there is no saying how it goes.
    """

    at: datetime
    away: str | None = None
    lacking: str | None = None
    held_by: str | None = None
    stranger: bool = False
    last_holder: str | None = None
    left_at: datetime | None = None
    standbys: int = 0
    endpoints: int = 0
    active: int = 0
    failing: int = 0
    hindered: int = 0
    blame: Blame = field(default=Blame(Whose.NOBODYS))
    oldest_event_s: float = 0.0
    unknown: str | None = None

    @property
    def is_well(self) -> bool:
        """Well enough for a script: a dispatcher holds the work, and nothing of ours keeps it from being done."""
        is_held = self.away is None and self.lacking is None and self.held_by is not None and not self.stranger
        return is_held and not self.hindered


def headline(now: Situation) -> str:
    """The first thing that is wrong, else that all is well."""
    if now.away is not None:
        return f"down: the database cannot be reached ({now.away})"
    if now.lacking is not None:
        return f"down: {now.lacking}"
    if now.stranger:
        return f"down: the work is held by something that is not a dispatcher: {now.held_by}"
    if now.held_by is None:
        return f"down: no dispatcher holds the work{_gone(now)}"
    if now.blame.whose is Whose.OURS:
        return f"us: {_hindered(now) if now.blame.hinders else _most(now)}"
    if now.unknown is not None:
        return f"held by {now.held_by}, but how it goes is not known ({now.unknown})"
    if now.oldest_event_s > BEHIND_S:
        return f"stuck: the work is held, but events have waited {span(now.oldest_event_s)} to be fanned out"
    if not now.endpoints:
        return "ready: there is no endpoint yet"
    if now.failing:
        return f"delivering, but {_some(now)}"
    return "delivering"


def _gone(now: Situation) -> str:
    if now.standbys:
        return f"; {plural(now.standbys, 'standby session')} about to take it"
    if now.last_holder is None:
        return "; none ever has: dispatcher run"
    if now.left_at is not None:
        return f"; {now.last_holder} left in order{_since(now, now.left_at, 'at')}"
    return f"; {now.last_holder} died or was cut off"


def _most(now: Situation) -> str:
    most = "every endpoint fails" if now.failing >= now.active else _some(now)
    return f"{most} with {now.blame.reason}{_since(now, now.blame.since, 'since')}"


def _some(now: Situation) -> str:
    return f"{now.failing:,} of {plural(now.active, 'endpoint')} fail{'s' if now.failing == 1 else ''}"


def _hindered(now: Situation) -> str:
    endpoints = f"{now.hindered:,} of {plural(now.active, 'endpoint')} {'is' if now.hindered == 1 else 'are'}"
    event = LOGGED.get(now.blame.reason)
    more = f"; see {event} in the log" if event else ""
    return f"{endpoints} sent nothing: {now.blame.reason}{_since(now, now.blame.since, 'since')}{more}"


def _since(now: Situation, at: datetime | None, word: str) -> str:
    return f" {word} {instant(at, now.at)}" if at else ""
