"""A session for a command that asks or does one thing: bounded, and with a word on what to grant."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TypeVar

import typer

from dispatcher.cli.database import login
from dispatcher.config import Settings, load
from dispatcher.errors import DatabaseAway, SchemaError, StatementFailed
from dispatcher.store.pooler import refuse_pooler
from dispatcher.store.session import KEEPALIVE, Row, Session

SETTINGS = {
    "jit": "off",
    "statement_timeout": "15s",
    "lock_timeout": "5s",
    "idle_in_transaction_session_timeout": "30s",
    "default_transaction_isolation": "read committed",
    **KEEPALIVE,
}
WITHIN_S = 30.0
"""For all that a command asks, unless it waits for something; a database that takes longer does not answer."""

OPERATOR, PRODUCER = "webhooks_operator", "webhooks_producer"

T = TypeVar("T")

UNKNOWN = ("42P01", "42883", "42703")
"""There is no such table, function or column."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A session with the database, as whom, and its clock."""

    session: Session
    role: str
    now: datetime


def ask(
    config: Path | None,
    name: str,
    work: Callable[[Asked], Awaitable[T]],
    *,
    group: str = OPERATOR,
    within_s: float | None = None,
) -> T:
    """What `work` comes to, as a member of `group` may do it.

    Raises `ConfigError`, `DatabaseAway`, `SchemaError`, and what `work` raises.
    """
    return asyncio.run(_within(load(config, os.environ), name, work, group, within_s or WITHIN_S))


async def _within(
    settings: Settings, name: str, work: Callable[[Asked], Awaitable[T]], group: str, within_s: float
) -> T:
    try:
        "".join(sys.argv).encode()
    except UnicodeEncodeError:
        raise typer.BadParameter("an argument is not UTF-8") from None
    try:
        async with asyncio.timeout(within_s):
            return await _asked(settings, name, work, group)
    except TimeoutError:
        raise DatabaseAway(f"no answer within {within_s:g} s") from None


async def _asked(settings: Settings, name: str, work: Callable[[Asked], Awaitable[T]], group: str) -> T:
    how = replace(login(settings), settings=SETTINGS)
    await refuse_pooler(how)
    session = Session(how, name)
    role = ""
    try:
        (where,) = await session.fetch("read_situation")
        role = where["role"]
        _refuse_unusable(where, group)
        return await work(Asked(session, role, where["now"]))
    except SchemaError as error:
        if error.__cause__ is None:
            raise
        raise SchemaError(f"role {role} may not do this: {error.__cause__}; run: grant {group} to {role}") from None
    except StatementFailed as error:
        if str(error).startswith(UNKNOWN):
            said = f"schema webhooks is not what this version needs ({error}); run: dispatcher migrate"
            raise SchemaError(said) from None
        raise
    finally:
        await session.close()


def _refuse_unusable(where: Row, group: str) -> None:
    if not where["there"]:
        raise SchemaError("schema webhooks is not there; run: dispatcher migrate")
    if not where["usable"]:
        raise SchemaError(f"role {where['role']} may not look; run: grant {group} to {where['role']}")
