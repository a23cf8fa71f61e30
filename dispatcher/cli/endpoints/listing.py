"""`dispatcher endpoint list`."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import typer

from dispatcher.cli.asking import Asked, ask
from dispatcher.cli.endpoints import wording
from dispatcher.cli.printing import Cell, Column, show, show_json, table, width_of
from dispatcher.cli.screen import DIM, NAME, Line, Screen
from dispatcher.store import endpoints
from dispatcher.store.session import Row

COLUMNS = (
    Column("id", 19, 3, is_right=True),
    Column("tenant", 16, 4),
    Column("name", 24, 6, NAME),
    Column("url", 60, 11),
    Column("types", 36, 6),
    Column("state", 26, 8),
    Column("open", 7, 7, is_right=True),
    Column("1 h", 15, 6),
    Column("last", 32, 24),
)
PAGE = 500


@dataclass(frozen=True, slots=True)
class Filters:
    """Which endpoints; None is all. `event_type` is one that they are subscribed to."""

    tenant: str | None
    states: Sequence[str] | None
    event_type: str | None


@dataclass(frozen=True, slots=True)
class Found:
    """`more`: there are others after these. `is_narrowed`: some were left out on purpose."""

    rows: list[Row]
    more: bool
    is_narrowed: bool
    now: datetime


def list_all(config: Path | None, filters: Filters, limit: int, after: str | None, *, as_json: bool) -> None:
    """Raises `ConfigError`, `DatabaseAway`, `SchemaError`."""
    start, screen = _place(after), Screen()

    async def work(asked: Asked) -> Found:
        return await _find(asked, filters, limit, start)

    found = ask(config, "endpoint list", work)
    if as_json:
        next_ = found.rows[-1]["endpoint_id"] if found.more else None
        show_json(screen, {"data": [_keyed(row) for row in found.rows], "next": next_})
        return
    show(screen, _lines(found, width_of(screen)))


async def _find(asked: Asked, filters: Filters, limit: int, after: int) -> Found:
    rows: list[Row] = []
    while len(rows) <= limit:
        most = min(limit + 1 - len(rows), PAGE)
        page = await endpoints.find(
            asked.session, tenant=filters.tenant, states=filters.states, event_type=filters.event_type,
            after=rows[-1]["endpoint_id"] if rows else after, most=most,
        )  # fmt: skip
        rows += page
        if len(page) < most:
            break
    is_narrowed = filters != Filters(None, None, None) or after > 0
    return Found(rows[:limit], len(rows) > limit, is_narrowed, asked.now)


def _place(after: str | None) -> int:
    if after is None:
        return 0
    if not (after.isascii() and after.isdigit() and len(after) < 19):
        raise typer.BadParameter("it is no endpoint's id", param_hint="--after")
    return int(after)


def _keyed(row: Row) -> dict[str, Any]:
    kept = ("endpoint_id", "tenant", "name", "types", "profile", "state", "state_reason", "state_at", "failing_since")
    ends = (
        "parked_until",
        "open",
        "oldest_due_at",
        "last_status",
        "last_outcome",
        "last_reason",
        "last_at",
        *wording.RATES,
        "created_at",
    )
    return {
        **{key: row[key] for key in kept},
        "url": wording.without_query(row["url"]),
        **{key: row[key] for key in ends},
    }


def _lines(found: Found, width: int) -> Iterator[Line]:
    if not found.rows:
        yield [("none like that" if found.is_narrowed else "none; dispatcher endpoint create URL makes one", DIM)]
        return
    yield from table(COLUMNS, [_cells(row, found.now) for row in found.rows], width)
    if found.more:
        yield [(f"and more: --limit N, or --after {found.rows[-1]['endpoint_id']}", DIM)]


def _cells(row: Row, now: datetime) -> list[str | Cell]:
    return [
        str(row["endpoint_id"]),
        row["tenant"],
        row["name"] or "",
        wording.without_query(row["url"]),
        ", ".join(row["types"]) or "none",
        wording.state(row, now),
        wording.opened(row["open"]),
        wording.rate(row, "1h"),
        wording.last(row, now),
    ]
