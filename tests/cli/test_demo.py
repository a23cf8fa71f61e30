"""`dispatcher demo`: everything delivered and verified, and nothing left behind, however it ends."""

import asyncio
import json
import os
import re
import shutil
import signal
import sys
import tempfile
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.support.daemon import environment
from tests.support.eventually import eventually
from tests.support.postgres import connected

ELSEWHERE = "postgresql://nobody:hunter2@elsewhere.example.com/nowhere"
SUMMARY = re.compile(r"(\d+) events, (\d+) deliveries: (\d+) delivered, (?:\d+ open, )?(\d+) dead, (\d+) unverified")


@pytest.fixture
def room():
    """The demonstration's TMPDIR: every folder, socket and process of its Postgres has it in its name."""
    folder = Path(tempfile.mkdtemp(prefix="room-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def left(room: Path) -> list[object]:
    """Folders, sockets and processes of a demonstration."""
    found: list[object] = [folder for folder, _, _ in os.walk(room)][1:]  # rglob fails where something goes meanwhile
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes()
        except OSError:
            continue  # ended meanwhile
        if os.fsencode(room) in words:
            found.append(words)
    return found


class Demo:
    """A running demonstration; `text` is what it has printed so far."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.text = ""

    async def until(self, mark: str) -> None:
        """Read on until `mark` was printed."""
        async with asyncio.timeout(60):
            while mark not in self.text:
                line = await self.process.stdout.readline()
                assert line, f"ended before {mark!r}: {self.text}"
                self.text += line.decode()

    async def ends(self) -> int:
        async with asyncio.timeout(60):
            self.text += (await self.process.stdout.read()).decode()
            return await self.process.wait()

    def ctrl_c(self) -> None:
        """As a terminal says it: to the whole group."""
        os.killpg(self.process.pid, signal.SIGINT)


@asynccontextmanager
async def demo(room: Path, *words: str):
    """Started as `dispatcher demo`, with a database configured that is none of its business."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "dispatcher", "demo", *words, env={**environment(ELSEWHERE), "TMPDIR": str(room)},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    try:
        yield Demo(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        await eventually(lambda: not left(room), 30)


async def test_once_delivers_everything_and_says_so(room):
    async with demo(room, "--once") as played:
        assert await played.ends() == 0
        assert not left(room)
        assert await played.process.stderr.read() == b""
    events, deliveries, delivered, dead, unverified = map(int, SUMMARY.search(played.text.splitlines()[-1]).groups())
    assert events == 15
    assert delivered == deliveries > events
    assert dead == unverified == 0


async def test_once_shows_every_attempt_the_failures_too(room):
    async with demo(room, "--once") as played:
        await played.ends()
    for name in ("fine", "slow", "flaky"):
        assert re.search(rf" {name} .*✓ delivered", played.text)
    assert re.search(r" flaky .*↻ retrying +503 .* again in \d", played.text)
    assert "\x1b" not in played.text, "no colours where nobody sees them"


async def test_once_as_json_is_one_object_and_nothing_else(room):
    async with demo(room, "--once", "--json") as played:
        assert await played.ends() == 0
        assert await played.process.stderr.read() == b""
    told = json.loads(played.text)
    assert set(told) == {"events", "deliveries", "delivered", "dead", "unverified"}
    assert told["delivered"] == told["deliveries"] > told["events"] > 0
    assert told["dead"] == told["unverified"] == 0


async def test_as_json_every_line_is_an_object_and_the_last_is_the_sum(room):
    async with demo(room, "--json", "--rate", "20") as played:
        await played.until('"outcome":"delivered"')
        played.ctrl_c()
        assert await played.ends() == 0
    first, *attempts, last = map(json.loads, played.text.splitlines())
    assert first["receivers"] == ["fine", "slow", "flaky"]
    assert any(line["event"] == "attempt.settled" for line in attempts)
    assert set(last) == {"events", "deliveries", "delivered", "dead", "unverified"}


async def test_ctrl_c_ends_it_with_the_sum_and_leaves_nothing(room):
    async with demo(room) as played:
        await played.until("✓ delivered")
        assert len(left(room)) > 2
        played.ctrl_c()
        assert await played.ends() == 0
        assert not left(room)
        assert await played.process.stderr.read() == b""
    _, _, delivered, dead, unverified = map(int, SUMMARY.search(played.text.splitlines()[-1]).groups())
    assert delivered > 0
    assert dead == unverified == 0


async def test_ctrl_c_while_postgres_is_being_made_leaves_nothing(room):
    async with demo(room) as played:
        await eventually(lambda: list(room.glob("*/data/PG_VERSION")), 30)
        played.ctrl_c()
        assert await played.ends() == 0
        assert not left(room)
        assert await played.process.stderr.read() == b""


async def test_kill_9_leaves_nothing(room):
    async with demo(room) as played:
        await played.until("✓ delivered")
        assert len(left(room)) > 2
        played.process.kill()
        await played.ends()
        await eventually(lambda: not left(room), 30)


async def test_it_ends_when_nobody_reads_it_any_more(room):
    async with demo(room, "--rate", "20") as played:
        await played.until("✓ delivered")
        played.process._transport.get_pipe_transport(1).close()
        async with asyncio.timeout(30):
            await played.process.wait()
        assert not left(room)
        assert await played.process.stderr.read() == b""


async def test_what_it_says_to_type_works(room):
    async with demo(room) as played:
        await played.until("✓ delivered")
        folder, role, name = re.search(r"psql -h (\S+) -U (\S+) (\S+)", played.text).groups()
        statement = re.search(r"INSERT INTO webhooks.events .*;", played.text).group()
        async with connected(f"postgresql://{role}@/{name}?host={folder}") as db:
            await db.execute(statement.replace("order.paid", "order.of_my_own"))
        await played.until("order.of_my_own")
        played.ctrl_c()
        assert await played.ends() == 0
