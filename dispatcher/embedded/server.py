"""One server: made, started, waited for, ended."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Self

from dispatcher.embedded import supervisor
from dispatcher.embedded.binaries import Account, EmbeddedUnavailable, environment, find, identity, version

READY = "database system is ready to accept connections"
START_S = 300.0
"""Crash recovery of kept data can be long; a server that cannot start ends by itself, long before."""
STOP_S = 60.0
LONGEST_FOLDER = 80
SHORT_FOLDER = "/tmp"  # noqa: S108 mkdtemp makes a folder in there that is ours alone
"""A socket's path has at most 107 bytes, its own name in there about 20."""

ROLE = "create role dispatcher login;\ncreate database dispatcher owner dispatcher;\n"
FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "max_wal_size": "4GB"}


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
        temporary = tempfile.gettempdir()
        self.folder = Path(
            tempfile.mkdtemp(prefix="dispatcher-", dir=temporary if len(temporary) < LONGEST_FOLDER else SHORT_FOLDER)
        )
        try:
            self._give(self.folder)
            self.binaries = find(self._account, self.folder / "binaries")
            self._make()
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._supervisor is not None and self._supervisor.stdin is not None:
            self._supervisor.stdin.close()
            self._supervisor.wait(STOP_S)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _give(self, folder: Path) -> None:
        if self._account is not None:
            os.chown(folder, self._account.uid, self._account.gid)

    def _make(self) -> None:
        """Make the database cluster, unless it is there."""
        marker = self.data / "PG_VERSION"
        if marker.exists():
            made_by, ours = marker.read_text().strip(), version(self.binaries, self._account)
            if made_by != ours:
                raise EmbeddedUnavailable(
                    f"{self.data} was made by Postgres {made_by}, here is {ours}; set PGBIN or use another folder"
                )
            return
        self.data.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._give(self.data)
        self._run("initdb", "-D", self.data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "-N")
        self._run("postgres", "--single", "-D", self.data, "postgres", say=ROLE)

    def _run(self, tool: str, *arguments: str | Path, say: str = "") -> None:
        done = subprocess.run(
            [self.binaries / tool, *arguments], input=say.encode(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            env=environment(), cwd="/", check=False, **identity(self._account),
        )  # fmt: skip
        if done.returncode:
            raise EmbeddedUnavailable(
                f"{tool} failed for {self.data}: {done.stdout.decode(errors='replace').strip()[-500:]}"
            )

    def _start(self) -> None:
        options = {
            "unix_socket_directories": str(self.folder),
            # Nobody else reaches the socket: its folder is 0700 too. Root passes both.
            "unix_socket_permissions": "0700",
            "listen_addresses": "",
            "max_connections": "200",
            **(FAST if self._fast else {}),
        }
        account = self._account or Account(-1, -1)
        with self._log.open("wb") as log:
            self._supervisor = subprocess.Popen(
                [
                    sys.executable, "-I", "-S", supervisor.__file__, str(account.uid), str(account.gid),
                    str(self.folder), str(self.binaries / "postgres"), "-D", str(self.data),
                    *(word for name, value in options.items() for word in ("-c", f"{name}={value}")),
                ],
                stdin=subprocess.PIPE, stdout=log, stderr=subprocess.STDOUT, env=environment(), start_new_session=True,
            )  # fmt: skip
        self._wait()

    @property
    def _log(self) -> Path:
        return self.folder / "log"

    def _wait(self) -> None:
        until = time.monotonic() + START_S
        while READY not in (said := self._log.read_text(errors="replace") if self._log.exists() else ""):
            if self._supervisor is not None and self._supervisor.poll() is not None:
                if "postmaster.pid" in said:
                    raise EmbeddedUnavailable(
                        f"{self.data} is in use by another server; stop that one, or use another folder"
                    )
                raise EmbeddedUnavailable(f"Postgres did not start on {self.data}: {said.strip()[-500:]}")
            if time.monotonic() > until:
                raise EmbeddedUnavailable(
                    f"Postgres on {self.data} is not ready after {START_S:.0f} s: {said.strip()[-500:]}"
                )
            time.sleep(0.01)
