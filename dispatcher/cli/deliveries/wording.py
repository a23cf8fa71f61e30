"""Deliveries and attempts, as a person and as a program read them."""

import base64
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from dispatcher.cli.printing import Cell, Column, table
from dispatcher.cli.screen import BAD, DIM, GOOD, WARN, Line
from dispatcher.model import Outcome
from dispatcher.observe.printable import printable
from dispatcher.policy.wording import span
from dispatcher.store.session import Row

PENDING = "pending"
STYLES = {Outcome.DELIVERED: GOOD, PENDING: WARN, Outcome.RETRYING: WARN}
ROOMY = 110
"""Columns of a terminal that has room for all."""
SHOWN_REPLY, SHOWN_LINES = 400, 6
"""Characters and lines of a reply that a person is shown; programs get all of it."""

COLUMNS = (
    Column("delivery", 19, 8, is_right=True),
    Column("event", 36, 16),
    Column("type", 40, 6),
    Column("endpoint", 19, 8, is_right=True),
    Column("tenant", 16, 6),
    Column("state", 9, 9),
    Column("tries", 5, 5, is_right=True),
    Column("last", 34, 14),
    Column("next", 12, 9),
)


def webhook_id(event_id: UUID) -> str:
    return f"evt_{event_id.hex}"


def stamp(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%SZ}"


def lines_of(rows: Sequence[Row], now: datetime, width: int) -> Iterator[Line]:
    """Without the event's id where there is no room for it: `delivery show` has it."""
    yield from table(COLUMNS, [_cells(row, now, event=width >= ROOMY) for row in rows], width)


def _cells(row: Row, now: datetime, *, event: bool) -> list[str | Cell]:
    return [
        str(row["delivery_id"]),
        webhook_id(row["event_id"]) if event else "",
        row["type"] or "",
        str(row["endpoint_id"]),
        row["tenant"] or "",
        Cell(row["state"], STYLES.get(row["state"], BAD)),
        str(row["attempts"]),
        last(row, now),
        due(row, now),
    ]


def last(row: Row, now: datetime) -> str:
    if row["last_at"] is None:
        return ""
    said = str(row["last_status"] or row["last_reason"] or "")
    ago = f"{span((now - row['last_at']).total_seconds())} ago"
    return ago if said == row["state"] else f"{said} {ago}".strip()


def due(row: Row, now: datetime) -> str:
    if row["due_at"] is None:
        return ""
    seconds = (row["due_at"] - now).total_seconds()
    return f"in {span(seconds)}" if seconds > 0 else "due"


def keyed(row: Row) -> dict[str, Any]:
    kept = ("delivery_id", "event_id", "endpoint_id", "tenant", "type", "state", "attempts")
    ends = ("last_status", "last_reason", "last_at", "due_at")
    made = {key: row[key] for key in kept}
    return {**made, "webhook_id": webhook_id(row["event_id"]), **{key: row[key] for key in ends}}


def attempts_of(rows: Sequence[Row]) -> Iterator[Line]:
    """A line for each attempt, and below it what came back."""
    for row in rows:
        number = "-" if row["attempt"] is None else str(row["attempt"])
        said = str(row["status"] or row["reason"] or "")
        outcome = "" if said == row["outcome"] else f" {row['outcome']}"
        why = (
            f" ({row['reason']})"
            if row["status"] and row["reason"] and row["reason"] != f"http_{row['status']}"
            else ""
        )
        took = "" if row["attempt"] is None else f" after {row['duration_ms']:,} ms"
        style = STYLES.get(row["outcome"], BAD)
        yield [(f"{number:>4}  {stamp(row['at'])}  ", DIM), (f"{said}{outcome}{why}", style), (took, DIM)]
        for line in reply_lines(row["reply"]):
            yield ["      ", line]


def reply_lines(reply: bytes | None) -> Iterator[str]:
    if not reply:
        return
    text = reply.decode("utf-8", "backslashreplace")
    lines = text[:SHOWN_REPLY].splitlines()[:SHOWN_LINES]
    yield from map(printable, lines)
    if len("\n".join(lines)) < len(text.rstrip()):
        yield f"… ({len(reply):,} bytes are kept: --json has all of them)"


def attempt_keyed(row: Row) -> dict[str, Any]:
    kept = ("attempt", "at", "duration_ms", "status", "outcome", "reason")
    made = {key: row[key] for key in kept}
    if row["reply"] is None:
        return {**made, "reply": None, "reply_encoding": None}
    try:
        return {**made, "reply": row["reply"].decode(), "reply_encoding": "utf-8"}
    except UnicodeDecodeError:
        return {**made, "reply": base64.b64encode(row["reply"]).decode(), "reply_encoding": "base64"}
