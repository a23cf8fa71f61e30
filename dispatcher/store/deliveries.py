"""Deliveries and their attempts, for a person or a program.

`tenant` bounds what is seen and touched; None is everybody's. Everything here raises `Missing` for a delivery that is
not there, and what `Session.fetch` raises.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from dispatcher.errors import Missing
from dispatcher.store.session import Row, Rows, Session


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which deliveries; None is all. `since` and `until` are about the latest activity: see `find`."""

    tenant: str | None = None
    endpoint_id: int | None = None
    pattern: str | None = None
    states: Sequence[str] | None = None
    since: datetime | None = None
    until: datetime | None = None
    event_id: UUID | None = None


async def find(session: Session, wanted: Wanted, *, before: tuple[datetime, int] | None = None, most: int = 50) -> Rows:
    """A page, latest activity first: of what was attempted the last attempt, else when it is due.

    `before` is `at` and `delivery_id` of the last row of the page before.
    """
    given = (wanted.tenant, wanted.endpoint_id, wanted.pattern, wanted.states, wanted.since, wanted.until)
    at, delivery_id = before or (None, None)
    if wanted.event_id is not None:
        tenant, *others = given
        return await session.fetch("list_deliveries_of_event", wanted.event_id, tenant, *others, at, delivery_id, most)
    return await session.fetch("list_deliveries", *given, at, delivery_id, most)


async def read(session: Session, delivery_id: int, tenant: str | None = None) -> Row:
    return _the(delivery_id, await session.fetch("read_delivery", delivery_id, tenant))


async def attempts(session: Session, delivery_id: int, most: int = 100) -> Rows:
    """The last ones, in their order. Whose delivery that is, `read` knows."""
    return await session.fetch("read_attempts", delivery_id, most)


async def retry(session: Session, delivery_id: int, tenant: str | None = None) -> bool:
    """Due now, with all its attempts; False where it is neither open nor dead, or its event or endpoint is gone."""
    done: bool = _the(delivery_id, await session.fetch("retry_delivery", delivery_id, tenant))[0]
    return done


async def cancel(session: Session, delivery_id: int, tenant: str | None = None) -> bool:
    """Ended, if it was open; False where it was not."""
    done: bool = _the(delivery_id, await session.fetch("cancel_delivery", delivery_id, tenant))[0]
    return done


def _the(delivery_id: int, found: Rows) -> Row:
    if not found:
        raise Missing("delivery", delivery_id)
    return found[0]
