"""Events, for a person or a program: inserted, listed, shown.

`tenant` bounds what is seen; None is everybody's. Everything here raises `Missing` for an event that is not there,
`Refused` with the schema's words, and what `Session.fetch` raises.
"""

import time
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from dispatcher.errors import Missing
from dispatcher.store.session import Row, Rows, Session

LOOKED = 20_000
"""Events that are looked at in one statement."""
LOOKS_S = 1.0
"""For one page, which is short where there are few of a tenant's, or of a type, among many others."""
FIRST, BEYOND = UUID(int=0), UUID(int=(1 << 128) - 1)


@dataclass(frozen=True, slots=True)
class Page:
    """Events, newest first. `last` is what to go on from: null when there are no more, whatever the number of rows."""

    rows: Rows
    last: UUID | None


async def send(
    session: Session,
    event_type: str,
    data: str,
    *,
    tenant: str = "",
    key: str | None = None,
    context: str | None = None,
    occurred_at: datetime | None = None,
) -> UUID:
    """Insert one, as an application does; the id it has now, or had already under the same key."""
    event_id: UUID = await session.value("send_event", event_type, data, tenant, key, context, occurred_at)
    return event_id


async def find(
    session: Session,
    *,
    tenant: str | None = None,
    pattern: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    before: UUID | None = None,
    most: int = 50,
) -> Page:
    """A page, newest first; `before` is the `last` of the page before. It may be short, or empty, with more to come."""
    lowest = FIRST if since is None else _floor(since)
    below = min(each for each in (BEYOND, before, _floor(until) if until else None) if each is not None)
    rows: Rows = []
    stop_at = time.monotonic() + LOOKS_S
    while True:
        found = await session.fetch("list_events", tenant, pattern, lowest, below, LOOKED, most - len(rows))
        rows += [row for row in found if row["event_id"] is not None]
        last: UUID | None = found[0]["last"]
        if last is None or len(rows) >= most or time.monotonic() > stop_at:
            break
        below = last
    if last is not None and len(rows) < most and tenant is not None:
        last = _nobodys(last, rows[-1]["event_id"] if rows else None, before or BEYOND)
    return Page(rows, last)


def _nobodys(looked: UUID, own: UUID | None, before: UUID) -> UUID:
    """Where to go on, in place of an event that may be another tenant's, whose id is nobody else's business.

    The end of its millisecond, unless that would be no further than before: so many at once must not stop it.
    """
    instant = looked.int >> 80
    if own is not None and own.int >> 80 == instant:
        return own
    end = UUID(int=(instant + 1) << 80)
    return end if end < before else looked


async def read(session: Session, event_id: UUID, tenant: str | None = None) -> Row:
    found = await session.fetch("read_event", event_id, tenant)
    if not found:
        raise Missing("event", event_id)
    return found[0]


async def payload(session: Session, event_id: UUID) -> Row:
    """`data`, `context` and `key` as stored: for the owner of the schema alone. Whose event it is, `read` knows."""
    found = await session.fetch("read_payload", event_id)
    if not found:
        raise Missing("event", event_id)
    return found[0]


def _floor(at: datetime) -> UUID:
    """The lowest id of that instant: an id is dated when its event was inserted."""
    milliseconds = int(at.timestamp() * 1000)
    return UUID(int=min(max(milliseconds, 0), (1 << 48) - 1) << 80)
