"""What was typed: a new replay, or something to do with one that is there."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NoReturn

import typer

from dispatcher.cli.instants import Instant
from dispatcher.store.replays import Wanted

LARGEST_ID = 2**63 - 1
INSTEAD = "give --endpoint and --since, or --resume, --end or --list"


@dataclass(frozen=True, slots=True)
class Asked:
    """The options of a new one, as they were given."""

    endpoint_id: int | None = None
    since: Instant | None = None
    until: Instant | None = None
    types: tuple[str, ...] = ()
    only_dead: bool = False
    dry_run: bool = False

    def wanted(self, now: datetime) -> Wanted:
        """`now` is the database's clock. Raises `typer.BadParameter` where something is missing."""
        if self.endpoint_id is None:
            _refuse("--endpoint", f"it is missing: {INSTEAD}")
        if self.since is None:
            _refuse("--since", f"it is missing: {INSTEAD}")
        until = now if self.until is None else min(self.until.at(now), now)
        return Wanted(self.endpoint_id, self.since.at(now), until, self.types or ("*",), self.only_dead)


@dataclass(frozen=True, slots=True)
class Turn:
    """One that was begun before, by its id; or a look at all of them."""

    resume: int | None = None
    end: int | None = None
    show_list: bool = False


def refuse_contradiction(asked: Asked, turn: Turn) -> None:
    """Refuse a command line that asks for two things at once, or cannot be asked. Raises `typer.BadParameter`."""
    for option, given_id in (("--endpoint", asked.endpoint_id), ("--resume", turn.resume), ("--end", turn.end)):
        if given_id is not None and given_id > LARGEST_ID:
            _refuse(option, f"{given_id} is no id: they end at {LARGEST_ID}")
    if not all(each.isprintable() for each in asked.types):
        _refuse("--type", "a pattern is words of A-Z a-z 0-9 _ - joined by dots, such as order.*")
    given = {"--resume": turn.resume is not None, "--end": turn.end is not None, "--list": turn.show_list}
    chosen = [name for name, is_given in given.items() if is_given]
    if not chosen:
        asked.wanted(datetime.now(UTC))  # which says what is missing, before anybody connects
        return
    if len(chosen) > 1 or asked != Asked():
        _refuse(chosen[0], "it stands alone: which endpoint and events is known from when the replay was begun")


def _refuse(option: str, why: str) -> NoReturn:
    raise typer.BadParameter(why, param_hint=option)
