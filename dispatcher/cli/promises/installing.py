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
from dispatcher.store.profiles import Installed, install_event_types, mirror, unmatched
from dispatcher.store.session import Rows, Session

NAMED = 5


def install(config: Path | None, name: str, *, as_json: bool) -> None:
    """Raises `ConfigError`, `DatabaseAway`, `SchemaError`; `DispatcherError` for a profile without a catalogue."""
    known, screen = read(config), Screen()
    profile = known.named(name)
    if not profile.event_types:
        raise DispatcherError(
            f"profile {name} has no catalogue: {profile.origin} lists no event_types; nothing to install"
        )
    installed, left_out = asyncio.run(_install(known, profile))
    if as_json:
        made = {"profile": name, **asdict(installed), "unmatched": _keyed(left_out)}
        screen.raw(orjson.dumps(made, option=orjson.OPT_APPEND_NEWLINE))
        return
    screen.text(_said(name, installed))
    if left_out:
        screen.text(_left_out(left_out))


async def _install(known: Known, profile: Profile) -> tuple[Installed, Rows]:
    """And, where it is strict, subscriptions of before that it would refuse now."""
    session = Session(login(known.settings), "profile install")
    try:
        await refuse_unmigrated(session)
        installed = await install_event_types(session, profile)
        if not installed.mirrored:
            # As migrate does it: a running dispatcher's own stay.
            await mirror(session, known.profiles, alone=False)
        return installed, await unmatched(session, profile, NAMED) if profile.strict else []
    finally:
        await session.close()


def _said(name: str, installed: Installed) -> str:
    kept = installed.added + installed.changed + installed.unchanged
    return (
        f"{name}: {plural(kept, 'event type')} ({installed.added} added, {installed.changed} changed, "
        f"{installed.removed} removed, {installed.unchanged} unchanged)"
    )


def _left_out(rows: Rows) -> str:
    number = rows[0]["subscriptions"]
    named = ", ".join(f"{row['pattern']} of endpoint {row['endpoint_id']}" for row in rows)
    more = f" and {number - len(rows):,} more" if number > len(rows) else ""
    return (
        f"{plural(number, 'subscription')} from before match{'es' if number == 1 else ''} none of them: {named}{more}"
    )


def _keyed(rows: Rows) -> dict[str, object]:
    first = [{"endpoint_id": row["endpoint_id"], "pattern": row["pattern"]} for row in rows]
    return {"subscriptions": rows[0]["subscriptions"] if rows else 0, "first": first}
