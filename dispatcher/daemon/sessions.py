"""The daemon's connections: opened when first used, so that a standby costs a managed Postgres but one."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from dispatcher.config import Settings
from dispatcher.store.session import BY_HAND, KEEPALIVE, PLANS, UPKEEP, Login, Session

HOLDING = {**KEEPALIVE, "statement_timeout": "30s", "lock_timeout": "2s"}
"""For the session that holds the work: what it waits for must not keep it from its beat."""


class Sessions:
    """Every session but the listener's."""

    def __init__(self, settings: Settings, answered: Callable[[], None]) -> None:
        self._answered = answered
        self._login = _login(settings)
        self._all: list[Session] = []

    def __repr__(self) -> str:
        return f"<Sessions {sum(session.is_open for session in self._all)}/{len(self._all)} open>"

    @property
    def shown(self) -> str:
        return self._login.shown

    def holding(self) -> Login:
        return replace(self._login, settings=HOLDING)

    def open(self, name: str, **parameters: str) -> Session:
        """A session with pinned plans, and what else it needs."""
        return self._made(name, PLANS | parameters)

    def upkeep(self, name: str) -> Session:
        """A session for what is done behind the scenes."""
        return self._made(name, UPKEEP)

    def by_hand(self, name: str) -> Session:
        """A session for what people and programs ask over HTTP."""
        return self._made(name, BY_HAND)

    def _made(self, name: str, parameters: Mapping[str, str]) -> Session:
        settings = {**(self._login.settings or {}), **parameters}
        session = Session(replace(self._login, settings=settings), name, self._answered)
        self._all.append(session)
        return session

    def drop(self) -> None:
        """Believe none of them: the network may have been lost in silence."""
        for session in self._all:
            session.drop()

    async def close(self) -> None:
        for session in self._all:
            await session.close()

    def log_in_with(self, settings: Settings) -> None:
        """From the next connection on: what is open goes on."""
        self._login = _login(settings)
        for session in self._all:
            session.log_in_with(self._login.dsn, self._login.password_file)


def _login(settings: Settings) -> Login:
    database = settings.database
    return Login(database.dsn, database.password_file, {"synchronous_commit": database.synchronous_commit})
