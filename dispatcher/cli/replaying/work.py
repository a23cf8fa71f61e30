"""The work itself: begin or go on, slice by slice, until it is finished or somebody says stop."""

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
import typer

from dispatcher.cli.database import hand_session
from dispatcher.cli.replaying.asked import Asked, Turn, refuse_contradiction
from dispatcher.cli.replaying.progress import shown
from dispatcher.cli.replaying.words import about, command, ended, goes_on, keyed, keyed_preview, previewed, table
from dispatcher.cli.screen import DIM, Line, Screen
from dispatcher.config import Settings, load
from dispatcher.errors import DatabaseAway, DispatcherError, Refused, StatementFailed
from dispatcher.store.replays import (
    Pace,
    Preview,
    Replay,
    Wanted,
    begin,
    carry_on,
    end,
    listed,
    preview,
    refuse_unready,
)
from dispatcher.store.session import Row, Session

SIGNALS = (signal.SIGINT, signal.SIGTERM)
UNBOUNDED = 10_000


def replay(config: Path | None, asked: Asked, turn: Turn, slice_: int | None, *, as_json: bool) -> None:
    """Do what was asked and print how it ended; exits with 1 where it was stopped before its end.

    Raises `ConfigError`, `SchemaError`, `DatabaseAway`; `DispatcherError` for what is refused.
    """
    refuse_contradiction(asked, turn)
    work = Work(load(config, os.environ), Pace(slice_), as_json=as_json)
    try:
        is_whole = asyncio.run(work.do(asked, turn))
    except Refused as error:
        raise DispatcherError(f"{error.message}: {error.hint}") from None
    if not is_whole:
        raise typer.Exit(1)


class Work:
    def __init__(self, settings: Settings, pace: Pace, *, as_json: bool) -> None:
        self._settings = settings
        self._pace = pace
        self._as_json = as_json
        self._stopping = asyncio.Event()
        self._screen = Screen(gone=self._stopping.set)

    async def do(self, asked: Asked, turn: Turn) -> bool:
        """Returns whether it came to its end."""
        async with hand_session(self._settings, "replay") as session:
            now = await refuse_unready(session)
            with self._told_to_stop():
                if turn.show_list:
                    return await self._list(session, now)
                if turn.end is not None:
                    return self._ended(await end(session, turn.end))
                if turn.resume is not None:
                    return await self._go_on(session, await _one(session, turn.resume))
                if asked.dry_run:
                    return await self._preview(session, asked.wanted(now))
                return await self._go_on(session, await begin(session, asked.wanted(now)))

    async def _list(self, session: Session, now: datetime) -> bool:
        there = await listed(session)
        columns = self._screen.columns if self._screen.is_terminal else UNBOUNDED
        self._print({"data": [keyed(each) for each in there], "next": None})
        self._say(*table(there, now, columns))
        return True

    async def _go_on(self, session: Session, replay: Replay) -> bool:
        self._say(*about(replay.wanted, await _endpoint(session, replay.wanted.endpoint_id)))
        if not replay.is_finished:
            self._say([("replay    ", DIM), f"{replay.id}; Ctrl-C stops it, {command(replay.id)} goes on"])
        with resumable(replay.id), shown(self._screen, as_json=self._as_json) as bar:
            while not (replay.is_finished or self._stopping.is_set()):
                replay = await carry_on(session, replay.id, self._pace)
                bar.moved(replay)
        return self._ended(replay)

    def _ended(self, replay: Replay) -> bool:
        self._print(keyed(replay))
        self._say(*ended(replay))
        return replay.is_finished

    async def _preview(self, session: Session, wanted: Wanted) -> bool:
        self._say(*about(wanted, await _endpoint(session, wanted.endpoint_id)))
        seen, is_whole = Preview(0, 0, 0.0), False
        with shown(self._screen, as_json=self._as_json) as bar:
            async for seen in preview(session, wanted, self._pace):
                bar.moved(seen)
                is_whole = seen.is_whole
                if self._stopping.is_set():
                    break
        self._print(keyed_preview(wanted, seen))
        self._say(previewed(seen))
        return is_whole

    @contextmanager
    def _told_to_stop(self) -> Iterator[None]:
        """At the first signal after the slice in hand, at the second one at once."""
        loop, task = asyncio.get_running_loop(), asyncio.current_task()

        def stop() -> None:
            if self._stopping.is_set() and task is not None:
                task.cancel()
            self._stopping.set()

        for number in SIGNALS:
            loop.add_signal_handler(number, stop)
        try:
            yield
        finally:
            for number in SIGNALS:
                loop.remove_signal_handler(number)

    def _say(self, *lines: Line) -> None:
        if not self._as_json:
            for line in lines:
                self._screen.text(*line)

    def _print(self, keys: dict[str, Any]) -> None:
        if self._as_json:
            self._screen.raw(orjson.dumps(keys, option=orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z))


@contextmanager
def resumable(replay_id: int) -> Iterator[None]:
    """Whatever stands in the way of a slice, what was done is kept, and it is said how to go on."""
    kept = f"what is done is kept; {goes_on(replay_id)}"
    try:
        yield
    except DatabaseAway as error:
        raise DatabaseAway(f"{error}; {kept}") from None
    except Refused as error:
        raise DispatcherError(f"{error.message}: {error.hint}; then {goes_on(replay_id)}") from None
    except StatementFailed as error:
        raise StatementFailed(f"{error}; {kept}") from None
    except asyncio.CancelledError:
        raise DispatcherError(
            f"left in the middle of a slice, which is done as a whole or not at all; {kept}"
        ) from None


async def _one(session: Session, replay_id: int) -> Replay:
    for replay in await listed(session, replay_id):
        return replay
    raise DispatcherError(f"there is no replay {replay_id}: dispatcher replay --list has them")


async def _endpoint(session: Session, endpoint_id: int) -> Row:
    for row in await session.fetch("describe_endpoint", endpoint_id):
        return row
    raise DispatcherError(f"there is no endpoint {endpoint_id}: webhooks.endpoint_status lists them")
