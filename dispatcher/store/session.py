"""Connections: opened when first used, and again after a loss. What is hot has one of its own, the rest share one."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import asyncpg

from dispatcher.errors import ConfigError, DatabaseAway, Refused, SchemaError, StatementFailed, Unreachable
from dispatcher.store.statements import sql

if TYPE_CHECKING:
    from asyncpg.prepared_stmt import PreparedStatement  # generic in the stubs only

Row = asyncpg.Record
Rows = list[asyncpg.Record]

AWAY = (
    OSError,  # refused, reset, no such host; also TimeoutError
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # used between the server's goodbye and the end of the connection (seen)
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.DatabaseDroppedError,
    asyncpg.InvalidCatalogNameError,  # not created yet
    asyncpg.InsufficientResourcesError,  # too many connections, disk full
    asyncpg.ReadOnlySQLTransactionError,  # failed over under us
)
"""What it looks like when the database is gone: the one list."""

LOCKED = (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError, asyncpg.SerializationError)

REFUSED = asyncpg.InvalidAuthorizationSpecificationError
"""What waiting does not cure: a wrong password, a role that is not there."""

IN_TROUBLE = ("57", "58", "XX")
"""Classes of errors that say more of the server, or of what stands before it, than of how it was asked."""

CALL_S = 35.0
"""A call without an answer for so long has lost its network: above the 30 s the server allows a statement."""

KEEPALIVE = {
    "tcp_keepalives_idle": "5",
    "tcp_keepalives_interval": "3",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "15s",
}
"""A host that vanished without a word is noticed by the server within 15 s, and its lock and transactions end."""

PLANS = {
    "jit": "off",
    "plan_cache_mode": "force_generic_plan",
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "enable_bitmapscan": "off",
    "enable_material": "off",
    "statement_timeout": "30s",
    "lock_timeout": "5s",
    "idle_in_transaction_session_timeout": "30s",
    **KEEPALIVE,
}
"""For the dispatching connections only. A plan made while the queue was empty must not meet a full one: with the
statements' own fences these leave one plan each (measured elsewhere: 4 ms had become 4 s)."""

BY_HAND = {
    "jit": "off",
    "statement_timeout": "8s",
    "lock_timeout": "2s",
    "idle_in_transaction_session_timeout": "15s",
    "default_transaction_isolation": "read committed",
    **KEEPALIVE,
}
"""For what people and programs ask over HTTP: an answer, even if it is no, before they give up."""

UPKEEP = {
    "jit": "off",
    "statement_timeout": "30s",
    "lock_timeout": "1s",
    "idle_in_transaction_session_timeout": "30s",
    "default_transaction_isolation": "read committed",
    **KEEPALIVE,
}
"""For what is done behind the scenes: free to choose its plans, since it meets empty tables and vast ones, and bounded:
a VACUUM that takes longer is autovacuum's, which gives way to others."""


@dataclass(frozen=True, slots=True)
class Login:
    """How to reach the database. `password_file` is read at each connect: a rotated password needs no restart."""

    dsn: str = field(repr=False)
    password_file: str = ""
    settings: Mapping[str, str] | None = None

    @property
    def shown(self) -> str:
        """The DSN without its password or parameters but the host, for messages."""
        parts = urlsplit(self.dsn)
        port = f":{parts.port}" if parts.port else ""
        hosts = [value for name, value in parse_qsl(parts.query) if name == "host"]
        host = f"?host={hosts[0]}" if hosts else ""
        return f"{parts.username or ''}@{parts.hostname or ''}{port}{parts.path}{host}"


async def connect(login: Login, name: str) -> asyncpg.Connection:
    """Open a connection that calls itself `dispatcher: <name>`, ready for our statements.

    Raises `Unreachable` when waiting may help, `ConfigError` when it will not.
    """
    connection = await dial(login, name)
    try:
        with foreseen():
            await _make_ready(connection, login.settings or {})
    except BaseException:
        connection.terminate()
        raise
    return connection


async def dial(login: Login, name: str, **options: Any) -> asyncpg.Connection:  # noqa: ANN401 options of asyncpg's own
    """Open a connection and say nothing on it. Raises what `connect` raises."""

    def password() -> str:
        return Path(login.password_file).read_text(encoding="utf-8").rstrip("\r\n")

    extra: dict[str, Any] = {"password": password} if login.password_file else {}
    try:
        connection: asyncpg.Connection = await asyncpg.connect(
            login.dsn,
            timeout=10,
            command_timeout=CALL_S,
            max_cached_statement_lifetime=0,
            server_settings={"application_name": f"dispatcher: {name}", "timezone": "UTC"},
            **extra,
            **options,
        )
    except asyncpg.ClientConfigurationError as error:
        raise ConfigError(f"database.dsn: {login.shown}: {said(error)}") from None
    except REFUSED as error:
        message = f"database.dsn: {login.shown} refused us: {said(error)}; check user, password and pg_hba.conf"
        raise ConfigError(message) from None
    except (ValueError, FileNotFoundError, PermissionError) as error:
        if isinstance(error, OSError) and not (login.password_file and error.filename == login.password_file):
            raise Unreachable(f"{login.shown}: {error}") from None
        raise ConfigError(f"database: {error}") from None
    except AWAY as error:
        if isinstance(error, asyncpg.ProtocolViolationError) and "startup parameter" in said(error):
            raise ConfigError(f"database.dsn: {login.shown}: {said(error)}; leave it out of the DSN") from None
        why = "it does not answer" if isinstance(error, TimeoutError) else said(error)
        raise Unreachable(f"{login.shown}: {why}") from None
    except asyncpg.PostgresError as error:
        if (error.sqlstate or "").startswith(IN_TROUBLE):
            raise Unreachable(f"{login.shown}: {said(error)}") from None
        raise ConfigError(f"database.dsn: {login.shown}: {said(error)}") from None
    return connection


