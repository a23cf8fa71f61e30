"""Settings as they were typed, with what is secret read from where it is."""

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import typer

LARGEST = 65_536
GENERATE = "generate"


@dataclass(frozen=True, slots=True)
class Given:
    """What the options of create and update say; None is what they do not."""

    url: str | None = None
    types: Sequence[str] | None = None
    tenant: str | None = None
    name: str | None = None
    profile: str | None = None
    secret: str | None = field(default=None, repr=False)
    api_key: str | None = field(default=None, repr=False)
    header: Sequence[str] | None = field(default=None, repr=False)
    timeout_s: float | None = None
    max_in_flight: float | None = None
    max_attempts: float | None = None
    rate_limit: float | None = None
    ordered: bool | None = None
    filter: str | None = None
    unset: Sequence[str] = ()

    @property
    def makes_key(self) -> bool:
        return self.api_key == GENERATE

    def settings(self) -> dict[str, Any]:
        """By name, as the schema takes them. Raises `typer.BadParameter`; reads stdin and files."""
        self._refuse_reading_twice()
        made: dict[str, Any] = {
            "url": self.url,
            "types": self.types and patterns(self.types),
            "tenant": self.tenant,
            "name": self.name,
            "profile": self.profile,
            "secret": None if self.secret is None else _secret("--secret", self.secret),
            "api_key": None if self.api_key is None or self.makes_key else _secret("--api-key", self.api_key),
            "headers": None if not self.header else _headers(self.header),
            **{name: getattr(self, name) for name in ("timeout_s", "max_in_flight", "max_attempts", "rate_limit")},
            "ordered": self.ordered,
            "filter": self.filter,
        }
        given = {name: value for name, value in made.items() if value is not None}
        return given | self._taken_away(given)

    def _taken_away(self, given: Mapping[str, Any]) -> dict[str, None]:
        names = [name.replace("-", "_") for name in self.unset]
        for name in names:
            if name in given or (name == "api_key" and self.makes_key):
                raise typer.BadParameter(f"{name} is given, too: one or the other", param_hint="--unset")
        return dict.fromkeys(names)

    def _refuse_reading_twice(self) -> None:
        if [self.secret, self.api_key, *(self.header or ())].count("-") > 1:
            raise typer.BadParameter("- is given twice, and stdin is read once: use @FILE for one of them")


def patterns(typed: Iterable[str]) -> list[str]:
    return [each.strip() for text in typed for each in text.split(",")]


def _secret(option: str, typed: str) -> str:
    if typed != "-" and not typed.startswith("@"):
        _refuse(option, "typed like this, everybody on this machine could read it (ps): use - for stdin, or @FILE")
    return read(option, typed).rstrip("\r\n")


def read(option: str, typed: str) -> str:
    """What stdin (-) or a file (@FILE) holds. Raises `typer.BadParameter`."""
    try:
        if typed == "-":
            found = sys.stdin.buffer.read(LARGEST + 1)
        else:
            with Path(typed[1:]).open("rb") as file:
                found = file.read(LARGEST + 1)
        if len(found) > LARGEST:
            _refuse(option, f"{typed[1:] or 'stdin'}: longer than {LARGEST:,} bytes")
        return found.decode()
    except UnicodeDecodeError:
        _refuse(option, f"{typed[1:] or 'stdin'}: it is not UTF-8")
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "no path"
        _refuse(option, f"{typed[1:]}: {why}; after @ comes a file that can be read")


def _headers(typed: Sequence[str]) -> dict[str, str]:
    made: dict[str, str] = {}
    for line in _lines(typed):
        name, colon, value = line.partition(":")
        if not colon or not name.strip():
            _refuse("--header", "write it 'Name: value'")
        if name.strip().lower() in map(str.lower, made):
            _refuse("--header", f"{name.strip()} is given twice")
        made[name.strip()] = value.strip()
    return made


def _lines(typed: Sequence[str]) -> Iterator[str]:
    for text in typed:
        if text == "-" or text.startswith("@"):
            yield from (line for line in read("--header", text).splitlines() if line.strip())
        else:
            yield text


def _refuse(option: str, why: str) -> NoReturn:
    raise typer.BadParameter(why, param_hint=option)
