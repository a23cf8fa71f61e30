"""Replays of the last hour, as a test wants them."""

from datetime import UTC, datetime, timedelta

import asyncpg

from dispatcher.store.replays import Pace, Replay, Wanted, begin, carry_on
from dispatcher.store.session import Session
from tests.support.sql import insert_many, subscribe

URL = "https://example.com/hook?token=hidden"
LONG_AGO = datetime.now(UTC) - timedelta(hours=1)


def everything(endpoint_id: int, **given: object) -> Wanted:
    return Wanted(endpoint_id, LONG_AGO, datetime.now(UTC) + timedelta(minutes=1), **given)


async def replayed(session: Session, wanted: Wanted, scan: int = 3) -> Replay:
    replay = await begin(session, wanted)
    return await carry_on(session, replay.id, Pace(scan), 60)


async def past(db: asyncpg.Connection, count: int, **settings: object) -> int:
    """An endpoint, and so many events that it got once."""
    endpoint_id, _ = await subscribe(db, URL, "{order.*}", **settings)
    await insert_many(db, count)
    await db.execute("delete from webhooks.inbox")
    return endpoint_id


def again(endpoint_id: int, *words: str) -> tuple[str, ...]:
    return "replay", "--endpoint", str(endpoint_id), "--since", "1h", *words
