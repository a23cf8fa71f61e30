"""What the breaker decided becomes rows: parked, recovered, disabled. Written on transitions only."""

from collections import deque
from typing import assert_never

import structlog

from dispatcher.errors import StatementFailed
from dispatcher.pipeline.directory import Directory
from dispatcher.pipeline.lanes import Lanes
from dispatcher.pipeline.wakeup import Wakeup
from dispatcher.policy.lane import Disabled, Parked, Recovered, Transition
from dispatcher.store.session import Session

log = structlog.get_logger()


class Health:
    def __init__(self, session: Session, lanes: Lanes, directory: Directory, wakeup: Wakeup, cancel: Wakeup) -> None:
        self._session = session
        self._lanes = lanes
        self._directory = directory
        self._wakeup = wakeup
        self._cancel = cancel
        self._queue: deque[Transition] = deque()

    def __repr__(self) -> str:
        return f"<Health {len(self._queue)} unwritten>"

    def note(self, transition: Transition) -> None:
        """Remember it until it is written."""
        self._queue.append(transition)
        self._wakeup.ring()

    async def step(self) -> int:
        """Write one transition; it leaves the queue only when it is written."""
        if not self._queue:
            return 0
        transition = self._queue[0]
        try:
            await self._write(transition)
        except StatementFailed as error:
            # It is only memory of ours: without it the endpoint is found unhealthy anew. The others must not wait.
            log.error("transition.failed", endpoint_id=transition.endpoint_id, note=str(error)[:200])
        self._queue.popleft()
        if lane := self._lanes.get(transition.endpoint_id):
            lane.unwritten -= 1
        return 1

    async def _write(self, transition: Transition) -> None:
        endpoint_id = transition.endpoint_id
        match transition:
            case Parked(failing_s=failing_s, parked_s=parked_s):
                await self._session.fetch("park_endpoint", endpoint_id, failing_s, parked_s)
                log.warning(
                    "endpoint.parked", endpoint_id=endpoint_id, parked_s=parked_s, failing_s=round(failing_s, 1)
                )
            case Recovered():
                await self._session.fetch("park_endpoint", endpoint_id, None, None)
                log.info("endpoint.recovered", endpoint_id=endpoint_id)
            case Disabled(reason=reason):
                await self._session.fetch("disable_endpoint", endpoint_id, reason)
                log.error("endpoint.disabled", endpoint_id=endpoint_id, reason=reason)
                if reason == "gone":
                    self._directory.gone[endpoint_id] = None
                    self._cancel.ring()
            case _:
                assert_never(transition)

    async def flush(self) -> None:
        while await self.step():
            pass
