"""The database of the configuration, started if it is a private one."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path

from dispatcher.config import Settings
from dispatcher.embedded import EmbeddedPostgres
from dispatcher.errors import ConfigError
from dispatcher.store.migrate import refuse_unmigrated
from dispatcher.store.pooler import refuse_pooler
from dispatcher.store.session import UPKEEP, Login, Session

UNSET = (
    "database.dsn is not set; set DISPATCHER_DATABASE__DSN=postgresql://user@host:5432/database, or dsn in section "
    "[database] of the configuration file; for trying things out: embedded"
)

PRIVATE = (
    "database.dsn is embedded, a database that belongs to its dispatcher run; the log of that one says its dsn "
    "(database.embedded): set DISPATCHER_DATABASE__DSN to it"
)


def login(settings: Settings) -> Login:
    """How to reach a database that others run. Raises `ConfigError`: there is none, or a private one."""
    kind = settings.database.dsn.partition(":")[0]
    if kind in {"", "embedded"}:
        raise ConfigError(PRIVATE if kind else UNSET)
    return Login(settings.database.dsn, settings.database.password_file)


@contextmanager
def reachable(settings: Settings) -> Iterator[Settings]:
    """The settings with a DSN to connect to: themselves, or others while a private Postgres runs.

    Raises `ConfigError`: no DSN, or no private Postgres to be had.
    """
    kind, _, folder = settings.database.dsn.partition(":")
    if not kind:
        raise ConfigError(UNSET)
    if kind != "embedded":
        yield settings
        return
    with EmbeddedPostgres(Path(folder) if folder else None) as server:
        yield settings.model_copy(update={"database": settings.database.model_copy(update={"dsn": server.dsn})})


@asynccontextmanager
async def hand_session(settings: Settings, name: str) -> AsyncIterator[Session]:
    """A session for what operators do by hand, the owner or not. Raises `ConfigError` and `DatabaseAway`."""
    known = replace(login(settings), settings=UPKEEP)
    await refuse_pooler(known)
    session = Session(known, name)
    try:
        yield session
    finally:
        await session.close()


@asynccontextmanager
async def upkeep_session(settings: Settings, name: str) -> AsyncIterator[Session]:
    """A session for what is done by hand beside a dispatcher. Raises `ConfigError`, `DatabaseAway`, `SchemaError`."""
    login = Login(settings.database.dsn, settings.database.password_file, UPKEEP)
    await refuse_pooler(login)
    session = Session(login, name)
    try:
        await refuse_unmigrated(session)
        yield session
    finally:
        await session.close()
