"""Finds work that nobody here remembers: after a start, after a lost answer, and every few seconds as a net."""

from collections.abc import Callable

from dispatcher.pipeline.directory import Directory
from dispatcher.pipeline.lanes import Lanes
from dispatcher.store.session import Session

SLICE = 1000
EVERY_S = 5.0


class Discover:
    """A skip-scan over endpoints with open deliveries, a slice at a time; it never looks at a backlog."""

    def __init__(self, session: Session, lanes: Lanes, directory: Directory, *, pump: Callable[[], None]) -> None:
        self._session = session
        self._lanes = lanes
        self._directory = directory
        self._pump = pump
        self._after = 0

    async def step(self) -> int:
        """Look at the next slice; returns how many endpoints it had, 0 at the end of a round."""
        found = await self._session.fetch("discover", self._after, SLICE)
        await self._directory.open(self._session, [row["endpoint_id"] for row in found])
        now = self._lanes.clock()
        for row in found:
            lane = self._lanes.get(row["endpoint_id"])
            if lane is not None:
                # What it sees may be in hand: then one more read finds nothing, the price of forgetting nothing.
                lane.expect(now + row["due_in_s"], now)
                self._lanes.touch(lane)
                if lane.endpoint.is_gone:
                    self._directory.gone[lane.endpoint.id] = None
        self._pump()  # What was found is read at once, not at the next poll.
        if len(found) < SLICE:
            self._after = 0
            self._lanes.sweep()
            return 0
        self._after = found[-1]["endpoint_id"]
        return len(found)

    def again(self) -> None:
        """Begin a round anew: something may have been written whose answer was lost."""
        self._after = 0
