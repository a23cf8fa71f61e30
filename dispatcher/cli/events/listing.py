"""`dispatcher event list`."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from dispatcher.cli.asking import Asked, ask
from dispatcher.cli.deliveries.wording import stamp, webhook_id
from dispatcher.cli.events.naming import event_id
from dispatcher.cli.instants import Instant
from dispatcher.cli.printing import Cell, Column, show, show_json, table, width_of
from dispatcher.cli.screen import DIM, NAME, WARN, Line, Screen
from dispatcher.store import events
from dispatcher.store.session import Row

COLUMNS = (
    Column("event", 36, 36),
    Column("type", 50, 6, NAME),
    Column("tenant", 24, 3),
    Column("occurred", 20, 20, DIM),
    Column("matched", 9, 7, is_right=True),
)
PAGE = 500
LOOKS_S = 5.0
"""What is rare among what is plenty is looked for so long; then it is said how far back that came."""


@dataclass(frozen=True, slots=True)
class Filters:
    """Which events; None is all."""

    tenant: str | None = None
    pattern: str | None = None
    since: Instant | None = None
    until: Instant | None = None


@dataclass(slots=True)
class Found:
    """`last` is where to go on: None where there are no more. `is_tired`: it stopped looking for want of time."""

    now: datetime
    rows: list[Row] = field(default_factory=list)
    last: UUID | None = None
    is_tired: bool = False


def list_all(config: Path | None, filters: Filters, limit: int, after: str | None, *, as_json: bool) -> None:
    """Raises `ConfigError`, `DatabaseAway`, `SchemaError`."""
    start, screen = None if after is None else event_id(after), Screen()

    async def work(asked: Asked) -> Found:
        return await _find(asked, filters, limit, start)

    found = ask(config, "event list", work)
    if as_json:
        next_ = None if found.last is None else webhook_id(found.last)
        show_json(screen, {"data": [keyed(row) for row in found.rows], "next": next_})
        return
    show(screen, _lines(found, width_of(screen)))


async def _find(asked: Asked, filters: Filters, limit: int, start: UUID | None) -> Found:
    """Goes on over short pages: an event that is rare is behind many that are not."""
    found, began = Found(asked.now, last=start), time.monotonic()
    since, until = (each.at(asked.now) if each else None for each in (filters.since, filters.until))
    while True:
        page = await events.find(
            asked.session, tenant=filters.tenant, pattern=filters.pattern, since=since, until=until,
            before=found.last, most=min(limit - len(found.rows), PAGE),
        )  # fmt: skip
        found.rows += page.rows
        found.last = page.last
        found.is_tired = time.monotonic() - began > LOOKS_S
        if found.last is None or len(found.rows) >= limit or found.is_tired:
            return found


def keyed(row: Row) -> dict[str, Any]:
    made = {key: row[key] for key in ("event_id", "tenant", "type", "occurred_at", "fanned_out_at", "matched")}
    return {**made, "webhook_id": webhook_id(row["event_id"])}


def _lines(found: Found, width: int) -> Iterator[Line]:
    if found.rows:
        yield from table(COLUMNS, [_cells(row) for row in found.rows], width)
    if found.last is None:
        if not found.rows:
            yield [("none", DIM)]
        return
    last = webhook_id(found.last)
    if found.is_tired:
        yield [(f"looked for {LOOKS_S:g} s; on from there: --after {last}", DIM)]
    else:
        yield [(f"and more: --limit N, or --after {last}", DIM)]


def _cells(row: Row) -> list[str | Cell]:
    return [
        webhook_id(row["event_id"]),
        row["type"],
        row["tenant"],
        stamp(row["occurred_at"]),
        Cell("waits", WARN) if row["matched"] is None else f"{row['matched']:,}",
    ]
