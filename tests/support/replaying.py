"""Replays of the last hour, as a test wants them."""

from datetime import UTC, datetime, timedelta

from dispatcher.store.replays import Pace, Replay, Wanted, begin, carry_on
from dispatcher.store.session import Session

LONG_AGO = datetime.now(UTC) - timedelta(hours=1)


def everything(endpoint_id: int, **given: object) -> Wanted:
    return Wanted(endpoint_id, LONG_AGO, datetime.now(UTC) + timedelta(minutes=1), **given)


async def replayed(session: Session, wanted: Wanted, scan: int = 3) -> Replay:
    replay = await begin(session, wanted)
    return await carry_on(session, replay.id, Pace(scan), 60)
