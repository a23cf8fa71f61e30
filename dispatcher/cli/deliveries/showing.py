"""`dispatcher delivery show`: one delivery, every attempt, and what to do about it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from dispatcher.cli.asking import Asked, ask
from dispatcher.cli.deliveries import wording
from dispatcher.cli.endpoints import wording as endpoint_words
from dispatcher.cli.endpoints.judging import in_force
from dispatcher.cli.printing import show_json
from dispatcher.cli.promises.known import Known, read
from dispatcher.cli.screen import BAD, DIM, NAME, Line, Screen
from dispatcher.errors import Missing
from dispatcher.model import Outcome, State
from dispatcher.store import deliveries, endpoints
from dispatcher.store.session import Row, Rows

LABEL = 10
MOST = 1000
"""Attempts: a hundred are a whole life, and there may have been several."""


@dataclass(frozen=True, slots=True)
class Shown:
    """`endpoint` is None where it is gone, `allowed` where nobody here knows how many attempts it has."""

    row: Row
    attempts: Rows
    endpoint: Row | None
    allowed: int | None
    now: datetime


def show(config: Path | None, delivery_id: int, *, as_json: bool) -> None:
    """Raises `Missing`, and what `ask` raises."""
    known, screen = read(config), Screen()

    async def work(asked: Asked) -> Shown:
        return await _shown(asked, known, delivery_id)

    shown = ask(config, "delivery show", work)
    if as_json:
        show_json(screen, _keyed(shown))
        return
    for line in _lines(shown):
        screen.whole(*line)


async def _shown(asked: Asked, known: Known, delivery_id: int) -> Shown:
    session = asked.session
    row = await deliveries.read(session, delivery_id)
    made = await deliveries.attempts(session, delivery_id, MOST)
    try:
        endpoint = await endpoints.read(session, row["endpoint_id"])
    except Missing:
        return Shown(row, made, None, None, asked.now)
    return Shown(row, made, endpoint, in_force(known, endpoint)["max_attempts"]["value"], asked.now)


def _keyed(shown: Shown) -> dict[str, Any]:
    attempts = [wording.attempt_keyed(each) for each in shown.attempts]
    return {
        **wording.keyed(shown.row),
        "max_attempts": shown.allowed,
        "attempts_made": attempts,
        "advice": [words for words, _ in advice(shown)],
    }


def _lines(shown: Shown) -> Iterator[Line]:
    row = shown.row
    yield [(f"delivery {row['delivery_id']}", f"bold {NAME}"), f"  {row['type'] or 'of an event that is gone'}"]
    where = endpoint_words.named(shown.endpoint) if shown.endpoint else f"endpoint {row['endpoint_id']}, which is gone"
    yield _line("to", where)
    if row["tenant"]:
        yield _line("tenant", row["tenant"])
    yield _line("event", wording.webhook_id(row["event_id"]))
    yield [(f"{'state':{LABEL}}", DIM), (row["state"], wording.STYLES.get(row["state"], BAD)), _standing(shown)]
    yield from wording.attempts_of(shown.attempts)
    for words, why in advice(shown):
        yield [(f"{'next':{LABEL}}", DIM), words, (f"  {why}" if why else "", DIM)]


def _standing(shown: Shown) -> str:
    row = shown.row
    of = f" of {shown.allowed}" if shown.allowed is not None else ""
    said = f", {row['attempts']}{of} attempts made"
    if row["state"] != wording.PENDING:
        return said
    if held := _held(shown):
        return f"{said}; {held}"
    due = wording.due(row, shown.now)
    when = "is due" if due == "due" else f"{due}, at {wording.stamp(row['due_at'])}"
    return f"{said}; the next one {when}"


def _held(shown: Shown) -> str:
    if shown.endpoint is None:
        return ""
    if shown.endpoint["state"] != State.ACTIVE:
        return f"held: the endpoint is {shown.endpoint['state']}"
    return "held: the endpoint is parked" if endpoint_words.is_parked(shown.endpoint, shown.now) else ""


def advice(shown: Shown) -> list[tuple[str, str]]:
    """Commands, each with what it is for."""
    number, of = shown.row["delivery_id"], shown.row["endpoint_id"]
    if shown.row["state"] == wording.PENDING:
        look = [(f"dispatcher endpoint show {of}", "")] if _held(shown) else []
        return [
            *look,
            (f"dispatcher delivery retry {number}", "tries it now, with all its attempts again"),
            (f"dispatcher delivery cancel {number}", "ends it"),
        ]
    if shown.row["state"] == Outcome.DEAD and shown.endpoint is not None:
        again = f"dispatcher replay --endpoint {of} --since INSTANT --only-dead"
        return [
            (f"dispatcher delivery retry {number}", "tries it again, with all its attempts"),
            (again, "all that died for this endpoint"),
        ]
    return []


def _line(label: str, value: str) -> Line:
    return [(f"{label:{LABEL}}", DIM), value]
