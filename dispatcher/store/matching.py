"""Which endpoints an event would reach, if it were there."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from dispatcher.errors import SchemaError, StatementFailed
from dispatcher.store.session import Login, Row, Rows, Session

HARMLESS = "exists($)"
AT_ONCE = 100
"""Filters in one statement; where one of them fails, the halves are asked, down to the one."""


class Said(StrEnum):
    """What a filter says of the data."""

    YES = "yes"
    NO = "no"
    UNREADABLE = "cannot be evaluated"
    SLOW = "takes too long"


@dataclass(frozen=True, slots=True)
class Asked:
    """The endpoints of the tenant, what their filters say, and how many endpoints `others` have."""

    endpoints: Rows
    said: dict[str, Said]
    others: int


@dataclass(slots=True)
class Matcher:
    """Asks what a fan-out would do. One filter may take as long as there: `filter_timeout`, as Postgres writes it."""

    login: Login
    filter_timeout: str
    _said: dict[str, Said] = field(default_factory=dict)

    async def ask(self, event_type: str, data: str, tenant: str, endpoint_id: int | None) -> Asked:
        """Raises `DatabaseAway`, `ConfigError`, `SchemaError`; `StatementFailed` where it is not the filters' fault."""
        session = Session(self.login, "event match")
        trying = Session(Login(self.login.dsn, self.login.password_file, self._settings), "event match")
        try:
            await _refuse_unusable(session)
            endpoints = await session.fetch("match_event", tenant, event_type, endpoint_id)
            others = await session.value("count_others", tenant)
            await self._ask_all(trying, data, sorted({each for row in endpoints for each in row["filters"]}))
            return Asked(endpoints, self._said, others)
        finally:
            await session.close()
            await trying.close()

    @property
    def _settings(self) -> dict[str, str]:
        return {"statement_timeout": self.filter_timeout, "jit": "off"}

    async def _ask_all(self, session: Session, data: str, filters: Sequence[str]) -> None:
        if not filters:
            return
        try:
            await session.fetch("ask_filters", data, [HARMLESS])
        except StatementFailed as error:
            if error.is_passing:
                raise
            self._said |= dict.fromkeys(filters, Said.UNREADABLE)
            return
        for first in range(0, len(filters), AT_ONCE):
            await self._ask(session, data, filters[first : first + AT_ONCE])

    async def _ask(self, session: Session, data: str, filters: Sequence[str]) -> None:
        try:
            rows: list[Row] = await session.fetch("ask_filters", data, filters)
        except StatementFailed as error:
            if len(filters) == 1:
                self._said[filters[0]] = Said.SLOW if error.timed_out else Said.UNREADABLE
                return
            middle = len(filters) // 2
            await self._ask(session, data, filters[:middle])
            await self._ask(session, data, filters[middle:])
        else:
            self._said |= {row["filter"]: Said.YES if row["passes"] else Said.NO for row in rows}


async def _refuse_unusable(session: Session) -> None:
    (where,) = await session.fetch("read_situation")
    if not where["there"]:
        raise SchemaError("schema webhooks is not there; run: dispatcher migrate")
    if not where["usable"]:
        raise SchemaError(f"role {where['role']} may not look; run: grant webhooks_operator to {where['role']}")
