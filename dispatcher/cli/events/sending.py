"""`dispatcher event send`: as an application inserts one; and, if asked, how its deliveries end."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import typer

from dispatcher.cli.asking import OPERATOR, PRODUCER, WITHIN_S, Asked, ask
from dispatcher.cli.deliveries import wording
from dispatcher.cli.deliveries.waiting import UNHELD, Patience, is_held
from dispatcher.cli.instants import Instant
from dispatcher.cli.matching.wanted import read_json, read_text
from dispatcher.cli.options import DELIVERY_STATES
from dispatcher.cli.printing import show_json
from dispatcher.cli.screen import BAD, DIM, GOOD, WARN, Line, Screen
from dispatcher.errors import DispatcherError, Missing
from dispatcher.model import Outcome
from dispatcher.store import deliveries, events
from dispatcher.store.session import Rows

MOST = 1000
"""Deliveries that are shown."""
UNWANTED = [each for each in DELIVERY_STATES if each != Outcome.DELIVERED]


@dataclass(frozen=True, slots=True)
class Wanted:
    """An event as it was typed: `data` and `context` in words or in files. `timeout_s`: None for no waiting."""

    event_type: str
    data: str
    tenant: str
    key: str | None
    context: str | None
    occurred_at: Instant | None
    timeout_s: float | None


@dataclass(frozen=True, slots=True)
class Sent:
    """`deliveries` is None where nobody waited, `matched` where it was not fanned out in time.

    `failed`: not all of them are delivered.
    """

    event_id: UUID
    matched: int | None = None
    deliveries: Rows | None = None
    failed: bool = False

    @property
    def is_well(self) -> bool:
        """Whether what was asked for has happened."""
        return self.deliveries is None or (self.matched is not None and not self.failed)


def send(config: Path | None, wanted: Wanted, *, as_json: bool) -> None:
    """Exits with 1 where it was waited for and not all was delivered. Raises `Refused`, and what `ask` raises."""
    if wanted.data == wanted.context == "-":
        raise typer.BadParameter("- is given twice, and stdin is read once: use @FILE for one of them")
    data = read_text("DATA", wanted.data)
    context = None if wanted.context is None else read_json("--context", wanted.context)
    screen = Screen()

    async def work(asked: Asked) -> Sent:
        if wanted.timeout_s is not None and not await is_held(asked.session):
            raise DispatcherError(f"{UNHELD}; without --wait the event is left for it")
        if wanted.timeout_s is not None:
            with suppress(Missing):  # Who may not look has to know before it is sent.
                await events.read(asked.session, UUID(int=0))
        sent = await events.send(
            asked.session, wanted.event_type, data, tenant=wanted.tenant, key=wanted.key, context=context,
            occurred_at=wanted.occurred_at.at(asked.now) if wanted.occurred_at else None,
        )  # fmt: skip
        return Sent(sent) if wanted.timeout_s is None else await _wait(asked, sent, Patience(wanted.timeout_s))

    group = PRODUCER if wanted.timeout_s is None else f"{PRODUCER}, {OPERATOR}"
    sent = ask(config, "event send", work, group=group, within_s=WITHIN_S + (wanted.timeout_s or 0.0))
    if as_json:
        show_json(screen, _keyed(sent))
    else:
        for line in _lines(sent):
            screen.whole(*line)
    if not sent.is_well:
        raise typer.Exit(1)


async def _wait(asked: Asked, event_id: UUID, patience: Patience) -> Sent:
    while await _is_open(asked, event_id) and await patience.pause():
        pass
    row = await events.read(asked.session, event_id)
    found = await deliveries.find_of_event(asked.session, event_id, most=MOST)
    failed = await deliveries.find_of_event(asked.session, event_id, states=UNWANTED, most=1)
    return Sent(event_id, row["matched"], found, bool(failed))


async def _is_open(asked: Asked, event_id: UUID) -> bool:
    row = await events.read(asked.session, event_id)
    if row["fanned_out_at"] is None:
        return True
    return bool(await deliveries.find_of_event(asked.session, event_id, states=[wording.PENDING], most=1))


def _keyed(sent: Sent) -> dict[str, Any]:
    made = {"event_id": sent.event_id, "webhook_id": wording.webhook_id(sent.event_id), "matched": sent.matched}
    return {**made, "deliveries": None if sent.deliveries is None else [wording.keyed(row) for row in sent.deliveries]}


def _lines(sent: Sent) -> Iterator[Line]:
    yield [(wording.webhook_id(sent.event_id), GOOD)]
    if sent.deliveries is None:
        return
    if sent.matched is None:
        yield [("not fanned out in time", WARN), f": dispatcher event show {wording.webhook_id(sent.event_id)}"]
    elif not sent.deliveries:
        yield [("no endpoint wants it", WARN), ": dispatcher event match says why"]
    for row in reversed(sent.deliveries):
        style = wording.STYLES.get(row["state"], BAD)
        said = str(row["last_status"] or row["last_reason"] or "")
        why = "" if said in {"", row["state"]} else f" {said}"
        yield [
            (f"delivery {row['delivery_id']} to endpoint {row['endpoint_id']}: ", DIM),
            (f"{row['state']}{why}", style),
            (" when time was up" if row["state"] == wording.PENDING else "", DIM),
        ]
