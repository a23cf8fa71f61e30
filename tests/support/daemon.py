"""`dispatcher run` as a process of its own, as an operator starts it."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

DEVELOPMENT = {
    "DISPATCHER_EGRESS__ALLOW_HTTP": "true",
    "DISPATCHER_EGRESS__ALLOW_NETWORKS": '["127.0.0.0/8"]',
    "DISPATCHER_ENDPOINT__BACKOFF_BASE_S": "0.1",
    "DISPATCHER_LOG__FORMAT": "json",
}


def environment(dsn: str = "", *, plain: bool = False, **settings: object) -> dict[str, str]:
    """Ours without any DISPATCHER_ variable, plus a development set-up, plus `section__key=value`.

    Nobody listens unless told to: the address would be taken by another test's.
    """
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("DISPATCHER_")}
    given = {f"DISPATCHER_{name.upper()}": str(value) for name, value in settings.items()}
    silent = {"DISPATCHER_ADMIN__LISTEN": ""}
    return (
        inherited | silent | ({} if plain else DEVELOPMENT) | ({"DISPATCHER_DATABASE__DSN": dsn} if dsn else {}) | given
    )


class Daemon:
    """A running process; `log` grows as it speaks."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.log: list[dict[str, Any]] = []
        self._spoke = asyncio.Event()

    async def listen(self) -> None:
        stdout = self.process.stdout
        assert stdout is not None
        async for line in stdout:
            self.log.append(json.loads(line))
            self._spoke.set()
        self._spoke.set()

    def said(self, event: str) -> list[dict[str, Any]]:
        return [line for line in self.log if line["event"] == event]

    async def says(self, event: str, within: float = 60.0) -> dict[str, Any]:
        """Wait for that event in the log."""
        try:
            async with asyncio.timeout(within):
                while not (found := self.said(event)):
                    self._spoke.clear()
                    await self._spoke.wait()
        except TimeoutError:
            raise AssertionError(f"no {event} within {within} s in {self.log[-20:]}") from None
        return found[0]

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)

    def reload(self) -> None:
        self.process.send_signal(signal.SIGHUP)

    def terminate(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    async def ends(self, within: float = 60.0) -> int:
        async with asyncio.timeout(within):
            return await self.process.wait()


@asynccontextmanager
async def starting(
    dsn: str, *, under: Sequence[str] = (), arguments: Sequence[str] = (),
    stderr: int | None = asyncio.subprocess.PIPE, plain: bool = False, unset: Sequence[str] = (), **settings: object,
) -> AsyncIterator[Daemon]:  # fmt: skip
    """Not necessarily started yet; killed at the end if it still runs. `under`: the command that starts it.

    `plain`: without the development set-up, which is of variables, and they outweigh a file; `unset`: without these.
    """
    env = {name: value for name, value in environment(dsn, plain=plain, **settings).items() if name not in unset}
    process = await asyncio.create_subprocess_exec(
        *under, sys.executable, "-m", "dispatcher", "run", *arguments, env=env,
        stdout=asyncio.subprocess.PIPE, stderr=stderr, limit=1 << 20,
    )  # fmt: skip
    running = Daemon(process)
    async with asyncio.TaskGroup() as tasks:
        listening = tasks.create_task(running.listen())
        try:
            yield running
        finally:
            if process.returncode is None:
                running.kill()
            await process.wait()
            await listening


@asynccontextmanager
async def daemon(dsn: str, *, under: Sequence[str] = (), **settings: object) -> AsyncIterator[Daemon]:
    """Started, and holding the work."""
    async with starting(dsn, under=under, stderr=None, **settings) as running:
        await running.says("work.taken")
        yield running


def refusal(dsn: str, *, arguments: Sequence[str] = (), **settings: object) -> tuple[int, str]:
    """The exit code of a `run` that does not start, and the one line it said."""
    done = subprocess.run(
        [sys.executable, "-m", "dispatcher", "run", *arguments],
        capture_output=True, text=True, timeout=60, check=False, env=environment(dsn, **settings),
    )  # fmt: skip
    (line,) = done.stderr.splitlines()
    assert line.startswith("dispatcher: ")
    return done.returncode, line.removeprefix("dispatcher: ")
