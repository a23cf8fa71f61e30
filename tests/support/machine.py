"""A machine with a systemd of its own, for as long as the tests need it: see `boot.sh`."""

import asyncio
import os
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path

from tests.support.eventually import eventually
from tests.support.processes import family

BOOT = Path(__file__).with_name("boot.sh")
SYSTEMD = Path("/lib/systemd/systemd")
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
numbers = count(1)


class NoMachine(Exception):
    """Why there can be none here."""


class Machine:
    """Running. `root` is its root folder, seen from outside; network and clock are ours."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self.root = Path(f"/proc/{pid}/root")

    async def tried(
        self, *command: object, within: float = 60, environ: Mapping[str, str] | None = None
    ) -> tuple[int, str]:
        """Run a command inside, as root; its exit code, and all it said."""
        process = await asyncio.create_subprocess_exec(
            "nsenter", "-t", str(self._pid), "-m", "-u", "-i", "-p", "-C", "--", *map(str, command),
            env={"PATH": PATH, "LC_ALL": "C.UTF-8", "TERM": "dumb", **(environ or {})},
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        async with asyncio.timeout(within):
            said, _ = await process.communicate()
        return process.returncode or 0, said.decode()

    async def run(self, *command: object, within: float = 60, environ: Mapping[str, str] | None = None) -> str:
        """Run a command that has to go well; what it said."""
        code, said = await self.tried(*command, within=within, environ=environ)
        assert code == 0, f"{' '.join(map(str, command))}: exit {code}: {said}"
        return said.strip()

    async def sh(self, script: str, **options: object) -> str:
        return await self.run("sh", "-ec", script, **options)

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        file = self.root / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(mode)


@asynccontextmanager
async def booted(folders: Sequence[Path]) -> AsyncIterator[Machine]:
    """A machine that sees these folders, too. Raises `NoMachine` with the reason."""
    for program in (SYSTEMD, *map(Path, ("/usr/bin/journalctl", "/usr/bin/unshare", "/usr/bin/setpriv"))):
        if not program.exists():
            raise NoMachine(f"{program} is not installed")
    if os.geteuid() != 0:
        raise NoMachine("only root can boot a machine")
    room = Path(tempfile.mkdtemp(prefix="machine-"))
    name = f"dispatcher-test-{os.getpid()}-{next(numbers)}"
    boot = await asyncio.create_subprocess_exec(
        BOOT, name, room, *folders, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    try:
        yield await _up(boot)
    finally:
        assert boot.stdin is not None
        boot.stdin.close()
        await boot.wait()
        shutil.rmtree(room)


async def _up(boot: asyncio.subprocess.Process) -> Machine:
    def pid_1() -> int | None:
        if boot.returncode is not None:
            raise NoMachine("it did not boot")
        return next((pid for pid in family(boot.pid) if _name(pid) == "systemd"), None)

    try:
        machine = Machine(await eventually(pid_1))
    except (NoMachine, AssertionError):
        said = await boot.stdout.read(2000) if boot.stdout and boot.returncode is not None else b"no systemd"
        raise NoMachine(f"it did not boot: {said.decode(errors='replace').strip()}") from None

    async def is_running() -> bool:
        code, said = await machine.tried("systemctl", "is-system-running")
        return code == 0 and said.strip() == "running"

    await eventually(is_running, 30)
    return machine


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""  # ended meanwhile