async def _make_ready(connection: asyncpg.Connection, settings: Mapping[str, str]) -> None:
    # Not as parameters of the connection: a pooler refuses those it does not know, or drops them without a word.
    await connection.fetch(sql("configure"), list(settings), list(settings.values()))
    # The stored bytes: `data` is spliced into the body unparsed.
    await connection.set_type_codec("json", schema="pg_catalog", encoder=bytes, decoder=bytes, format="binary")


def said(error: BaseException) -> str:
    """An error's message alone: the DETAIL of a failed check shows the whole row, secrets included."""
    if isinstance(error, OSError):  # whose first argument is a number
        return str(error) or type(error).__name__
    return str(error.args[0]) if error.args else type(error).__name__


@contextmanager
def foreseen() -> Iterator[None]:
    """What asyncpg raises, as ours: gone, not allowed, or a statement that failed."""
    try:
        yield
    except AWAY as error:
        raise DatabaseAway(said(error)) from error
    except asyncpg.InsufficientPrivilegeError as error:
        raise SchemaError(f"{said(error)}; connect as the owner of schema webhooks") from error
    except asyncpg.PostgresError as error:
        if error.schema_name == "webhooks" and error.constraint_name and error.hint:
            raise Refused(error.sqlstate or "", error.constraint_name, said(error), error.hint) from error
        raise StatementFailed(
            f"{error.sqlstate}: {said(error)}",
            timed_out=isinstance(error, asyncpg.QueryCanceledError),
            locked=isinstance(error, LOCKED),
        ) from error


class Session:
    """One connection and its prepared statements; callers take turns.

    `answered` is called at each answer. A lost connection raises `DatabaseAway` from the call that met it; the next
    call opens a new one. A cancelled call closes it, because nobody knows what the server still does for it.
    """

    def __init__(self, login: Login, name: str, answered: Callable[[], None] = lambda: None) -> None:
        self._login = login
        self._answered = answered
        self._name = name
        self._turn = asyncio.Lock()
        self._connection: asyncpg.Connection | None = None
        self._prepared: dict[str, PreparedStatement[asyncpg.Record]] = {}

    def __repr__(self) -> str:
        return f"<Session {self._name} {'open' if self._connection else 'closed'}>"

    def log_in_with(self, dsn: str, password_file: str) -> None:
        """From the next connection on."""
        self._login = replace(self._login, dsn=dsn, password_file=password_file)

    @property
    def is_open(self) -> bool:
        return self._connection is not None and not self._connection.is_closed()

    async def fetch(self, name: str, *args: object) -> Rows:
        """Run `sql/<name>.sql` and return its rows.

        Raises `DatabaseAway`, `SchemaError` where a privilege is missing, `StatementFailed` for anything else.
        """
        async with self._turn:
            try:
                with foreseen():
                    # A connection that has ended meanwhile is no news to the caller: nothing was said on it.
                    known = self._prepared.get(name) if self.is_open else None
                    statement = known or await self._prepare(name)
                    rows = await statement.fetch(*args)
                    self._answered()
                    return rows
            except BaseException as error:
                if not isinstance(error, StatementFailed):
                    self.drop()
                raise

    async def value(self, name: str, *args: object) -> Any:  # noqa: ANN401 what a column holds is the statement's affair
        rows = await self.fetch(name, *args)
        return rows[0][0] if rows else None

    async def connection(self) -> asyncpg.Connection:
        """The connection itself, opened if need be: for LISTEN. Raises `DatabaseAway` or `ConfigError`."""
        if self._connection is None or self._connection.is_closed():
            self._prepared.clear()
            self._connection = await connect(self._login, self._name)
        return self._connection

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[asyncpg.Connection]:
        """The connection, nobody else's meanwhile. Raises what `connection` raises."""
        async with self._turn:
            with foreseen():
                connection = await self.connection()
            yield connection

    async def _prepare(self, name: str) -> "PreparedStatement[asyncpg.Record]":
        connection = await self.connection()
        statement = self._prepared[name] = await connection.prepare(sql(name))
        return statement

    def drop(self) -> None:
        if self._connection is not None:
            self._connection.terminate()
        self._connection = None
        self._prepared.clear()

    async def close(self) -> None:
        """Say goodbye politely; a connection that is gone already is no error."""
        connection, self._connection = self._connection, None
        self._prepared.clear()
        if connection is not None:
            with foreseen_closing():
                await connection.close(timeout=2)


@contextmanager
def foreseen_closing() -> Iterator[None]:
    try:
        yield
    except (*AWAY, asyncpg.PostgresError):
        return
