"""The state of things on one screen."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from textwrap import wrap

from dispatcher.cli.overview.judge import Judged, host, is_ours, named, standby
from dispatcher.cli.overview.local import Local
from dispatcher.cli.overview.table import table
from dispatcher.cli.screen import BAD, DIM, GOOD, WARN, Line, Span
from dispatcher.observe.printable import printable
from dispatcher.policy.blame import Whose
from dispatcher.policy.wording import instant, plural, span
from dispatcher.store.report import COUNTED, LANES, RECENT_S, Report
from dispatcher.store.session import Row

LABEL = 11
REASONS = 4


def lines(judged: Judged, here: Sequence[Local], database: str, rows: int, columns: int) -> list[Line]:
    """At most so many rows, the verdict first; `columns` is what a row of the table may take."""
    shown = [*_verdict(judged, columns), *_body(judged, here, database)]
    unhappy = judged.report.unhappy
    if unhappy and rows - len(shown) > 3:
        shown += [[""], *table(unhappy, judged.report.at, rows - len(shown) - 1, columns)]
    return shown[:rows]


def _verdict(judged: Judged, columns: int) -> list[Line]:
    """Never cut: it is what people came for."""
    situation = judged.situation
    wrong = not situation.is_well or situation.blame.whose is Whose.OURS
    style = BAD if wrong else WARN if situation.failing or judged.verdict.startswith("stuck") else GOOD
    return [[(line, f"bold {style}")] for line in wrap(judged.verdict, columns)]


def _body(judged: Judged, here: Sequence[Local], database: str) -> Iterator[Line]:
    report = judged.report
    if report.away is None and report.lacking is None:
        yield from _holder(report)
    for local in here:
        yield _line("this host", _local(local, report.at))
    yield _line("database", _database(report, database))
    if report.inbox is not None:
        yield _line("inbox", _inbox(judged, report.inbox["events"]))
    if report.open is not None:
        yield _line("open", _open(report, report.open["deliveries"]))
    if report.recent is not None:
        yield _line("attempts", _attempts(report))
    if report.states:
        yield _line("endpoints", _endpoints(judged))
    for why in dict.fromkeys(report.unknown.values()):
        parts = ", ".join(part for part, reason in report.unknown.items() if reason == why)
        yield _line("not known", f"{parts}: {why}")


def _line(label: str, *spans: Span) -> Line:
    return [(f"{label:{LABEL}}", DIM), *spans]


def _holder(report: Report) -> Iterator[Line]:
    holder = report.holder
    if report.lock is None:
        yield _line("holder", "nobody")
    elif holder and holder["since"] and is_ours(report):
        yield _line("holder", f"{named(report)}, since {_at(holder['since'], report.at)}")
    else:
        yield _line("holder", named(report))
    about = ", ".join(standby(row) for row in report.standbys)
    known = [f"standby: {about}" if about else "no standby"]
    if holder and holder["epoch"]:
        of = f", installation {holder['installation']}" if holder["installation"] else ""
        known = [f"dispatcher {holder['version']}, epoch {holder['epoch']}{of}", *known]
    yield _line("", "; ".join(known))


def _local(local: Local, now: datetime) -> str:
    about = [f"pid {local.pid}"]
    if not local.is_alive:
        about.append(f"gone; its last word at {_at(local.at, now)}")
    elif not local.is_current:
        about.append(f"alive, but silent for {span(local.age_s)}")
    words = [local.text("role"), local.text("status")]
    words += [
        f"{key.replace('_', ' ')} {local.number(key)}"
        for key in ("in_flight", "unsettled", "parked")
        if local.number(key)
    ]
    if local.text("database"):
        words.append(f"database: {local.text('database')}")
    return f"{' '.join(about)}: {'; '.join(word for word in words if word)}"


def _database(report: Report, database: str) -> str:
    place = report.place
    return f"{database}, Postgres {place.server.split()[0]}, as {place.role}" if place else database


def _inbox(judged: Judged, events: int) -> str:
    oldest = f", oldest {_ago(judged.oldest_event_at, judged.report.at)} old" if judged.oldest_event_at else ""
    return f"{_number(events, 'event')} to fan out{oldest}"


def _open(report: Report, deliveries: int) -> str:
    due = report.due
    late = due["oldest_due_at"] if due else None
    of = f" of {_endpoints_of(due['lanes'])}" if due and due["lanes"] else ""
    ago = f", {_overdue(due, report.at)}" if due and late and late < report.at else ""
    return f"{_number(deliveries, 'delivery', 'deliveries')}{of}{ago}"


def _overdue(due: Row, now: datetime) -> str:
    """Whose backlog it is, too: one that is slow and never fails is not among those that fail."""
    at = host(due["oldest_due_url"])
    whose = f"endpoint {due['oldest_due_id']}{f' ({printable(at)})' if at else ''}"
    return f"oldest due {_ago(due['oldest_due_at'], now)} ago: {whose}"


def _endpoints_of(lanes: int) -> str:
    return f"{LANES:,}+ endpoints" if lanes >= LANES else plural(lanes, "endpoint")


def _attempts(report: Report) -> str:
    recent = report.recent
    if recent is None or recent["first_at"] is None:
        midnight = report.at.replace(hour=0, minute=0, second=0, microsecond=0)
        return f"none in the last {span(min(RECENT_S, (report.at - midnight).total_seconds()))}"
    why = list(zip(recent["reasons"], recent["times"], strict=True))
    reasons = ", ".join(f"{reason} {times:,}" for reason, times in why[:REASONS])
    failed = f"{recent['failed']:,} failed ({reasons}{', …' if len(why) > REASONS else ''})" if why else "none failed"
    return f"the last {_ago(recent['first_at'], report.at)}: {recent['delivered']:,} delivered, {failed}"


def _endpoints(judged: Judged) -> str:
    states = ", ".join(f"{number:,} {state}" for state, number in sorted(judged.report.states.items()))
    failing, hindered = judged.situation.failing, judged.situation.hindered
    ours = f"; {hindered:,} sent nothing" if hindered else ""
    return f"{states}{ours}; {f'{failing:,} fail' if failing else 'none fails'}"


def _number(number: int, noun: str, nouns: str = "") -> str:
    several = nouns or f"{noun}s"
    if number > COUNTED:
        return f"more than {COUNTED:,} {several}"
    return f"{number:,} {noun if number == 1 else several}"


def _ago(at: datetime, now: datetime) -> str:
    return span((now - at).total_seconds())


def _at(at: datetime, now: datetime) -> str:
    return f"{instant(at, now)} ({_ago(at, now)})"
