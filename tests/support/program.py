"""Somebody else's program, as a child that speaks line by line."""

import asyncio
import os
import re
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path


class Program:
    """A running one; `lines` is what it has said so far, on stdout and stderr."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.lines: list[str] = []
        self._spoke = asyncio.Event()
        self._ended = False

    async def listen(self) -> None:
        stdout = self.process.stdout
        assert stdout is not None
        async for line in stdout:
            self.lines.append(line.decode(errors="replace").rstrip())
            self._spoke.set()
        self._ended = True
        self._spoke.set()

    async def says(self, pattern: str, within: float = 60.0) -> re.Match[str]:
        """Wait for a line that has it."""
        async with asyncio.timeout(within):
            while True:
                self._spoke.clear()
                for line in self.lines:
                    if found := re.search(pattern, line):
                        return found
                assert not self._ended, f"ended without {pattern!r}: {self.lines}"
                await self._spoke.wait()


@asynccontextmanager
async def program(
    *words: object, cwd: Path, env: Mapping[str, str] | None = None, pass_fds: tuple[int, ...] = ()
) -> AsyncIterator[Program]:
    """Told to end when the block is left, or when the test's own process is gone."""
    process = await asyncio.create_subprocess_exec(
        "setpriv", "--pdeathsig", "TERM", "--", *map(str, words), cwd=cwd, env={**os.environ, **(env or {})},
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        limit=4 << 20, pass_fds=pass_fds,
    )  # fmt: skip
    running = Program(process)
    async with asyncio.TaskGroup() as tasks:
        listening = tasks.create_task(running.listen())
        try:
            yield running
        finally:
            await _end(process)
            await listening


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.send_signal(signal.SIGTERM)
    try:
        async with asyncio.timeout(10):
            await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
