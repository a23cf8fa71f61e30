"""One line of `dispatcher check`."""

from dataclasses import dataclass
from enum import StrEnum


class Grade(StrEnum):
    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was looked at, what was found, and what to do about it."""

    name: str
    grade: Grade
    found: str
    remedy: str | None = None

    @property
    def sentence(self) -> str:
        return f"{self.found}; {self.remedy}" if self.remedy else self.found


def ok(name: str, found: str) -> Finding:
    return Finding(name, Grade.OK, found)


def warning(name: str, found: str, remedy: str | None = None) -> Finding:
    return Finding(name, Grade.WARNING, found, remedy)


def failed(name: str, found: str, remedy: str | None = None) -> Finding:
    return Finding(name, Grade.FAILED, found, remedy)


def skipped(name: str, found: str) -> Finding:
    return Finding(name, Grade.SKIPPED, found)
