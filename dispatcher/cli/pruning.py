"""What `dispatcher prune` does and prints."""

import asyncio
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path

import orjson
import typer

from dispatcher.cli.database import reachable, upkeep_session
from dispatcher.config import Settings, load
from dispatcher.daemon import values
from dispatcher.errors import ConfigError
from dispatcher.store.retention import (
    Day,
    Fate,
    delete_old_rows,
    drop_old_days,
    old_days,
    old_rows,
)

POINTLESS = (
    "database.dsn is embedded, a database that is empty when this command begins; prune one that is kept, "
    "embedded:/some/folder"
)
TRIES, PAUSE_S = 10, 0.5
"""For a day that somebody is at: the statements of a dispatcher are over at once, a report or a dump is not."""


@dataclass(slots=True)
class Pruned:
    """What went, or would go: days, rows by table; and the days that stay, being needed or in use."""

    dropped: list[str] = field(default_factory=list)
    deleted: dict[str, int] = field(default_factory=dict)
    needed: dict[str, str] = field(default_factory=dict)
    in_use: list[str] = field(default_factory=list)

    def note(self, day: Day) -> None:
        match day.fate:
            case Fate.DROPPED:
                self.dropped.append(day.name)
            case Fate.NEEDED:
                self.needed[day.name] = day.why
            case Fate.LOCKED:
                self.in_use.append(day.name)
            case Fate.GONE:
                pass


def prune(config: Path | None, *, dry_run: bool, as_json: bool) -> None:
    """Prune the configured database and print what went; exits with 1 where a day is in use.

    Raises `ConfigError`, `DatabaseAway` and `SchemaError`.
    """
    settings = load(config, os.environ)
    if settings.database.dsn == "embedded":
        raise ConfigError(POINTLESS)
    with reachable(settings) as database:
        pruned = asyncio.run(_preview(database) if dry_run else _prune(database))
    if as_json:
        typer.echo(orjson.dumps({"dry_run": dry_run, **asdict(pruned)}))
    else:
        _show(pruned, "would be " if dry_run else "")
    if pruned.in_use:
        raise typer.Exit(1)


async def _preview(settings: Settings) -> Pruned:
    pruned, keep = Pruned(), values.keep(settings)
    async with upkeep_session(settings, "prune") as session:
        for day in await old_days(session, keep):
            pruned.note(day)
        pruned.deleted = {each.table: each.rows for each in await old_rows(session, keep) if each.rows}
    return pruned


async def _prune(settings: Settings) -> Pruned:
    pruned, keep = Pruned(), values.keep(settings)
    async with upkeep_session(settings, "prune") as session:
        for turn in range(TRIES):
            pruned.in_use, pruned.needed = [], {}
            async for day in drop_old_days(session, keep):
                pruned.note(day)
            if not pruned.in_use or turn == TRIES - 1:
                break
            await asyncio.sleep(PAUSE_S)
        async for piece in delete_old_rows(session, keep):
            if piece.rows:
                pruned.deleted[piece.table] = pruned.deleted.get(piece.table, 0) + piece.rows
    return pruned


def _show(pruned: Pruned, would: str) -> None:
    for name in pruned.dropped:
        typer.echo(f"{would}dropped {name}")
    for table, rows in pruned.deleted.items():
        typer.echo(f"{would}deleted {rows} row{'s' * (rows != 1)} of {table}")
    for name, why in pruned.needed.items():
        typer.echo(f"kept {name}: {why}")
    for name in pruned.in_use:
        typer.echo(f"{name} is in use; run dispatcher prune again when that is over")
    if not (pruned.dropped or pruned.deleted or pruned.needed or pruned.in_use):
        typer.echo("nothing is past its time")
