"""What `dispatcher migrate` does and prints."""

import asyncio
import os
from dataclasses import asdict
from pathlib import Path

import orjson
import typer

from dispatcher.cli.database import reachable
from dispatcher.config import load
from dispatcher.errors import ConfigError
from dispatcher.store.migrate import Report, known, migrate, script

POINTLESS = (
    "database.dsn is embedded, a database that is gone when this command ends; to keep one, use embedded:/some/folder "
    "(dispatcher run migrates a private database itself)"
)


def show_script(first: int) -> None:
    last = known()[-1].number
    if first > last:
        raise ConfigError(f"--from is {first}: the last migration is {last:04}")
    typer.echo(script(first), nl=False)


def bring_up_to_date(config: Path | None, *, as_json: bool) -> None:
    """Migrate the configured database and print what was done. Raises what `store.migrate.migrate` raises."""
    settings = load(config, os.environ)
    if settings.database.dsn == "embedded":
        raise ConfigError(POINTLESS)
    with reachable(settings) as database:
        report = asyncio.run(migrate(database.database.dsn, database.database.password_file))
    if as_json:
        typer.echo(orjson.dumps(asdict(report)))
    else:
        _show(report)


def _show(report: Report) -> None:
    for name in report.applied:
        typer.echo(f"applied {name}")
    if not report.applied:
        typer.echo("schema webhooks is up to date")
    if report.granted:
        typer.echo(f"granted {', '.join(report.granted)}")
    if report.left_to_do:
        typer.echo("\nleft to do, in this database:\n")
        made, granted = zip(*(statements.split("\n", 1) for statements in report.left_to_do), strict=True)
        typer.echo("-- by somebody who may create roles:\n" + "\n".join(made))
        typer.echo("-- then by the owner of schema webhooks; dispatcher migrate, once more, does it too:")
        typer.echo("\n".join(granted))
