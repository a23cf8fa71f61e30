"""Days as they look when time has passed: partitions of long ago, and what was in them."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg

CHILDREN = """
select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid
 where c.relnamespace = 'webhooks'::regnamespace and c.relkind in ('r', 'p') order by 1
"""
ATTEMPT = """
insert into webhooks.attempts (delivery_id, event_id, endpoint_id, attempt, at, duration_ms, outcome)
values (1, webhooks.uuidv7(), 1, 1, $1, 1, 'delivered')
"""


def id_at(at: datetime, number: int = 0) -> UUID:
    """A version 7 UUID of that instant."""
    return UUID(int=int(at.timestamp() * 1000) << 80 | 7 << 76 | 2 << 62 | number)


async def ago(db: asyncpg.Connection, days: float) -> datetime:
    """An instant by the database's clock; never so near to midnight that the day is another by the next statement."""
    now = (await db.fetchval("select now() at time zone 'UTC'")).replace(tzinfo=UTC)
    return now - timedelta(days=days)


def name_of(parent: str, at: datetime) -> str:
    return f"{parent}_{at:%Y%m%d}"


async def make_day(db: asyncpg.Connection, parent: str, at: datetime) -> str:
    """The partition of that day, as `make_days` made it when it was ahead; returns its name."""
    low = at.replace(hour=0, minute=0, second=0, microsecond=0)
    high = low + timedelta(days=1)
    child = name_of(parent, at)
    bounds = [str(low), str(high)]
    if parent == "events":
        bounds = [await db.fetchval("select webhooks.uuid_floor($1)::text", each) for each in (low, high)]
    await db.execute("select webhooks.make_day($1, $2, $3, $4)", parent, child, *bounds)
    return child


async def put_event(db: asyncpg.Connection, at: datetime, number: int = 0, tenant: str = "") -> UUID:
    """An event as if inserted then: past the trigger, which would refuse so old an id."""
    child = name_of("events", at)
    there = await db.fetchval("select to_regclass('webhooks.' || $1) is not null", child)
    return await db.fetchval(
        f"insert into webhooks.{child if there else 'events_default'} (id, tenant, type, data) "
        "values ($1, $2, 'order.paid', '{}') returning id",
        id_at(at, number), tenant,
    )  # fmt: skip


async def days(db: asyncpg.Connection, parent: str = "") -> set[str]:
    """The partitions that are attached."""
    return {row[0] for row in await db.fetch(CHILDREN) if row[0].startswith(parent)}
