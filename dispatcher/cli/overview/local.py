"""What the dispatcher on this host last said of itself: it is there when the database is not."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

RUN = Path("/run")
NAME = "status.json"
FRESH_S = 10.0
"""It is written every second or so."""
LARGEST = 65_536


@dataclass(frozen=True, slots=True)
class Local:
    """A status file as found. `said` is what it holds; `is_current` whether its writer lives and goes on writing."""

    path: str
    pid: int
    at: datetime
    said: Mapping[str, Any]
    is_alive: bool
    age_s: float

    @property
    def is_current(self) -> bool:
        return self.is_alive and self.age_s < FRESH_S

    def text(self, key: str) -> str | None:
        value = self.said.get(key)
        return value if isinstance(value, str) else None

    def number(self, key: str) -> int | None:
        value = self.said.get(key)
        return value if isinstance(value, int) and not isinstance(value, bool) else None


def here(environ: Mapping[str, str], run: Path = RUN) -> list[Local]:
    """The dispatchers of this host, as their files tell; whatever is no such file is passed over."""
    found = [local for path in _paths(environ, run) if (local := _read(path))]
    return sorted(found, key=lambda local: not local.is_current)


def _paths(environ: Mapping[str, str], run: Path) -> Iterator[Path]:
    """That of our own unit if there is one, else that of the usual one, else those of its instances."""
    named = [Path(folder) / NAME for folder in environ.get("RUNTIME_DIRECTORY", "").split(":") if folder]
    for path in (*named, run / "dispatcher" / NAME):
        if path.exists():
            yield path
            return
    yield from sorted(run.glob(f"dispatcher-*/{NAME}"))


def _read(path: Path) -> Local | None:
    try:
        with path.open("rb") as file:
            said = orjson.loads(file.read(LARGEST))
        at = datetime.fromisoformat(said["at"])
        pid = int(said["pid"])
        age_s = (datetime.now(UTC) - at).total_seconds()
    except (OSError, ValueError, TypeError, LookupError, ArithmeticError):
        return None
    return Local(str(path), pid, at, said, _is_alive(pid), age_s)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except (OSError, OverflowError):
        return False
    return pid > 0
