"""What `dispatcher token` does and prints."""

import asyncio
import os
import re
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import orjson
import typer

from dispatcher.cli.columns import row, widths
from dispatcher.cli.database import login, upkeep_session
from dispatcher.cli.screen import BAD, DIM, GOOD, NAME, Line, Screen
from dispatcher.config import load
from dispatcher.errors import ConfigError, DispatcherError
from dispatcher.policy.tokens import Scope
from dispatcher.policy.wording import instant
from dispatcher.store import tokens
from dispatcher.store.session import Row, Session

T = TypeVar("T")

DAYS = re.compile(r"[0-9]{1,5}(\.[0-9]{1,6})?", re.ASCII)
LONGEST_DAYS = 3650
HEAD = ("id", "name", "scope", "tenant", "state", "created", "expires", "last used")
WIDEST, LEAST = (20, 60, 7, 40, 7, 16, 16, 16), (4, 8, 7, 6, 7, 5, 5, 9)
RIGHT = frozenset({0})
UNBOUNDED = 10_000


@dataclass(frozen=True, slots=True)
class Wanted:
    """A token to be made."""

    name: str
    scope: Scope
    tenant: str | None
    lives_s: float | None = None
    until: datetime | None = None


def wanted(name: str, scope: Scope, tenant: str | None, expires: str | None) -> Wanted:
    """What was typed. Raises `ConfigError` for what no token can have."""
    if not 1 <= len(name) <= 200 or not name.isprintable():
        raise ConfigError("NAME has 1 to 200 characters, all of them printable")
    if tenant is not None and (len(tenant.encode("utf-8", "surrogateescape")) > 256 or "\0" in tenant):
        raise ConfigError("--tenant has at most 256 bytes")
    if expires is None:
        return Wanted(name, scope, tenant)
    if DAYS.fullmatch(expires) and 0 < float(expires) <= LONGEST_DAYS:
        return Wanted(name, scope, tenant, lives_s=timedelta(days=float(expires)).total_seconds())
    try:
        until = datetime.fromisoformat(expires)
    except ValueError:
        until = None
    if until is None or until.tzinfo is None or until <= datetime.now(UTC):
        raise ConfigError(
            f"--expires is {expires!r}: it must be a number of days, up to {LONGEST_DAYS}, "
            "or an instant ahead with its offset, such as 2030-11-21T05:00:00Z"
        )
    return Wanted(name, scope, tenant, until=until)


def create(config: Path | None, of: Wanted, *, as_json: bool) -> None:
    """The token goes to stdout, alone on its line, so that it can be piped; what there is to say of it to stderr."""
    made = _with_session(
        config,
        lambda session: tokens.create(session, of.name, of.scope, tenant=of.tenant, lives_s=of.lives_s, until=of.until),
    )
    facts = {"token_id": made.id, "name": of.name, "scope": of.scope, "tenant": of.tenant}
    if not as_json:
        whose = "all tenants" if of.tenant is None else f"tenant {of.tenant!r}"
        ends = f"until {made.expires_at:%Y-%m-%d %H:%M} UTC" if made.expires_at else "until it is revoked"
        typer.echo(f"token {made.id}, scope {of.scope}, {whose}, {ends}; it is not shown again:", err=True)
    try:
        typer.echo(_json({**facts, "expires_at": made.expires_at, "token": made.text}) if as_json else made.text)
    except OSError as error:
        what = f"token {made.id} was made, but could not be written ({error.strerror})"
        raise DispatcherError(f"{what}; take it back: dispatcher token revoke {made.id}") from None


def list_all(config: Path | None, *, as_json: bool) -> None:
    """Those that no longer count, too."""
    rows, screen = _with_session(config, tokens.find), Screen()
    if as_json:
        typer.echo(_json({"data": [_keyed(found) for found in rows], "next": None}))
        return
    if not rows:
        screen.line("there are no tokens; make one: dispatcher token create NAME --scope read")
    for line in _lines(rows, screen.columns if screen.is_terminal else UNBOUNDED) if rows else ():
        screen.line(*line)


def revoke(config: Path | None, token_id: int, *, as_json: bool) -> None:
    """Raises `Missing`."""
    found = _with_session(config, lambda session: tokens.revoke(session, token_id))
    if as_json:
        typer.echo(_json(_keyed(found)))
    else:
        Screen().line(f"token {found['id']} ({found['name']}) is revoked: within a second it counts no more")


def _with_session(config: Path | None, work: Callable[[Session], Awaitable[T]]) -> T:
    """Raises `ConfigError`, `DatabaseAway` and `SchemaError`: tokens are the owner's alone to make and see."""
    settings = load(config, os.environ)
    login(settings)

    async def done() -> T:
        async with upkeep_session(settings, "token") as session:
            return await work(session)

    return asyncio.run(done())


def _keyed(found: Row) -> dict[str, Any]:
    return {"token_id" if name == "id" else name: value for name, value in found.items()}


def _lines(rows: list[Row], columns: int) -> Iterator[Line]:
    now = datetime.now(UTC)
    lines = [HEAD, *(_cells(found, now) for found in rows)]
    wide = widths(lines, WIDEST, LEAST, columns, range(len(HEAD)))
    yield row(HEAD, wide, [DIM] * len(HEAD), RIGHT)
    for found, cells in zip(rows, lines[1:], strict=True):
        state = GOOD if found["state"] == "live" else BAD
        yield row(cells, wide, ("", NAME, "", "", state, DIM, "", ""), RIGHT)


def _cells(found: Row, now: datetime) -> tuple[str, ...]:
    at = {key: instant(found[key], now) if found[key] else "" for key in ("created_at", "expires_at", "last_used_at")}
    tenant = "all" if found["tenant"] is None else repr(found["tenant"])
    return (
        str(found["id"]),
        found["name"],
        found["scope"],
        tenant,
        found["state"],
        at["created_at"],
        at["expires_at"] or "never",
        at["last_used_at"] or "never",
    )


def _json(facts: dict[str, Any]) -> bytes:
    return orjson.dumps(facts, option=orjson.OPT_UTC_Z)
