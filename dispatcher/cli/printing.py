"""What a command found out, printed: one object for programs, a table or lines for people."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson

from dispatcher.cli.columns import row, widths
from dispatcher.cli.screen import DIM, Line, Screen
from dispatcher.observe.printable import printable

UNBOUNDED = 1_000_000
"""Columns of what is no terminal: nothing is cut."""


@dataclass(frozen=True, slots=True)
class Column:
    """`widest` is a bound on a terminal of any width, `least` what it keeps on the narrowest."""

    head: str
    widest: int
    least: int
    style: str = ""
    is_right: bool = False


@dataclass(frozen=True, slots=True)
class Cell:
    """Text, in a style of its own where it has one."""

    text: str
    style: str = ""


def table(columns: Sequence[Column], rows: Sequence[Sequence[str | Cell]], width: int) -> Iterator[Line]:
    """A head and a line for each row; a column with nothing in it is left out."""
    cells = [[each if isinstance(each, Cell) else Cell(each) for each in line] for line in rows]
    texts = [[printable(cell.text) for cell in line] for line in cells]
    head = [column.head for column in columns]
    kept = [place for place in range(len(columns)) if any(line[place] for line in texts)]
    right = frozenset(place for place, column in enumerate(columns) if column.is_right)
    widest = [column.widest if width < UNBOUNDED else UNBOUNDED for column in columns]
    wide = widths([head, *texts], widest, [column.least for column in columns], width, kept)
    yield row(head, wide, [DIM] * len(columns), right)
    for line, text in zip(cells, texts, strict=True):
        styles = [cell.style or column.style for cell, column in zip(line, columns, strict=True)]
        yield row(text, wide, styles, right)


def width_of(screen: Screen) -> int:
    return screen.columns if screen.is_terminal else UNBOUNDED


def show(screen: Screen, lines: Iterable[Line]) -> None:
    for line in lines:
        screen.line(*_trimmed(line))


def show_json(screen: Screen, made: Mapping[str, Any]) -> None:
    option = orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z
    screen.raw(orjson.dumps(made, default=_plain, option=option))


def _plain(value: object) -> int | float | str:
    """Postgres's numeric, as a number without a fraction that says nothing; its driver's UUID."""
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    raise TypeError(type(value).__name__)


def _trimmed(line: Line) -> Line:
    """Without the spaces that fill up its last columns."""
    kept = list(line)
    while kept:
        text, style = (kept[-1], "") if isinstance(kept[-1], str) else kept[-1]
        if text.rstrip():
            kept[-1] = (text.rstrip(), style)
            break
        kept.pop()
    return kept
