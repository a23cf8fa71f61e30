"""How far a replay is, as a person sees it."""

from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from rich.console import Console

from dispatcher.cli.replaying.progress import Bar, progress_on
from dispatcher.cli.replaying.words import table
from dispatcher.cli.screen import put_together
from dispatcher.store.replays import Preview, Replay, Wanted

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def drawn(columns: int) -> str:
    """The bar at its last turn, with nothing in it that commands a terminal."""
    console = Console(file=StringIO(), width=columns, force_terminal=True, color_system=None)
    times = iter([0.0, 10.0])
    with progress_on(console) as progress:
        bar = Bar(progress, clock=lambda: next(times))
        bar.moved(Preview(1_000_000, 900_000, 0.1))
        bar.moved(Preview(2_500_000, 2_250_000, 0.25))
        console.file.truncate(0)
        progress.refresh()
        shown = console.file.getvalue()
    return shown.rsplit("\x1b[2K", 1)[-1].strip("\r\n\x00 ")


def test_the_bar_says_how_much_how_many_and_how_fast():
    assert " 25% 2,250,000 made of 2,500,000 looked at, 150,000/s " in drawn(90)


@pytest.mark.parametrize("columns", [90, 80, 60, 40])
def test_the_bar_is_one_line_whatever_the_terminal(columns):
    line = drawn(columns)
    assert "25%" in line
    assert "\n" not in line
    assert len(line) <= columns


def replayed(number: int, done: float, finished: float | None, **given: object) -> Replay:
    wanted = Wanted(7, NOW - timedelta(days=2), NOW, **given)
    finished_at = None if finished is None else NOW - timedelta(hours=finished)
    return Replay(number, wanted, 2000, 1000, done, NOW, NOW - timedelta(hours=3), finished_at)


def test_the_list_says_of_each_how_far_it_came():
    there = [
        replayed(3, 0.5, None, types=("order.*", "a"), only_dead=True),
        replayed(2, 0.25, 3),
        replayed(1, 1.0, 3, types=("a", "*")),
    ]
    lines = [put_together(line).plain.rstrip().split(maxsplit=5) for line in table(there, NOW, 200)]
    assert lines[0] == ["replay", "endpoint", "since", "until", "events", "made"]
    assert [line[:5] for line in lines[1:]] == [[str(n), "7", "2026-11-19", "12:00", "12:00"] for n in (3, 2, 1)]
    assert [" ".join(line[5].split()) for line in lines[1:]] == [
        "order.*, a, dead ones 1,000 at 50%, 3 h ago",
        "all types 1,000 ended at 25% 3 h ago",
        "all types 1,000 finished 3 h ago",
    ]


def test_an_empty_list_says_so():
    assert list(table([], NOW, 80)) == [["there are none"]]
