"""A Postgres of the test's own, to be stopped, killed, paused and started again on the same data and socket."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from dispatcher.embedded.binaries import Account, environment, find, identity
from dispatcher.embedded.server import INITDB
from tests.support.eventually import eventually
from tests.support.postgres import Cluster, Database
from tests.support.processes import alive, family

OPTIONS = {
    "listen_addresses": "",
    # What it has answered must be there after a crash of its own, not after one of the machine.
    "fsync": "off",
    "synchronous_commit": "on",
    "max_connections": "40",
    "max_prepared_transactions": "5",
}
LARGEST_UNCHANGED = 100
"""postgresql.auto.conf has a comment of two lines as long as nobody has said ALTER SYSTEM."""
SMART, FAST, IMMEDIATE, KILL = signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGKILL


class Server:
    """`start` returns when it takes connections, `stop` when all its processes are gone. It dies with the test's."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = folder / "data"
        self._account = Account.choose()
        self._process: subprocess.Popen[bytes] | None = None
        self._paused: set[int] = set()

    def __repr__(self) -> str:
        return f"<Server {self.folder} {'runs' if self.runs else 'is stopped'}>"

    def make(self, *, replica_of: "Server | None" = None) -> None:
        self.folder.chmod(0o755)
        if self._account is not None:
            os.chown(self.folder, self._account.uid, self._account.gid)
        self._binaries = find(self._account, self.folder / "binaries")
        if replica_of is None:
            self._run("initdb", *INITDB)
        else:
            self._run("pg_basebackup", "-h", replica_of.folder, "-U", "postgres", "-R", "-c", "fast")

    def promote(self) -> None:
        self._run("pg_ctl", "promote")

    def _run(self, tool: str, *words: object) -> None:
        command = [self._binaries / tool, "-D", self.data, *words]
        done = subprocess.run(command, capture_output=True, check=False, **self._manner)
        assert done.returncode == 0, done.stderr.decode()

    @property
    def _manner(self) -> dict:
        return {"cwd": "/", "env": environment(), "stdin": subprocess.DEVNULL, **identity(self._account)}

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def runs(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def said(self, since: int = 0) -> str:
        return (self.folder / "log").read_bytes()[since:].decode(errors="replace")

    async def start(self, *, until: str = "system is ready to accept", **options: str) -> None:
        assert not self.runs
        given = OPTIONS | {"unix_socket_directories": str(self.folder)} | options
        settings = [word for name, value in given.items() for word in ("-c", f"{name}={value}")]
        said = self._spawn(settings)
        await eventually(lambda: until in self.said(since=said), 30)

    def _spawn(self, settings: list[str]) -> int:
        """Returns how much the log had before."""
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "INT", self._binaries / "postgres", "-D", self.data, *settings],
                stdout=log, stderr=log, **self._manner,
            )  # fmt: skip
            return log.tell()

    async def stop(self, how: int = FAST) -> None:
        processes = family(self.pid)
        self.signal(how)
        await self.ended(processes)

    async def ended(self, processes: set[int]) -> None:
        """A killed postmaster's children live on for a moment."""
        await eventually(lambda: not self.runs and not alive(processes), 30)

    def signal(self, how: int) -> None:
        os.kill(self.pid, how)

    async def restart(self, how: int = FAST) -> None:
        await self.stop(how)
        await self.start()

    async def mend(self) -> None:
        """Whatever a test has done to it, it runs again as it was made."""
        self.go_on()
        auto, standby = self.data / "postgresql.auto.conf", self.data / "standby.signal"
        bent = standby.exists() or auto.stat().st_size > LARGEST_UNCHANGED
        standby.unlink(missing_ok=True)
        if bent:
            auto.write_text("")
        if bent and self.runs:
            await self.stop(IMMEDIATE)
        if not self.runs:
            await self.start()

    def pause(self, *, postmaster: bool = False) -> None:
        """Stop the backends, those of clients and its own, in their tracks; nothing is closed."""
        self._paused = family(self.pid) - (set() if postmaster else {self.pid})
        for pid in self._paused:
            os.kill(pid, signal.SIGSTOP)

    def go_on(self) -> None:
        for pid in alive(self._paused):
            os.kill(pid, signal.SIGCONT)
        self._paused = set()


@asynccontextmanager
async def serving(*, replica_of: Server | None = None, **options: str) -> AsyncIterator[Cluster]:
    server = Server(Path(tempfile.mkdtemp(prefix="faults-", dir="/tmp")))
    try:
        server.make(replica_of=replica_of)
        await server.start(**options)
        yield Cluster(server, Database(str(server.folder), "postgres"))
    finally:
        server.go_on()
        if server.runs:
            await server.stop(IMMEDIATE)
        shutil.rmtree(server.folder, ignore_errors=True)
