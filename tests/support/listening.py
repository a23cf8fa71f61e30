"""A running `dispatcher listen`, and something to send it."""

import asyncio
import re
import sys
from contextlib import asynccontextmanager

import aiohttp

from tests.support.daemon import environment

BODY = b'{"type":"order.paid","timestamp":"2024-03-05T10:30:00.000000Z","data":{"order": 42}}'


class Listening:
    """A running `listen`; `text` is what it has printed so far."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.text = ""

    async def until(self, mark: str) -> str:
        """Read on until a line has `mark`; returns that line."""
        async with asyncio.timeout(60):
            while line := (await self.process.stdout.readline()).decode():
                self.text += line
                if mark in line:
                    return line
        raise AssertionError(f"ended before {mark!r}: {self.text}{(await self.process.stderr.read()).decode()}")

    async def is_told_to_end(self) -> int:
        """Ctrl-C; returns the exit code."""
        self.process.send_signal(2)
        async with asyncio.timeout(30):
            self.text += (await self.process.stdout.read()).decode()
            assert await self.process.stderr.read() == b""
            return await self.process.wait()


@asynccontextmanager
async def process(*words: object):
    started = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "dispatcher", "listen", *map(str, words), env=environment(),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, limit=1 << 20,
    )  # fmt: skip
    try:
        yield Listening(started)
    finally:
        if started.returncode is None:
            started.kill()
        await started.wait()


@asynccontextmanager
async def listening(*words: object):
    """A listener on a port of its own choice, ready; and its URL."""
    async with process("--port", 0, *words) as running:
        yield running, re.search(r"http://\S+", await running.until("listening on")).group()


async def post(url: str, headers: dict[str, str] | None = None, body: bytes = BODY) -> int:
    async with aiohttp.ClientSession() as client, client.post(url, data=body, headers=headers) as response:
        return response.status
