"""`dispatcher status --watch`: again and again, whatever the database does, until told to stop."""

import asyncio
import fcntl
import json
import os
import signal
import struct
import sys
import termios
from contextlib import asynccontextmanager, suppress

import pytest

from tests.support.daemon import environment
from tests.support.eventually import eventually
from tests.support.sql import subscribe


@asynccontextmanager
async def watching(dsn: str, *words: str, terminal: int | None = None):
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "dispatcher", "status", "--watch", *words, env=environment(dsn) | {"TERM": "xterm"},
        stdin=asyncio.subprocess.DEVNULL, stdout=terminal or asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def ends(process, number: int) -> None:
    process.send_signal(number)
    async with asyncio.timeout(10):
        _, stderr = await process.communicate()
    assert (process.returncode, stderr) == (0, b"")


async def until(process, wanted: str) -> None:
    """Read on until a turn's verdict begins so."""
    async with asyncio.timeout(30):
        while line := await process.stdout.readline():
            if json.loads(line)["verdict"].startswith(wanted):
                return
    raise AssertionError("it ended")


async def test_it_survives_a_database_that_goes_and_comes_back(database, room):
    socket = room / "later"
    async with watching(database.dsn.replace(database.folder, str(socket)), "--json") as process:
        await until(process, "down: the database cannot be reached")
        socket.symlink_to(database.folder)
        await until(process, "down: no dispatcher holds the work")
        await ends(process, signal.SIGTERM)


async def test_its_session_that_is_ended_is_opened_again(database, db):
    async with watching(database.dsn, "--json") as process:
        await until(process, "down: no dispatcher")
        ended = (
            "select count(pg_terminate_backend(pid)) from pg_stat_activity "
            "where application_name = 'dispatcher: status' and datname = current_database()"
        )
        assert await db.fetchval(ended) == 1
        await subscribe(db, "https://a.example.com/hook")
        async with asyncio.timeout(30):
            while json.loads(await process.stdout.readline())["endpoints"]["states"] != {"active": 1}:
                pass
        await ends(process, signal.SIGINT)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_without_a_terminal_it_appends_and_ends_when_told(database, number):
    async with watching(database.dsn) as process:
        async with asyncio.timeout(30):
            while await process.stdout.readline() != b"\n":
                pass
            assert (await process.stdout.readline()).startswith(b"down: no dispatcher holds the work")
        await ends(process, number)


async def test_it_ends_when_nobody_reads_any_more(database):
    async with watching(database.dsn, "--json") as process:
        await until(process, "down")
        process.stdout._transport.close()
        async with asyncio.timeout(15):
            await process.wait()
        assert await process.stderr.read() == b""


async def test_on_a_terminal_it_draws_one_screen_and_gives_the_old_one_back(database, db):
    await db.execute(
        "insert into webhooks.endpoints (url, name, failing_since) "
        "select 'https://host.example.com/' || n, e'\\x1b[2J日本語', now() from generate_series(1, 70) n"
    )
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    os.set_blocking(ours, False)
    seen = bytearray()

    def drawn(wanted: bytes) -> bool:
        with suppress(BlockingIOError):
            seen.extend(os.read(ours, 65536))
        return wanted in seen

    try:
        async with watching(database.dsn, terminal=theirs) as process:
            await eventually(lambda: drawn(b"more"), 30)
            screen = bytes(seen).decode()
            await ends(process, signal.SIGINT)
            await eventually(lambda: drawn(b"\x1b[?1049l"))
    finally:
        os.close(ours)
        os.close(theirs)
    assert "\x1b[?1049h" in screen
    assert "\x1b[2J" not in screen.partition("down:")[2]
    assert "\\x1b[2J" in screen
    assert "and 57 more" in screen, screen
