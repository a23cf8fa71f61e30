"""One server: made, started, waited for, ended."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import BinaryIO, NamedTuple, Self

from dispatcher.embedded import supervisor
from dispatcher.embedded.binaries import Account, EmbeddedUnavailable, environment, find, version

READY = "database system is ready to accept connections"
START_S = 300.0
"""Crash recovery of kept data can be long; a server that cannot start ends by itself, long before."""
STOP_S = 60.0
LONGEST_FOLDER = 80
SHORT_FOLDER = "/tmp"  # noqa: S108 mkdtemp makes a folder in there that is ours alone
"""A socket's path has at most 107 bytes, its own name in there about 20."""

ROLE = "create role dispatcher login;\ncreate database dispatcher owner dispatcher;\n"
FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "max_wal_size": "4GB"}


MADE = "dispatcher.made"
"""In the data: the first start went well, role and database are there."""
INITDB = ("-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "-N")
LONGEST_LOG = 1 << 20
IN_USE = (
    "{folder} is in use by another server; if that is a dispatcher's, its log says the dsn (database.embedded): set "
    "DISPATCHER_DATABASE__DSN to it; else stop that one, or use another folder"
)


class Step(NamedTuple):
    command: list[str]
    say: str = ""


class EmbeddedPostgres:
    """A Postgres of our own while the context lasts, reached by a Unix socket only.

    `data` None: in a temporary folder, removed at the end; else kept there. `fast` gives up durability, for tests and
    demonstrations. Raises `EmbeddedUnavailable`. `dsn` is an ordinary role that owns its database; `superuser_dsn` is
    not for the product.
    """

    def __init__(self, data: Path | None = None, *, fast: bool = False) -> None:
        self._kept = data.absolute() if data is not None else None
        self._fast = fast
        self._account: Account | None = None
        self._supervisor: subprocess.Popen[bytes] | None = None
        self._log: BinaryIO | None = None
        self.folder = Path()
        self.binaries = Path()

    def __repr__(self) -> str:
        return f"<EmbeddedPostgres {self.data}>"

    @property
    def data(self) -> Path:
        return self._kept or self.folder / "data"

    @property
    def dsn(self) -> str:
        return f"postgresql://dispatcher@/dispatcher?host={self.folder}&port=5432"

    @property
    def superuser_dsn(self) -> str:
        return f"postgresql://postgres@/postgres?host={self.folder}&port=5432"

    def __enter__(self) -> Self:
        self._account = Account.choose()
        self.folder = Path(tempfile.mkdtemp(prefix="dispatcher-", dir=_room(self._account)))
        try:
            self._give(self.folder)
            self._supervise()
            self.binaries = find(self._account, self.folder / "binaries")
            self._start(self._making())
            self._wait()
            (self.data / MADE).touch()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._supervisor is not None and self._supervisor.stdin is not None:
            self._supervisor.stdin.close()
            self._supervisor.wait(STOP_S)
        if self._log is not None:
            self._log.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _give(self, folder: Path) -> None:
        if self._account is not None:
            os.chown(folder, self._account.uid, self._account.gid)

    def _supervise(self) -> None:
        """From here on somebody removes the folder, whatever happens to us."""
        self._log = (self.folder / "log").open("w+b")
        self._supervisor = subprocess.Popen(
            [sys.executable, "-I", "-S", supervisor.__file__, str(self.folder)],
            stdin=subprocess.PIPE,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            env=environment(),
            start_new_session=True,
        )

    def _making(self) -> list[Step]:
        """What is left to do before there is a database: nothing, if it was kept."""
        marker = self.data / "PG_VERSION"
        try:
            if not marker.exists():
                self._make_room()
            elif (made_by := marker.read_text().strip()) != (ours := version(self.binaries, self._account)):
                raise EmbeddedUnavailable(
                    f"{self.data} was made by Postgres {made_by}, here is {ours}; set PGBIN or use another folder"
                )
            elif (self.data / MADE).exists():
                return []
        except OSError as error:
            raise EmbeddedUnavailable(f"{self.data}: {error.strerror}; use another folder") from None
        initdb = [self._tool("initdb"), "-D", str(self.data), *INITDB]
        return [
            *([] if marker.exists() else [Step(initdb)]),
            # Also where a first start was cut short before this; what is there already is an error that stops nothing.
            Step([self._tool("postgres"), "--single", "-D", str(self.data), "postgres"], ROLE),
        ]

    def _make_room(self) -> None:
        self.data.mkdir(parents=True, exist_ok=True, mode=0o700)
        if any(self.data.iterdir()):
            raise EmbeddedUnavailable(f"{self.data} is not empty and holds no Postgres; use another folder")
        self._give(self.data)

    def _tool(self, name: str) -> str:
        return str(self.binaries / name)

    def _start(self, steps: list[Step]) -> None:
        options = {
            "unix_socket_directories": str(self.folder),
            # Nobody else reaches the socket: its folder is 0700 too. Root passes both.
            "unix_socket_permissions": "0700",
            "listen_addresses": "",
            "max_connections": "200",
            **(FAST if self._fast else {}),
        }
        account = self._account or Account(-1, -1)
        settings = (word for name, value in options.items() for word in ("-c", f"{name}={value}"))
        job = {
            "uid": account.uid,
            "gid": account.gid,
            "steps": [step._asdict() for step in steps],
            "server": [self._tool("postgres"), "-D", str(self.data), *settings],
        }
        if self._supervisor is not None and self._supervisor.stdin is not None:
            self._supervisor.stdin.write(json.dumps(job).encode() + b"\n")
            self._supervisor.stdin.flush()

    @property
    def _said(self) -> str:
        """The log so far; from the open file, since a supervisor that has ended has removed the folder."""
        if self._log is None:
            return ""
        return os.pread(self._log.fileno(), LONGEST_LOG, 0).decode(errors="replace")

    def _wait(self) -> None:
        until = time.monotonic() + START_S
        while READY not in (said := self._said):
            if self._supervisor is not None and self._supervisor.poll() is not None:
                if "postmaster.pid" in self._said:
                    raise EmbeddedUnavailable(IN_USE.format(folder=self.data))
                raise EmbeddedUnavailable(f"Postgres did not start on {self.data}: {_reason(self._said)}")
            if time.monotonic() > until:
                raise EmbeddedUnavailable(
                    f"Postgres on {self.data} is not ready after {START_S:.0f} s: {_reason(said)}"
                )
            time.sleep(0.01)


def _room(account: Account | None) -> str:
    """The temporary folder, unless a socket's path would be too long in there, or its account could not enter it."""
    given = Path(tempfile.gettempdir())
    enters = account is None or all(folder.stat().st_mode & 0o001 for folder in (given, *given.parents))
    return str(given) if enters and len(str(given)) < LONGEST_FOLDER else SHORT_FOLDER


def _reason(said: str) -> str:
    """The line that says why, of all that the tools said."""
    lines = [line.strip() for line in said.splitlines() if line.strip()] or ["it said nothing"]
    return next((line for line in lines if re.search(r"error:|ERROR:|FATAL:|PANIC:", line)), lines[-1])[:300]
