"""The endpoints that fail, are disabled or are sent nothing, in columns."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from dispatcher.cli.columns import row, widths
from dispatcher.cli.overview.judge import host
from dispatcher.cli.screen import BAD, DIM, NAME, WARN, Line
from dispatcher.observe.printable import printable
from dispatcher.policy.wording import span
from dispatcher.store.report import HELD_EACH
from dispatcher.store.session import Row

HEAD = ("id", "tenant", "name", "host", "state", "last, ago", "open")
WIDEST = (10, 12, 16, 30, 24, 22, 6)
"""Of each column in a terminal of any width; what is cut ends in an ellipsis."""
LEAST = (4, 6, 6, 12, 10, 8, 4)
STYLES: tuple[str, ...] = (DIM, "", NAME, "", WARN, BAD, "")
RIGHT = frozenset({len(HEAD) - 1})


def table(unhappy: Sequence[Row], now: datetime, rows: int, columns: int) -> list[Line]:
    """At most so many lines: the worst, and how many more there are. A column with nothing in it is left out."""
    total = unhappy[0]["unhappy"]
    room = rows - 1 if total <= rows - 1 and len(unhappy) == total else rows - 2
    cells = [tuple(map(printable, _cells(each, now))) for each in unhappy[:room]]
    kept = [place for place, column in enumerate(zip(*cells, strict=True)) if any(column)]
    wide = widths([HEAD, *cells], WIDEST, LEAST, columns, kept)
    shown: list[Line] = [row(HEAD, wide, [DIM] * len(HEAD), RIGHT)]
    shown += [row(line, wide, STYLES, RIGHT) for line in cells]
    if total > len(cells):
        shown.append([(f"and {total - len(cells):,} more", DIM)])
    return shown


def _cells(row: Row, now: datetime) -> tuple[str, ...]:
    more = row["open"] > HELD_EACH
    return (
        str(row["id"]),
        row["tenant"],
        row["name"] or "",
        host(row["url"]),
        "; ".join(_state(row, now)),
        _last(row, now),
        f"{HELD_EACH:,}+" if more else f"{row['open']:,}",
    )


def _state(row: Row, now: datetime) -> Iterator[str]:
    if row["state"] != "active":
        yield f"{row['state']}: {row['state_reason']}" if row["state_reason"] else row["state"]
    elif row["hindered"]:
        yield "sent nothing"
    elif row["parked_until"] is not None:
        yield f"parked {span((row['parked_until'] - now).total_seconds())}"
    if row["state"] == "active" and row["failing_since"] is not None:
        yield f"fails {span((now - row['failing_since']).total_seconds())}"


def _last(row: Row, now: datetime) -> str:
    """What the last attempt came to, unless the state says it already, and how long ago."""
    if row["last_at"] is None:
        return ""
    said = row["last_reason"] or row["last_status"] or ""
    ago = span((now - row["last_at"]).total_seconds())
    return ago if said == row["state_reason"] else f"{said} {ago}".strip()
