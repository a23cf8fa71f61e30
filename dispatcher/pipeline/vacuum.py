"""Takes away what is dead where rows come and go: autovacuum looks once a minute, and may be busy for hours."""

from collections.abc import Callable

import structlog

from dispatcher.errors import StatementFailed
from dispatcher.store.session import Row, Session

EVERY_S = 5.0
DEAD, SHARE = 1000, 0.02
"""So many dead rows, and such a part of the living, are worth a VACUUM: a table of millions has indexes to be read."""
HELD_S = 15.0
"""Somebody who looks back for longer than this is worth a line."""
ASIDE_S = 3600.0

STATEMENTS = {
    "deliveries": "vacuum_deliveries",
    "inbox": "vacuum_inbox",
    "changes": "vacuum_changes",
    "event_keys": "vacuum_event_keys",
    "endpoints": "vacuum_endpoints",
}

log = structlog.get_logger()


class Vacuum:
    """`session` is for VACUUM alone, and closed while there is none; `quiet` is asked what there is to do."""

    def __init__(self, session: Session, quiet: Session, clock: Callable[[], float]) -> None:
        self._session = session
        self._quiet = quiet
        self._clock = clock
        self._done_under: dict[str, str | None] = {}
        self._aside: dict[str, float] = {}
        self._horizon: str | None = None
        self._since = 0.0
        self._said = False

    async def step(self) -> int:
        """Vacuum what is worth it; returns 0, because what could not be taken away now cannot be a moment later."""
        worth = [row["name"] for row in await self._quiet.fetch("find_dead") if self._is_worth(row)]
        if not worth and not self._said:
            await self._session.close()
            return 0
        found = await self._quiet.fetch("find_horizon")
        oldest = found[0] if found else None
        self._watch(oldest, held_back=bool(worth))
        for table in worth:
            # Nothing that died since can be taken away while the same one looks back as far as before.
            if self._horizon is None or self._done_under.get(table) != self._horizon:
                await self._vacuum(table)
        return 0

    def _is_worth(self, row: Row) -> bool:
        aside = self._clock() < self._aside.get(row["name"], 0.0)
        return not aside and row["dead"] >= DEAD + SHARE * row["live"]

    async def _vacuum(self, table: str) -> None:
        try:
            await self._session.fetch(STATEMENTS[table])
        except StatementFailed as error:
            self._aside[table] = self._clock() + ASIDE_S
            log.warning("vacuum.failed", table=table, note=str(error)[:200])
        self._done_under[table] = self._horizon

    def _watch(self, oldest: Row | None, *, held_back: bool) -> None:
        """Notice who stays the oldest for long; say it once, and once that it is over."""
        now = self._clock()
        horizon = oldest["xmin"] if oldest else None
        if horizon is None or horizon != self._horizon:
            if self._said:
                log.info("vacuum.resumed", held_s=round(now - self._since, 1))
            self._horizon, self._since, self._said = horizon, now, False
        elif oldest and held_back and not self._said and now - self._since >= HELD_S:
            self._said = True
            log.warning(
                "vacuum.held_back",
                by=oldest["kind"],
                pid=oldest["pid"],
                name=oldest["name"],
                role=oldest["role"],
                since=oldest["since"] and oldest["since"].isoformat(timespec="seconds"),
                note="what is dead stays, and every look at the queue walks past it, until this one ends",
            )
