"""What `dispatcher migrate` does and prints."""

import asyncio
import os
from dataclasses import asdict
from pathlib import Path

import orjson
import typer

from dispatcher.cli.database import reachable
from dispatcher.config import Settings, load, load_profiles
from dispatcher.errors import ConfigError
from dispatcher.policy.profiles import Profiles
from dispatcher.store.migrate import Report, known, migrate, script
from dispatcher.store.profiles import mirror
from dispatcher.store.session import Login, Session

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
    profiles = load_profiles(settings)
    with reachable(settings) as database:
        report = asyncio.run(_migrate(database, profiles))
    if as_json:
        typer.echo(orjson.dumps(asdict(report)))
    else:
        _show(report)


async def _migrate(settings: Settings, profiles: Profiles) -> Report:
    database = settings.database
    report = await migrate(database.dsn, database.password_file)
    session = Session(Login(database.dsn, database.password_file), "migrate")
    try:
        # A running dispatcher's own stay: it may have a folder of profiles that we were not told of.
        await mirror(session, profiles, alone=False)
    finally:
        await session.close()
    return report


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
