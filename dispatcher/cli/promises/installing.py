"""`dispatcher profile install`: a catalogue, written where `subscribe` and `ping` look it up."""

import asyncio
from dataclasses import asdict
from pathlib import Path

import orjson

from dispatcher.cli.database import login
from dispatcher.cli.promises.known import Known, read
from dispatcher.cli.screen import Screen
from dispatcher.errors import DispatcherError
from dispatcher.policy.profiles import Profile
from dispatcher.policy.wording import plural
from dispatcher.store.migrate import refuse_unmigrated
from dispatcher.store.profiles import Installed, install_event_types, mirror
from dispatcher.store.session import Session


def install(config: Path | None, name: str, *, as_json: bool) -> None:
    """Raises `ConfigError`, `DatabaseAway`, `SchemaError`; `DispatcherError` for a profile without a catalogue."""
    known, screen = read(config), Screen()
    profile = known.named(name)
    if not profile.event_types:
        raise DispatcherError(
            f"profile {name} has no catalogue: {profile.origin} lists no event_types; nothing to install"
        )
    installed = asyncio.run(_install(known, profile))
    if as_json:
        screen.raw(orjson.dumps({"profile": name, **asdict(installed)}, option=orjson.OPT_APPEND_NEWLINE))
    else:
        screen.text(_said(name, installed))


async def _install(known: Known, profile: Profile) -> Installed:
    session = Session(login(known.settings), "profile install")
    try:
        await refuse_unmigrated(session)
        installed = await install_event_types(session, profile)
        if not installed.mirrored:
            # As migrate does it: a running dispatcher's own stay.
            await mirror(session, known.profiles, alone=False)
        return installed
    finally:
        await session.close()


def _said(name: str, installed: Installed) -> str:
    kept = installed.added + installed.changed + installed.unchanged
    return (
        f"{name}: {plural(kept, 'event type')} ({installed.added} added, {installed.changed} changed, "
        f"{installed.removed} removed, {installed.unchanged} unchanged)"
    )
