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

LOOKED, LOOKED_INTO = 20_000, 10_000
"""Attempts among which one page is looked for; the second where each one's event has to be read."""
LANES, LANES_LOOKED_INTO = 200, 2000
"""And endpoints; the second where not any delivery will do."""
EACH = 40
"""For one that is listed, where any will do: a delivery has a handful of attempts, and its last is what counts."""

Place = tuple[datetime, int]
"""Of a delivery in the list: its latest activity, and its id."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which deliveries; None is all. `since` and `until` are about the latest activity: see `find`.

    Those of endpoints that are there; of one that is gone, they are listed by its id.
    """

    tenant: str | None = None
    endpoint_id: int | None = None
    pattern: str | None = None
    states: Sequence[str] | None = None
    since: datetime | None = None
    until: datetime | None = None
    event_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Deliveries, latest activity first. `last` is what to go on from; null when there are no more."""

    rows: Rows
    last: Place | None


async def find(session: Session, wanted: Wanted, *, before: Place | None = None, most: int = 50) -> Page:
    """A page, latest activity first: of what was attempted the last attempt, else when it is due.

    `before` is the `last` of the page before. A page may be short, or empty, with more to come.
    """
    given = (wanted.tenant, wanted.endpoint_id, wanted.pattern, wanted.states, wanted.since, wanted.until)
    place = before or (None, None)
    if wanted.event_id is not None:
        tenant, *others = given
        rows = await session.fetch("list_deliveries_of_event", wanted.event_id, tenant, *others, *place, most)
        return Page(rows, (rows[-1]["at"], rows[-1]["delivery_id"]) if len(rows) == most else None)
    looked = LOOKED_INTO if wanted.pattern is not None else LOOKED
    if wanted.pattern is None and wanted.states is None and (wanted.tenant is None or wanted.endpoint_id is not None):
        looked = min(LOOKED, EACH * most)
    lanes = LANES if wanted.pattern is None and wanted.states is None else LANES_LOOKED_INTO
    found = await session.fetch("list_deliveries", *given, *place, looked, most, lanes)
    reached = (found[0]["reached_at"], found[0]["reached_id"])
    return Page([row for row in found if row["delivery_id"] is not None], None if reached[0] is None else reached)


async def find_of_event(
    session: Session, event_id: UUID, *, states: Sequence[str] | None = None, most: int = 50
) -> Rows:
    """Of one event, latest activity first."""
    return (await find(session, Wanted(event_id=event_id, states=states), most=most)).rows


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
