"""From rows to the one line."""

from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlsplit
from uuid import UUID

from dispatcher.policy.blame import Blame, Failing, blame
from dispatcher.policy.headline import Situation, headline
from dispatcher.store.report import Report
from dispatcher.store.session import Row

OURS = "dispatcher: "


@dataclass(frozen=True, slots=True)
class Judged:
    """A report, and what is to be said of it."""

    report: Report
    situation: Situation
    verdict: str
    oldest_event_at: datetime | None


def judge(report: Report) -> Judged:
    lock, holder, states = report.lock, report.holder, report.states
    oldest = dated(report.inbox["oldest"]) if report.inbox and report.inbox["oldest"] else None
    situation = Situation(
        at=report.at,
        away=report.away,
        lacking=_lacking(report),
        held_by=named(report) if lock else None,
        stranger=bool(lock) and not is_ours(report),
        last_holder=holder["dispatcher"] if holder else None,
        left_at=holder["left_at"] if holder else None,
        standbys=len(report.standbys),
        endpoints=sum(states.values()),
        active=states.get("active", 0),
        failing=failing(report),
        hindered=hindered(report),
        blame=_blame(report),
        oldest_event_s=(report.at - oldest).total_seconds() if oldest else 0.0,
        unknown=report.unknown.get("endpoints") or report.unknown.get("inbox"),
    )
    return Judged(report, situation, headline(situation), oldest)


def failing(report: Report) -> int:
    return report.unhappy[0]["failing"] if report.unhappy else 0


def hindered(report: Report) -> int:
    return report.hindered[0]["hindered"] if report.hindered else 0


def is_ours(report: Report) -> bool:
    return report.lock is not None and str(report.lock["application"]).startswith(OURS)


def named(report: Report) -> str:
    """Who has the lock: a dispatcher as its session calls itself, anything else with all there is to find it by."""
    lock = report.lock
    if lock is None:
        return ""
    if is_ours(report):
        return str(lock["application"]).removeprefix(OURS).removeprefix("holder ")
    where = f" from {lock['address']}" if lock["address"] else ""
    return f"{lock['application'] or 'unnamed'}; role {lock['role']}{where}, backend pid {lock['pid']}"


def standby(row: Row) -> str:
    return str(row["application"]).removeprefix(OURS).removeprefix("standby ")


def host(url: str) -> str:
    try:
        return urlsplit(url).netloc.rpartition("@")[2]
    except ValueError:
        return ""


def dated(event_id: UUID) -> datetime | None:
    """Ids of version 7 begin with the milliseconds since 1970; None for one that is beyond all calendars."""
    try:
        return datetime.fromtimestamp((event_id.int >> 80) / 1000, UTC)
    except (ValueError, OverflowError):
        return None


def _lacking(report: Report) -> str | None:
    if report.lacking is None and report.place and report.place.read_only:
        return f"the database is read-only ({report.place.read_only})"
    return report.lacking


def _blame(report: Report) -> Blame:
    some = [Failing(host(row["url"]), row["reason"], row["failing_since"]) for row in report.failing]
    ours = [Failing("", row["reason"], row["since"]) for row in report.hindered]
    return blame(failing(report), report.recent["answering"] if report.recent else 0, some, ours)
