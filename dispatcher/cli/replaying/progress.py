"""How far it is, while it goes on: a bar on a terminal, a line now and then elsewhere, nothing for programs."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Column

from dispatcher.cli.replaying.words import counted
from dispatcher.cli.screen import DIM, GOOD, Screen
from dispatcher.store.replays import Preview, Replay

EVERY_S = 10.0
SAID = "{task.fields[made]:,} made of {task.fields[looked]:,} looked at, {task.fields[rate]:,.0f}/s"


class Shown(Protocol):
    """Is told after each slice."""

    def moved(self, state: Replay | Preview) -> None: ...


class Silence:
    def moved(self, state: Replay | Preview) -> None:
        pass


class Lines:
    """Sparingly: somebody reads them in a log."""

    def __init__(self, screen: Screen, clock: Callable[[], float] = time.monotonic) -> None:
        self._screen = screen
        self._clock = clock
        self._said_at = clock()

    def moved(self, state: Replay | Preview) -> None:
        now = self._clock()
        if now - self._said_at >= EVERY_S and state.done < 1.0:
            self._said_at = now
            self._screen.line(f"{state.done:.0%}: {counted(state.looked, state.made)}")


class Bar:
    def __init__(self, progress: Progress, clock: Callable[[], float] = time.monotonic) -> None:
        self._progress = progress
        self._clock = clock
        self._began: tuple[float, int] | None = None
        self._task = progress.add_task("", total=1.0, made=0, looked=0, rate=0.0)

    def moved(self, state: Replay | Preview) -> None:
        now = self._clock()
        began_at, looked = self._began = self._began or (now, state.looked)
        took = now - began_at
        rate = (state.looked - looked) / took if took > 0 else 0.0
        self._progress.update(self._task, completed=state.done, made=state.made, looked=state.looked, rate=rate)
        self._progress.refresh()


@contextmanager
def shown(screen: Screen, *, as_json: bool) -> Iterator[Shown]:
    """The bar is gone when the block is left: what follows says how it ended."""
    if as_json:
        yield Silence()
    elif not screen.is_terminal:
        yield Lines(screen)
    else:
        with progress_on(Console(highlight=False)) as progress:
            yield Bar(progress)


def progress_on(console: Console) -> Progress:
    return Progress(*_columns(), console=console, auto_refresh=False, transient=True)


def _columns() -> tuple[BarColumn | TextColumn | TimeRemainingColumn, ...]:
    whole = Column(no_wrap=True)
    return (
        BarColumn(bar_width=20, complete_style=GOOD, finished_style=GOOD),
        TextColumn("{task.percentage:>3.0f}%", table_column=Column(no_wrap=True, min_width=4)),
        TextColumn(SAID, table_column=Column(no_wrap=True, overflow="ellipsis", ratio=1), style=DIM),
        TimeRemainingColumn(compact=True, table_column=whole),
    )
