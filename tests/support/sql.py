"""What an application does with SQL, in one call each."""

from typing import Any

import asyncpg

from tests.support.eventually import eventually

INSERT = "insert into webhooks.events (type, data) values ('order.paid', '{\"order\": 42}')"
ORDER = ("order.paid", '{"order": 42}')


async def subscribe(db: asyncpg.Connection, url: str, types: str = "{*}", **settings: object) -> tuple[int, str]:
    """An endpoint at that URL; returns its id and secret."""
    named = "".join(f", {name} => ${place}" for place, name in enumerate(settings, 3))
    statement = f"select * from webhooks.subscribe($1, $2::text::text[]{named})"
    row = await db.fetchrow(statement, url, types, *settings.values())
    return row["endpoint_id"], row["secret"]


async def insert(
    db: asyncpg.Connection, type_: str = "order.paid", data: str = '{"order":42}', **columns: object
) -> Any:
    """One event; returns its id."""
    names = "".join(f", {name}" for name in columns)
    places = "".join(f", ${place}" for place in range(3, 3 + len(columns)))
    statement = f"insert into webhooks.events (type, data{names}) values ($1, $2::text::json{places}) returning id"
    return await db.fetchval(statement, type_, data, *columns.values())


async def insert_many(db: asyncpg.Connection, count: int, type_: str = "order.paid", tenant: str = "") -> None:
    """Events whose data is their number, from 1."""
    await db.execute(
        "insert into webhooks.events (tenant, type, data) "
        "select $1, $2, to_json(n) from generate_series(1, $3::int) n",
        tenant, type_, count,
    )  # fmt: skip


async def stored(db: asyncpg.Connection) -> list[tuple[str, str]]:
    """(type, data) of every event."""
    return [tuple(row) for row in await db.fetch("select type, data::text from webhooks.events order by 1, 2")]


async def queued(db: asyncpg.Connection) -> int:
    """How many of the stored events wait in the inbox, which holds nothing else."""
    waiting = await db.fetch("select event_id from webhooks.inbox")
    known = await db.fetch("select id from webhooks.events")
    assert {row[0] for row in waiting} <= {row[0] for row in known}
    return len(waiting)


async def deliveries(db: asyncpg.Connection, endpoint_id: int) -> list[asyncpg.Record]:
    """What is open for that endpoint, oldest first."""
    return await db.fetch("select * from webhooks.deliveries where endpoint_id = $1 order by id", endpoint_id)


async def states(db: asyncpg.Connection, event_id: object = None) -> list[str]:
    """The states of an event's deliveries, or of all, in their order."""
    rows = await db.fetch(
        "select state from webhooks.delivery_status where $1::uuid is null or event_id = $1 order by delivery_id",
        event_id,
    )
    return [row["state"] for row in rows]


async def attempts(db: asyncpg.Connection, endpoint_id: int | None = None) -> list[tuple[object, ...]]:
    """(attempt, outcome, reason, status) of each attempt row, in order."""
    rows = await db.fetch(
        "select attempt, outcome, reason, status from webhooks.attempts "
        "where $1::bigint is null or endpoint_id = $1 order by at, delivery_id",
        endpoint_id,
    )
    return [tuple(row) for row in rows]


async def endpoint(db: asyncpg.Connection, endpoint_id: int) -> asyncpg.Record:
    return await db.fetchrow("select * from webhooks.endpoints where id = $1", endpoint_id)


async def all_settled(db: asyncpg.Connection, within: float = 60.0) -> None:
    """Wait until every event is fanned out and nothing is open."""

    async def nothing_open() -> bool:
        left = await db.fetchval(
            "select (select count(*) from webhooks.inbox) + (select count(*) from webhooks.deliveries)"
        )
        assert left == 0, f"{left} open"
        return True

    await eventually(nothing_open, within)
