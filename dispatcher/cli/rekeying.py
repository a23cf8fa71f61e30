"""What `dispatcher rekey` does and prints."""

import asyncio
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import orjson
import typer

from dispatcher.cli.database import reachable, upkeep_session
from dispatcher.config import Settings, load
from dispatcher.daemon import values
from dispatcher.errors import ConfigError
from dispatcher.pipeline.seal import nonce
from dispatcher.policy.sealing import PREFIX, Keyring, SealedShut, kid_of
from dispatcher.policy.wrapping import Secrets, sealed
from dispatcher.store.secrets import Stored, Written, look_through, read, rewrite
from dispatcher.store.session import Session

UNSET = (
    "secrets.keys_file is not set; make a file of keys, such as: "
    '(umask 077; echo "k1:$(head -c 32 /dev/urandom | base64)" > /etc/dispatcher/keys), let the daemon '
    "read it, and set DISPATCHER_SECRETS__KEYS_FILE, or keys_file in section [secrets], for the daemon, too"
)
POINTLESS = "database.dsn is embedded, a database that is empty when this command begins; rekey one that is kept"
WARNED = (
    "a running dispatcher that has not been reloaded since key {key} was put into its keys file {would} them nothing"
)
SLICE = 300
TRIES, PAUSE_S = 6, 0.5
"""For rows that somebody is changing: most changes are over at once, a transaction left open is not."""


@dataclass(slots=True)
class Rekeyed:
    """What was sealed, or would be: endpoints, and their values by what they were. `failed` and `in_use` stay."""

    active: str
    endpoints: int = 0
    plain: int = 0
    former: Counter[str] = field(default_factory=Counter)
    failed: dict[int, str] = field(default_factory=dict)
    in_use: list[int] = field(default_factory=list)

    def note(self, stored: Stored) -> None:
        self.endpoints += 1
        for value in stored.secrets.values():
            key_id = kid_of(value)
            if key_id is None:
                self.plain += 1
            elif key_id != self.active:
                self.former[key_id] += 1

    def facts(self) -> dict[str, object]:
        failed = [{"endpoint_id": endpoint_id, "note": note} for endpoint_id, note in self.failed.items()]
        values = {"plain": self.plain, "former": dict(self.former)}
        return {
            "active": self.active,
            "endpoints": self.endpoints,
            "values": values,
            "failed": failed,
            "in_use": self.in_use,
        }


def rekey(config: Path | None, *, dry_run: bool, as_json: bool) -> None:
    """Seal anew what the configured database keeps secret, and print it; exits with 1 where something stays.

    Raises `ConfigError`, `DatabaseAway` and `SchemaError`.
    """
    settings = load(config, os.environ)
    keyring = values.keyring(settings)
    if keyring is None:
        raise ConfigError(UNSET)
    if settings.database.dsn == "embedded":
        raise ConfigError(POINTLESS)
    with reachable(settings) as database:
        rekeyed = asyncio.run(_rekey(database, keyring, dry_run=dry_run))
    if as_json:
        typer.echo(orjson.dumps({"dry_run": dry_run, **rekeyed.facts()}))
    else:
        _show(rekeyed, "would be " if dry_run else "")
    if rekeyed.failed or rekeyed.in_use:
        raise typer.Exit(1)


async def _rekey(settings: Settings, keyring: Keyring, *, dry_run: bool) -> Rekeyed:
    async with upkeep_session(settings, "rekey") as session:
        work = Rekeying(session, keyring, dry_run=dry_run)
        await work.all()
        return work.done


class Rekeying:
    def __init__(self, session: Session, keyring: Keyring, *, dry_run: bool) -> None:
        self._session = session
        self._keyring = keyring
        self._dry_run = dry_run
        self.done = Rekeyed(keyring.active)

    async def all(self) -> None:
        """Every endpoint, a slice at a time; those that others were at, again, for a few seconds."""
        prefix = f"{PREFIX}{self._keyring.active}:"
        left: list[int] = []
        after: int | None = 0
        while after is not None:
            after, found = await look_through(self._session, after, SLICE, prefix)
            left += await self._slice(found)
        for _ in range(TRIES):
            if not left:
                return
            await asyncio.sleep(PAUSE_S)
            left = await self._slice(await read(self._session, left))
        self.done.in_use = left

    async def _slice(self, found: Sequence[Stored]) -> list[int]:
        """Returns those that are not sealed yet, because somebody else was at them."""
        pairs = [
            (stored, new) for stored in found if (new := self._sealed(stored)) is not None and new != stored.secrets
        ]
        written = Written({stored.endpoint_id for stored, _ in pairs})
        if not self._dry_run:
            written = await rewrite(self._session, pairs)
        self.done.failed |= written.refused
        for stored, _ in pairs:
            if stored.endpoint_id in written.done:
                self.done.note(stored)
        return [each.endpoint_id for each, _ in pairs if each.endpoint_id not in written.done | written.refused.keys()]

    def _sealed(self, stored: Stored) -> Secrets | None:
        try:
            return sealed(stored.secrets, self._keyring, nonce, former=True)
        except SealedShut as error:
            self.done.failed[stored.endpoint_id] = str(error)
            return None


def _show(rekeyed: Rekeyed, would: str) -> None:
    if rekeyed.endpoints:
        counted = Counter({"stored as they were": rekeyed.plain})
        counted.update({f"sealed with key {key_id}": count for key_id, count in sorted(rekeyed.former.items())})
        were = ", ".join(f"{count} {how}" for how, count in counted.items() if count)
        endpoints = f"{rekeyed.endpoints} endpoint{'s' * (rekeyed.endpoints != 1)}"
        typer.echo(f"{would}sealed with key {rekeyed.active}: values of {endpoints}, {were}")
        typer.echo(WARNED.format(would="would send" if would else "sends", key=rekeyed.active))
    for endpoint_id, note in rekeyed.failed.items():
        typer.echo(f"endpoint {endpoint_id} stays as it is: {note}")
    for endpoint_id in rekeyed.in_use:
        typer.echo(f"endpoint {endpoint_id} is being changed; run dispatcher rekey again when that is over")
    if not (rekeyed.endpoints or rekeyed.failed or rekeyed.in_use):
        typer.echo(f"all is sealed with key {rekeyed.active}")
