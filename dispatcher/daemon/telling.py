"""Says how the dispatcher stands: to systemd, which also wants a sign of life, and to `dispatcher status`."""

import os
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from datetime import UTC, datetime
from pathlib import Path

import orjson
import structlog

from dispatcher import __version__
from dispatcher.daemon.standing import Standing
from dispatcher.observe.systemd import Systemd

EVERY_S, FOREVER = 1.0, float("inf")
STUCK_S = 300.0
"""Without an answer from the database: above any statement's time limit, and those of a few before it in turn."""
EXTEND_S = 15.0
"""What a stop asks for, again and again: a stop that hangs is ended by the timeout soon after."""

log = structlog.get_logger()

CURRENT: ContextVar[str] = ContextVar("loop", default="")
"""The loop whose step this task is in."""

Step = Callable[[], Awaitable[int | None]]


class Pulse:
    """Which steps are under way, and since when: one that never returns is a loop that no longer turns."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._since: dict[str, float] = {}
        self._said: set[str] = set()
        self.names: set[str] = set()

    def progress(self) -> None:
        """The step we are in goes on: a statement of its own was answered."""
        if (name := CURRENT.get()) in self._since:
            self._since[name] = self._clock()

    def watched(self, name: str, step: Step) -> Step:
        self.names.add(name)

        async def timed() -> int | None:
            CURRENT.set(name)
            self._since[name] = self._clock()
            try:
                return await step()
            finally:
                del self._since[name]

        return timed

    def stuck(self) -> tuple[str, ...]:
        """The loops whose step takes longer than any should; said once for each."""
        now = self._clock()
        found = tuple(name for name, since in self._since.items() if now - since > STUCK_S)
        for name in set(found) - self._said:
            log.error("loop.stuck", loop=name, step_s=round(now - self._since[name]))
        self._said = set(found)
        return found


class Telling:
    """One step tells all who listen. `folder`, where systemd gave us one, gets a `status.json`."""

    def __init__(self, systemd: Systemd, standing: Callable[[], Standing], folder: str | None) -> None:
        self._systemd = systemd
        self._standing = standing
        self._file = Path(folder.partition(":")[0]) / "status.json" if folder else None
        self.every_s = min(EVERY_S, (systemd.watchdog_s or FOREVER) / 3)
        self._told = ""
        self._role = ""
        self._since = ""
        self._is_ready = False

    async def step(self) -> int:
        standing = self._standing()
        if not self._is_ready:
            self._is_ready = True
            self._systemd.ready(str(standing))
        if not standing.stuck:
            self._systemd.watchdog()
        if standing.role == "draining":
            self._systemd.extend(EXTEND_S)
        self._tell(standing)
        return 0

    def _tell(self, standing: Standing) -> None:
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        if standing.role != self._role:
            self._role, self._since = standing.role, now
        if str(standing) != self._told:
            self._told = str(standing)
            self._systemd.status(self._told)
        if self._file is not None:
            facts = {"pid": os.getpid(), "version": __version__, "at": now, "since": self._since, **standing.facts()}
            self._write(self._file, facts)

    def reloading(self) -> None:
        self._systemd.reloading()

    def reloaded(self) -> None:
        self._systemd.ready(self._told)

    def stopping(self) -> None:
        self._systemd.stopping()

    def _write(self, file: Path, facts: dict[str, object]) -> None:
        beside = file.with_suffix(".new")
        try:
            beside.write_bytes(orjson.dumps(facts) + b"\n")
            beside.chmod(0o644)  # an operator's to read, whatever our umask
            beside.rename(file)
        except OSError as error:
            log.warning("status.unwritten", folder=str(file.parent), note=error.strerror)
            self._file = None

    def close(self) -> None:
        """Nobody is to read what is no longer so."""
        if self._file is not None:
            self._file.unlink(missing_ok=True)
