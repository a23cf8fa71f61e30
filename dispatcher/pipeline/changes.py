"""What was changed with SQL applies within a second: settings, states, retries, replays, tests."""

from collections.abc import Callable, Iterable
from itertools import islice

from dispatcher.errors import DatabaseAway, DispatcherError
from dispatcher.pipeline.directory import Directory
from dispatcher.pipeline.lanes import Lanes
from dispatcher.store import rows
from dispatcher.store.session import Rows, Session

MOST = 1000
TESTS_OF_EACH = 4
"""Test deliveries of one endpoint in hand: a flood of them must not keep out those of another."""


class Changes:
    """Takes the rows of `changes`, reads those endpoints anew, and looks for due work and tests of theirs.

    `changed` is told which they are, `lost` that nobody knows.
    """

    def __init__(
        self,
        session: Session,
        lanes: Lanes,
        directory: Directory,
        *,
        pump: Callable[[], None],
        changed: Callable[[Iterable[int]], None],
        lost: Callable[[], None],
    ) -> None:
        self._changed = changed
        self._lost = lost
        self._session = session
        self._lanes = lanes
        self._directory = directory
        self._pump = pump
        self._known: dict[int, None] = {}
        self._tests = True

    async def step(self) -> int:
        """Apply what has changed; returns how many changes there were."""
        try:
            taken = await self._session.fetch("take_changes", MOST, self._lanes.epoch)
        except DatabaseAway:
            self.again()  # They may have been taken, and the answer lost.
            raise
        # Kept until applied: the rows are gone once taken.
        self._known.update((row["endpoint_id"], None) for row in taken)
        if taken:
            self._changed(row["endpoint_id"] for row in taken)
        if self._known:
            await self._apply_some()
            self._tests = True
        if self._tests:
            await self._read_tests()
        self._pump()
        return len(taken) + len(self._known)

    async def _apply_some(self) -> None:
        some = list(islice(self._known, MOST))
        for endpoint_id in some:
            # Taken out first: what changes again while these are applied must stay.
            del self._known[endpoint_id]
        try:
            await self._apply(some)
        except BaseException:
            self._known.update(dict.fromkeys(some))
            raise

    def again(self) -> None:
        """Read every endpoint anew: nobody knows which have changed."""
        self._known.update((lane.endpoint.id, None) for lane in self._lanes)
        self._tests = True
        self._lost()

    async def _apply(self, endpoint_ids: list[int]) -> None:
        await self._directory.refresh(self._session, endpoint_ids)
        due = await self._session.fetch("survey", endpoint_ids)
        await self._directory.open(self._session, [row["endpoint_id"] for row in due])
        now = self._lanes.clock()
        for row in due:
            lane = self._lanes.get(row["endpoint_id"])
            if lane is not None:
                lane.expect(now + row["due_in_s"], now)
                self._lanes.touch(lane)

    async def _read_tests(self) -> None:
        """Those of every endpoint; again at each step as long as there are any."""
        after, there = 0, MOST
        self._tests = False
        while there == MOST:
            ticket = self._lanes.ledger.begin()
            try:
                found = await self._session.fetch("read_tests", after, MOST, TESTS_OF_EACH, self._lanes.epoch)
                endpoint_ids = {row["endpoint_id"] for row in found}
                await self._directory.open(self._session, endpoint_ids)
                self._put(found)
            except DispatcherError:
                self._tests = True
                raise
            finally:
                self._lanes.ledger.end(ticket)
            self._tests = self._tests or bool(found)
            after, there = max(endpoint_ids, default=0), len(endpoint_ids)

    def _put(self, found: Rows) -> None:
        for row in found:
            self._lanes.put(rows.delivery(row, test=True))
            if lane := self._lanes.get(row["endpoint_id"]):
                self._lanes.touch(lane)
