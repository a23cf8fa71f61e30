"""Is it us, or is it them? From what fails, and how, to whose fault it looks like."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from dispatcher.model import OUR_FAULTS, Reason

NEARLY_ALL = 0.8
COMMON = OUR_FAULTS | {
    Reason.DNS, Reason.CONNECT, Reason.TLS, Reason.TIMEOUT, Reason.RESET, Reason.BLOCKED_ADDRESS,
}  # fmt: skip
"""What a fault of ours looks like when it meets everybody; a status code was said by a receiver that was reached."""


class Whose(StrEnum):
    NOBODYS = "nobody"
    THEIRS = "them"
    OURS = "us"


@dataclass(frozen=True, slots=True)
class Failing:
    """An endpoint that fails: `host` of its URL, the reason of its last attempt, since when if that is known."""

    host: str
    reason: str
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Blame:
    """Whose fault it looks like; if ours, what nearly all failures have in common, and since when.

    `hinders`: it is a fault of ours for which some endpoints, be they few, are sent nothing.
    """

    whose: Whose
    reason: str | None = None
    since: datetime | None = None
    hinders: bool = False


def blame(failing: int, answering: int, some: Sequence[Failing], hindered: Sequence[Failing] = ()) -> Blame:
    """Of so many endpoints failing and answering; `some` of those failing stand for the rest.

    Ours if nearly all fail in a way that need not be the receiver's. One host alone is never proof, unless what is
    wrong is by its very name on our side. What meets nearly all is worse than what hinders some.
    """
    told = _failures(failing, answering, some)
    if not hindered or (told.whose is Whose.OURS and told.reason not in OUR_FAULTS):
        return told
    reason, _ = Counter(each.reason for each in hindered).most_common(1)[0]
    since = [each.since for each in hindered if each.reason == reason and each.since]
    return Blame(Whose.OURS, reason, min(since, default=None), hinders=True)


def _failures(failing: int, answering: int, some: Sequence[Failing]) -> Blame:
    if not failing:
        return Blame(Whose.NOBODYS)
    if not some:
        return Blame(Whose.THEIRS)
    reason, times = Counter(each.reason for each in some).most_common(1)[0]
    common = [each for each in some if each.reason in COMMON]
    is_widespread = failing >= NEARLY_ALL * (failing + answering) and len(common) >= NEARLY_ALL * len(some)
    is_ours = reason in OUR_FAULTS and times >= NEARLY_ALL * len(some)
    if is_ours or (is_widespread and len({each.host for each in common}) > 1):
        return Blame(
            Whose.OURS, reason, _began([each.since for each in common if each.reason == reason and each.since])
        )
    return Blame(Whose.THEIRS)


def _began(since: Sequence[datetime]) -> datetime | None:
    """When most of them had begun: the earliest may have been failing for days on its own account."""
    return sorted(since)[len(since) // 2] if since else None
