"""What stands between us and the server: the lock that says who holds the work needs a session of its own."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from enum import StrEnum

import asyncpg

from dispatcher.errors import ConfigError, DatabaseAway
from dispatcher.store.session import AWAY, Login, dial, foreseen, foreseen_closing

ROUNDS = 8
"""Of the experiment: somebody else's traffic can make a few come out as if each of us had a session."""
OTHER_S = 1.0
"""For the second connection: a pooler in session mode whose sessions are all taken lets it wait for ever."""
ANSWER_S = 5.0
NO_TRANSACTIONS = "statement pooling mode"


class Road(StrEnum):
    """How statements reach the server."""

    DIRECT = "direct"
    SESSION = "pooler in session mode"
    TRANSACTION = "pooler in transaction mode"
    STATEMENT = "pooler in statement mode"

    @property
    def keeps_sessions(self) -> bool:
        return self in {Road.DIRECT, Road.SESSION}


async def refuse_pooler(login: Login) -> None:
    """Refuse a road on which a session is not ours alone. Raises `ConfigError`, and what `connect` raises.

    A few milliseconds; before anything else is said to the database, because behind such a pooler our statements
    fail in ways that say nothing about it.
    """
    road = await find_road(login)
    if not road.keeps_sessions:
        raise ConfigError(refusal(login, road))


def refusal(login: Login, road: Road) -> str:
    return (
        f"database.dsn: {login.shown} is behind a {road}, where a lock and a LISTEN belong to nobody; "
        "connect straight to the server, or through a pooler in session mode"
    )


async def find_road(login: Login) -> Road:
    """Find out by experiment. Raises `DatabaseAway` or `ConfigError` when there is no answer to be had."""
    try:
        async with _dialled(login) as ours:
            with foreseen():
                mine = await _backend(ours)
                # Every pooler makes up the key for cancelling; only the server itself hands out its own process's id.
                if mine == ours.get_server_pid():
                    return Road.DIRECT
                return await _experiment(login, ours, mine)
    except DatabaseAway as error:
        # Said as the connection is closed on us, so that it looks like one that was lost.
        if NO_TRANSACTIONS in str(error):
            return Road.STATEMENT
        raise


async def _experiment(login: Login, ours: asyncpg.Connection, mine: int) -> Road:
    """Two connections, two sessions: neither ever shows up in the other's process, nor moves to another."""
    async with AsyncExitStack() as stack:
        try:
            async with asyncio.timeout(OTHER_S):
                other = await stack.enter_async_context(_dialled(login))
                is_shared = await _backend(other) == mine
        except (*AWAY, asyncpg.PostgresError, DatabaseAway, ConfigError):
            # No second session to be had, which proves nothing.
            return Road.SESSION if await _backend(ours) == mine else Road.TRANSACTION
        for number in range(ROUNDS):
            # Not one for one: a pooler that deals its sessions in turn would give each of us the same every time.
            if is_shared or {await _backend(ours) for _ in range(1 + number % 3)} != {mine}:
                return Road.TRANSACTION
            is_shared = await _backend(other) == mine
    return Road.TRANSACTION if is_shared else Road.SESSION


async def _backend(connection: asyncpg.Connection) -> int:
    """The server's process behind a transaction: within one, every pooler stays with it."""
    try:
        async with asyncio.timeout(ANSWER_S):
            await connection.execute("begin")
            pid: int = await connection.fetchval("select pg_backend_pid()")
            await connection.execute("commit")
    except TimeoutError:
        raise DatabaseAway(f"no answer within {ANSWER_S:g} s") from None
    return pid


@asynccontextmanager
async def _dialled(login: Login) -> AsyncIterator[asyncpg.Connection]:
    # Without names for prepared statements: a pooler would leave ours in a session that is another's next.
    connection = await dial(login, "looking for a pooler", statement_cache_size=0)
    try:
        yield connection
    except BaseException:
        connection.terminate()
        raise
    with foreseen_closing():
        await connection.close(timeout=2)
