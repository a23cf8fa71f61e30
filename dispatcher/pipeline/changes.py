"""What was changed with SQL applies within a second: settings, states, retries, replays, tests."""

from collections.abc import Callable

from dispatcher.pipeline.directory import Directory
from dispatcher.pipeline.lanes import Lanes
from dispatcher.store import rows
from dispatcher.store.session import Session

MOST = 1000


class Changes:
    """Takes the rows of `changes`, reads those endpoints anew, and looks for due work and tests of theirs."""

    def __init__(self, session: Session, lanes: Lanes, directory: Directory, *, pump: Callable[[], None]) -> None:
        self._session = session
        self._lanes = lanes
        self._directory = directory
        self._pump = pump
        self._known: set[int] = set()
        self._tests = True

    async def step(self) -> int:
        """Apply what has changed; returns how many changes there were."""
        # Kept until applied: the rows are gone once taken.
        taken = await self._session.fetch("take_changes", MOST)
        self._known.update(row["endpoint_id"] for row in taken)
        if self._known:
            await self._apply(list(self._known))
            self._known.clear()
            self._tests = True
        if self._tests:
            await self._read_tests()
        self._pump()
        return len(taken)

    async def _apply(self, endpoint_ids: list[int]) -> None:
        await self._directory.read(self._session, [i for i in endpoint_ids if self._lanes.get(i) is not None])
        due = await self._session.fetch("survey", endpoint_ids)
        await self._directory.open(self._session, [row["endpoint_id"] for row in due])
        now = self._lanes.clock()
        for row in due:
            lane = self._lanes.get(row["endpoint_id"])
            if lane is not None:
                lane.expect(now + row["due_in_s"], now)
                self._lanes.touch(lane)

    async def _read_tests(self) -> None:
        ticket = self._lanes.ledger.begin()
        try:
            found = await self._session.fetch("read_tests", MOST)
            await self._directory.open(self._session, [row["endpoint_id"] for row in found])
            for row in found:
                self._lanes.put(rows.delivery(row, test=True))
                if lane := self._lanes.get(row["endpoint_id"]):
                    self._lanes.touch(lane)
        finally:
            self._lanes.ledger.end(ticket)
        self._tests = False
