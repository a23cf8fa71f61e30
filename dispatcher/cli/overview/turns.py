"""Once, or every two seconds until told to stop."""

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path

import orjson
import typer
from rich.console import Console
from rich.live import Live
from rich.text import Text

from dispatcher.cli import database
from dispatcher.cli.overview.judge import Judged, judge
from dispatcher.cli.overview.keys import keyed
from dispatcher.cli.overview.lines import lines
from dispatcher.cli.overview.local import Local, here
from dispatcher.cli.screen import Screen, put_together
from dispatcher.config import load
from dispatcher.store.report import Reporter
from dispatcher.store.session import Login

EVERY_S = 2.0
PLAIN_ROWS, PLAIN_COLUMNS = 60, 160
"""Where there is no screen to fill."""

Turn = Callable[[Judged, list[Local]], None]


def show(config: Path | None, *, watch: bool, as_json: bool) -> None:
    """Raises `ConfigError` for a configuration that names no database to ask; exits with 1 unless all is well."""
    login = database.login(load(config, os.environ))
    stopping = asyncio.Event()
    screen = Screen(gone=stopping.set)
    turn = _json(login, screen) if as_json else _text(login, screen, pauses=watch)
    if not watch:
        judged = asyncio.run(_once(login, turn))
        if not judged.situation.is_well:
            raise typer.Exit(1)
    elif not as_json and screen.is_terminal:
        _redraw(login, stopping)
    else:
        asyncio.run(_again(login, turn, stopping))


async def _once(login: Login, turn: Turn) -> Judged:
    reporter = Reporter(login)
    try:
        judged = judge(await reporter.report())
    finally:
        await reporter.close()
    turn(judged, here(os.environ))
    return judged


async def _again(login: Login, turn: Turn, stopping: asyncio.Event) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    reporter = Reporter(login)
    async with asyncio.TaskGroup() as tasks:
        turning = tasks.create_task(_keep(reporter, turn))
        await stopping.wait()
        turning.cancel()
    await reporter.close()


async def _keep(reporter: Reporter, turn: Turn) -> None:
    while True:
        turn(judge(await reporter.report()), here(os.environ))
        await asyncio.sleep(EVERY_S)


def _json(login: Login, screen: Screen) -> Turn:
    def turn(judged: Judged, local: list[Local]) -> None:
        screen.raw(orjson.dumps(keyed(judged, local, login.shown), option=orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z))

    return turn


def _text(login: Login, screen: Screen, *, pauses: bool) -> Turn:
    """A screenful on a terminal; elsewhere all there is."""

    def turn(judged: Judged, local: list[Local]) -> None:
        size = (screen.rows - 1, screen.columns) if screen.is_terminal else (PLAIN_ROWS, PLAIN_COLUMNS)
        shown = lines(judged, local, login.shown, *size)
        if pauses:
            shown.append([""])
        for line in shown:
            screen.line(*line)

    return turn


def _redraw(login: Login, stopping: asyncio.Event) -> None:
    console = Console(highlight=False, markup=False, emoji=False)
    with Live(console=console, screen=True, auto_refresh=False) as live:

        def turn(judged: Judged, local: list[Local]) -> None:
            made = Text("\n", no_wrap=True, overflow="ellipsis").join(
                put_together(line) for line in lines(judged, local, login.shown, console.height, console.width)
            )
            live.update(made, refresh=True)

        asyncio.run(_again(login, turn, stopping))
