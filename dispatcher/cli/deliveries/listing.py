"""`dispatcher delivery list`."""

import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import typer

from dispatcher.cli.asking import Asked, ask
from dispatcher.cli.deliveries import wording
from dispatcher.cli.events.naming import event_id
from dispatcher.cli.instants import Instant, written
from dispatcher.cli.printing import show, show_json, width_of
from dispatcher.cli.screen import DIM, Line, Screen
from dispatcher.store import deliveries
from dispatcher.store.deliveries import Page, Place, Wanted
from dispatcher.store.session import Row

PAGE = 500
PLACE = "what the page before said, such as 2026-11-21T20:15:00.123456Z/42"
LOOKS_S = 5.0
"""What is rare among what is plenty is looked for so long; then it is said how far back that came."""


@dataclass(frozen=True, slots=True)
class Filters:
    """Which deliveries; None is all."""

    tenant: str | None = None
    endpoint_id: int | None = None
    event: str | None = None
    pattern: str | None = None
    states: Sequence[str] | None = None
    since: Instant | None = None
    until: Instant | None = None


@dataclass(slots=True)
class Found:
    """`last` is where to go on: None where there are no more. `is_tired`: it stopped looking for want of time."""

    now: datetime
    rows: list[Row] = field(default_factory=list)
    last: Place | None = None
    is_tired: bool = False


def list_all(config: Path | None, filters: Filters, limit: int, after: str | None, *, as_json: bool) -> None:
    """Raises `ConfigError`, `DatabaseAway`, `SchemaError`."""
    start, screen = _place(after), Screen()
    if filters.event and (filters.pattern or filters.since or filters.until):
        raise typer.BadParameter("an event has one type and one time: leave --type, --since and --until out")

    async def work(asked: Asked) -> Found:
        return await _find(asked, filters, limit, start)

    found = ask(config, "delivery list", work)
    if as_json:
        show_json(screen, {"data": [wording.keyed(row) for row in found.rows], "next": _shown(found.last)})
        return
    show(screen, _lines(found, width_of(screen)))


async def _find(asked: Asked, filters: Filters, limit: int, start: Place | None) -> Found:
    found, began = Found(asked.now, last=start), time.monotonic()
    while True:
        most = min(limit - len(found.rows), PAGE)
        page = await _page(asked, filters, found.last, most)
        found.rows += page.rows
        found.last = page.last
        found.is_tired = time.monotonic() - began > LOOKS_S
        if found.last is None or len(found.rows) >= limit or found.is_tired:
            return found


async def _page(asked: Asked, filters: Filters, before: Place | None, most: int) -> Page:
    since, until = (each.at(asked.now) if each else None for each in (filters.since, filters.until))
    event = event_id(filters.event) if filters.event is not None else None
    wanted = Wanted(filters.tenant, filters.endpoint_id, filters.pattern, filters.states, since, until, event)
    return await deliveries.find(asked.session, wanted, before=before, most=most)


def _place(after: str | None) -> Place | None:
    """Written as its instant, a slash, and an id. Raises `typer.BadParameter`."""
    if after is None:
        return None
    at, _, number = after.rpartition("/")
    instant = written(at)
    if instant is None or instant.tzinfo is None or not re.fullmatch("[0-9]{1,18}", number):
        raise typer.BadParameter(f"{after!r} is no place: write {PLACE}", param_hint="--after")
    return instant, int(number)


def _shown(place: Place | None) -> str | None:
    return None if place is None else f"{place[0]:%Y-%m-%dT%H:%M:%S.%fZ}/{place[1]}"


def _lines(found: Found, width: int) -> Iterator[Line]:
    if found.rows:
        yield from wording.lines_of(found.rows, found.now, width)
    if found.last is None:
        if not found.rows:
            yield [("none", DIM)]
        return
    if found.is_tired:
        yield [(f"looked back to {wording.stamp(found.last[0])}; on from there: --after {_shown(found.last)}", DIM)]
    else:
        yield [(f"and more: --limit N, or --after {_shown(found.last)}", DIM)]
