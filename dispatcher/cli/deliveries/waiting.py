"""Waiting for a delivery to end, without troubling the database for it."""

import asyncio
from dataclasses import dataclass

from dispatcher.cli.deliveries.wording import PENDING
from dispatcher.model import OUR_FAULTS
from dispatcher.store import deliveries, holder
from dispatcher.store.session import Row, Session

FIRST_S, LONGEST_S = 0.05, 0.5
UNHELD = "no dispatcher holds the work, so nothing is sent until one does: dispatcher run"


@dataclass(slots=True)
class Patience:
    """Pauses that grow, up to so many seconds in all."""

    left_s: float
    _next_s: float = FIRST_S

    async def pause(self) -> bool:
        """False where there is none left."""
        if self.left_s <= 0:
            return False
        pause_s = min(self._next_s, self.left_s)
        self.left_s -= pause_s
        self._next_s = min(self._next_s * 1.5, LONGEST_S)
        await asyncio.sleep(pause_s)
        return True


async def is_held(session: Session) -> bool:
    return await holder.is_held(session)


async def until_ended(session: Session, delivery_id: int, patience: Patience) -> Row:
    """The delivery as it ended; or as it stands when patience has run out, or a fault of ours is in its way."""
    while True:
        row = await deliveries.read(session, delivery_id)
        is_ours = row["last_reason"] in OUR_FAULTS
        if row["state"] != PENDING or is_ours or not await patience.pause():
            return row
