"""Deliveries in flight: a task each, as many as the pool and the lanes allow."""

import asyncio
from collections.abc import Awaitable, Callable

from dispatcher.model import Delivery, Settlement
from dispatcher.pipeline.deliver import Attempt
from dispatcher.pipeline.lanes import Lanes
from dispatcher.policy.breaker import Transition
from dispatcher.policy.lane import FOREVER, Lane
from dispatcher.policy.pool import Slot


class Workers:
    """`pump` starts whatever may start. It is called whenever anything changed, and by a timer when only time has."""

    def __init__(
        self,
        tasks: asyncio.TaskGroup,
        lanes: Lanes,
        deliver: Callable[[Lane, Delivery], Awaitable[Attempt]],
        *,
        settle: Callable[[Settlement], None],
        may_start: Callable[[], bool],
        note: Callable[[Transition], None],
        hungry: Callable[[], None],
    ) -> None:
        self._tasks = tasks
        self._lanes = lanes
        self._deliver = deliver
        self._settle = settle
        self._may_start = may_start
        self._note = note
        self._hungry = hungry
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.Handle | None = None
        self._timer_at = FOREVER
        self._running: set[asyncio.Task[None]] = set()
        self._stopped = False

    def __repr__(self) -> str:
        return f"<Workers {len(self._running)} in flight{', stopped' if self._stopped else ''}>"

    def pump(self) -> None:
        """Start every request that may start now, and set the timer for the next that time alone will allow."""
        self._lanes.wake()
        while not self._stopped and self._may_start() and (turn := self._lanes.next()):
            task = self._tasks.create_task(self._work(*turn))
            self._running.add(task)
            task.add_done_callback(self._running.discard)
        if self._lanes.hungry:
            self._hungry()
        self._set_timer()

    def _set_timer(self) -> None:
        at = self._lanes.wakes_at()
        if self._stopped or self._timer_at <= at:
            return  # a timer that fires early finds nothing and is set anew: cheaper than setting it at every turn
        self._unset_timer()
        # Its own instant is kept here: uvloop's handle of a timer that is due within half a millisecond has no `when`.
        self._timer, self._timer_at = self._loop.call_at(at, self._ring), at

    def _unset_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._timer_at = None, FOREVER

    def _ring(self) -> None:
        self._unset_timer()
        self.pump()

    async def _work(self, lane: Lane, delivery: Delivery, slot: Slot) -> None:
        attempt = await self._deliver(lane, delivery)
        transition = self._lanes.finish(lane, attempt.settlement, slot, attempt.retry_after_s)
        if transition is not None:
            self._note(transition)
        self._settle(attempt.settlement)
        self.pump()

    async def drain(self, within_s: float) -> int:
        """Start nothing more, wait for what is in flight; returns how many were cut off: they are sent again."""
        self._stopped = True
        self._unset_timer()
        if not self._running:
            return 0
        _, late = await asyncio.wait(self._running, timeout=within_s)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late)
        return len(late)
