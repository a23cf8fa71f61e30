"""What `dispatcher status` asks the database: bounded questions, each cheap whatever there is to count."""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime

from dispatcher.errors import ConfigError, DatabaseAway, SchemaError, StatementFailed
from dispatcher.model import OUR_FAULTS
from dispatcher.store.session import Login, Row, Rows, Session

SETTINGS = {
    "statement_timeout": "3s",
    "lock_timeout": "1s",
    "enable_bitmapscan": "off",  # It would read all of an index for what a look at the end of the table finds.
}
WITHIN_S = 10.0
"""For all of it; a database that takes longer is one that does not answer."""
CONNECT_S = 5.0

COUNTED = 10_000
LANES = 10_000
RECENT_S = 300.0
RECENT_BLOCKS = 200
"""Of 8 kB: some 15,000 attempts, read in about 10 ms."""
LISTED = 100
HELD_EACH = 1_000
SAMPLED = 200
HINDERED, WAITING_EACH = 1_000, 200
"""Endpoints, and of each the open deliveries among which to look for the oldest."""

UNPREPARED = ("26000", "42P05")
POOLED = "; behind a pooler in transaction mode? use session mode, or the server itself"


@dataclass(frozen=True, slots=True)
class Place:
    """The server and the role we look with; `read_only` says why nothing can be written there, if so."""

    server: str
    role: str
    at: datetime
    read_only: str | None


@dataclass(slots=True)
class Report:
    """What could be found out, as rows; None is what is not there. `unknown` says why a question has no answer.

    `is_answered`: it is known who holds the work, whatever else is not.
    """

    at: datetime
    away: str | None = None
    lacking: str | None = None
    is_answered: bool = False
    place: Place | None = None
    holder: Row | None = None
    lock: Row | None = None
    standbys: Rows = field(default_factory=list)
    inbox: Row | None = None
    open: Row | None = None
    due: Row | None = None
    recent: Row | None = None
    states: dict[str, int] = field(default_factory=dict)
    hindered: Rows = field(default_factory=list)
    unhappy: Rows = field(default_factory=list)
    failing: Rows = field(default_factory=list)
    unknown: dict[str, str] = field(default_factory=dict)


class Reporter:
    """Asks again and again over one session, which comes and goes with the database."""

    def __init__(self, login: Login) -> None:
        self._session = Session(Login(login.dsn, login.password_file, SETTINGS), "status")

    async def report(self) -> Report:
        """Look once. What the database does is never an error here: that is what the report is about."""
        report = Report(datetime.now(UTC))
        try:
            async with asyncio.timeout(WITHIN_S):
                async with asyncio.timeout(CONNECT_S):
                    await self._session.connection()
                await self._look(report)
        except TimeoutError:
            self._session.drop()
            if report.is_answered:
                report.unknown["endpoints"] = f"no answer within {WITHIN_S:g} s"
            else:
                report.away = "it does not answer"
        except StatementFailed as error:
            self._session.drop()
            report.away = f"{error}{POOLED if str(error).startswith(UNPREPARED) else ''}"
        except (DatabaseAway, ConfigError) as error:
            report.away = str(error)
        return report

    async def close(self) -> None:
        await self._session.close()

    async def _look(self, report: Report) -> None:
        (where,) = await self._session.fetch("read_situation")
        report.at = where["now"]
        read_only = "it is a replica" if where["replica"] else "default_transaction_read_only is on"
        report.place = Place(where["server"], where["role"], where["now"], read_only if where["read_only"] else None)
        if not where["there"]:
            report.lacking = "schema webhooks is not there; run: dispatcher migrate"
        elif not where["usable"]:
            report.lacking = f"role {where['role']} may not look; run: grant webhooks_operator to {where['role']}"
        else:
            report.lock = _one(await self._session.fetch("name_holder"))
            report.is_answered = True
            await self._ask(report)

    async def _ask(self, report: Report) -> None:
        report.holder = _one(await self._rows(report, "holder", "read_holder"))
        report.standbys = await self._rows(report, "standbys", "name_standbys")
        report.inbox = _one(await self._rows(report, "inbox", "count_inbox", COUNTED + 1))
        report.open = _one(await self._rows(report, "open", "count_open", COUNTED + 1))
        report.due = _one(await self._rows(report, "open", "find_oldest_due", LANES))
        report.recent = _one(await self._rows(report, "attempts", "sample_attempts", RECENT_S, RECENT_BLOCKS))
        failing = report.recent["failing"] if report.recent else []
        states = await self._rows(report, "endpoints", "count_endpoints")
        report.states = {row["state"]: row["endpoints"] for row in states}
        report.hindered = await self._rows(
            report, "hindered", "find_hindered", LANES, HINDERED, WAITING_EACH, sorted(OUR_FAULTS)
        )
        hindered = [row["endpoint_id"] for row in report.hindered]
        report.unhappy = await self._rows(report, "endpoints", "find_unhappy", failing, hindered, LISTED, HELD_EACH + 1)
        report.failing = await self._rows(report, "endpoints", "sample_failing", failing, SAMPLED)

    async def _rows(self, report: Report, part: str, name: str, *args: object) -> Rows:
        """The rows, or none and why: one question that cannot be answered leaves the others."""
        try:
            return await self._session.fetch(name, *args)
        except SchemaError:
            role = report.place.role if report.place else "ours"
            report.unknown.setdefault(part, f"role {role} may not look; run: grant webhooks_operator to {role}")
        except StatementFailed as error:
            late = f"no answer within {SETTINGS['statement_timeout']}"
            report.unknown.setdefault(part, late if error.timed_out else str(error))
        return []


def _one(rows: Rows) -> Row | None:
    return rows[0] if rows else None
