"""`dispatcher event show`: an event, what is in it, and where it went."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson

from dispatcher.cli.asking import Asked, ask
from dispatcher.cli.deliveries import wording
from dispatcher.cli.events.listing import keyed
from dispatcher.cli.events.naming import event_id
from dispatcher.cli.layout import laid_out
from dispatcher.cli.printing import show, show_json, width_of
from dispatcher.cli.screen import DIM, NAME, WARN, Line, Screen
from dispatcher.errors import SchemaError
from dispatcher.store import deliveries, events
from dispatcher.store.session import Row, Rows

LABEL = 11
MOST = 100
"""Deliveries that are shown; `delivery list --event` has the others."""


@dataclass(frozen=True, slots=True)
class Shown:
    """`payload` is None where our role may not read it."""

    row: Row
    payload: Row | None
    deliveries: Rows
    role: str
    now: datetime

    @property
    def more(self) -> bool:
        return len(self.deliveries) > MOST

    @property
    def withheld(self) -> str | None:
        """Why its data is not there."""
        return None if self.payload else f"role {self.role} may not read it: the owner of schema webhooks may"


def show_one(config: Path | None, given: str, *, pretty: bool, as_json: bool) -> None:
    """Raises `Missing`, and what `ask` raises."""
    number, screen = event_id(given), Screen()

    async def work(asked: Asked) -> Shown:
        row = await events.read(asked.session, number)
        made = await deliveries.find_of_event(asked.session, number, most=MOST + 1)
        try:
            payload = await events.payload(asked.session, number)
        except SchemaError:
            payload = None
        return Shown(row, payload, made, asked.role, asked.now)

    shown = ask(config, "event show", work)
    if as_json:
        show_json(screen, _keyed(shown))
        return
    for line in _lines(shown, pretty=pretty):
        screen.whole(*line)
    if shown.deliveries:
        screen.whole("")
        show(screen, wording.lines_of(shown.deliveries[:MOST], shown.now, width_of(screen)))
    if shown.more:
        screen.whole((f"and more: dispatcher delivery list --event {wording.webhook_id(number)}", DIM))


def _keyed(shown: Shown) -> dict[str, Any]:
    payload = shown.payload
    return {
        **keyed(shown.row),
        "key": payload["key"] if payload else None,
        "data": _fragment(payload["data"] if payload else None),
        "context": _fragment(payload["context"] if payload else None),
        "withheld": shown.withheld,
        "deliveries": [wording.keyed(row) for row in shown.deliveries[:MOST]],
        "more": shown.more,
    }


def _fragment(text: str | None) -> orjson.Fragment | None:
    """As it is stored; in one line, as the rest of the object is."""
    return None if text is None else orjson.Fragment(text.translate({10: " ", 13: " ", 9: " "}))


def _lines(shown: Shown, *, pretty: bool) -> Iterator[Line]:
    row, payload = shown.row, shown.payload
    yield [(f"event {wording.webhook_id(row['event_id'])}", f"bold {NAME}"), f"  {row['type']}"]
    yield _line("id", str(row["event_id"]))
    if row["tenant"]:
        yield _line("tenant", row["tenant"])
    yield _line("occurred", wording.stamp(row["occurred_at"]))
    if row["fanned_out_at"] is None:
        yield [(f"{'fanned out':{LABEL}}", DIM), ("not yet", WARN)]
    else:
        yield _line("fanned out", f"{wording.stamp(row['fanned_out_at'])}, to {row['matched']:,} that match")
    if payload is None:
        yield [(f"{'data':{LABEL}}", DIM), (shown.withheld or "", WARN)]
        return
    if payload["key"] is not None:
        yield _line("key", payload["key"])
    for name in ("context", "data"):
        if payload[name] is not None:
            yield from _json(name, laid_out(payload[name]) if pretty else payload[name])


def _json(name: str, text: str) -> Iterator[Line]:
    """As it is stored, in as many lines as that has."""
    first, *more = text.split("\n")
    yield [(f"{name:{LABEL}}", DIM), first]
    for line in more:
        yield [" " * LABEL, line]


def _line(label: str, value: str) -> Line:
    return [(f"{label:{LABEL}}", DIM), value]
