"""What the breaker decided becomes rows: parked, recovered, disabled. Written on transitions only."""

from collections import deque
from typing import assert_never

import structlog

from dispatcher.errors import StatementFailed
from dispatcher.pipeline.directory import Directory
from dispatcher.pipeline.lanes import Lanes
from dispatcher.pipeline.wakeup import Wakeup
from dispatcher.policy.breaker import Disabled, Parked, Recovered, Transition
from dispatcher.store.session import Session

log = structlog.get_logger()


class Health:
    def __init__(self, session: Session, lanes: Lanes, directory: Directory, wakeup: Wakeup, cancel: Wakeup) -> None:
        self._session = session
        self._lanes = lanes
        self._directory = directory
        self._wakeup = wakeup
        self._cancel = cancel
        self._queue: dict[int, deque[Transition]] = {}

    def __repr__(self) -> str:
        return f"<Health {len(self._queue)} unwritten>"

    def note(self, transition: Transition) -> None:
        """Remember it until it is written."""
        self._queue.setdefault(transition.endpoint_id, deque()).append(transition)
        self._wakeup.ring()

    async def step(self) -> int:
        """Write one transition; it leaves the queue only when it is written. An endpoint's keep their order."""
        if not self._queue:
            return 0
        endpoint_id, waiting = next(iter(self._queue.items()))
        try:
            done = await self._write(waiting[0])
        except StatementFailed as error:
            if error.is_passing:
                raise
            # It is only memory of ours: without it the endpoint is found unhealthy anew. The others must not wait.
            log.error("transition.failed", endpoint_id=endpoint_id, note=str(error)[:200])
            done = True
        if not done:
            # Somebody has an open transaction on this endpoint: the others first.
            self._queue[endpoint_id] = self._queue.pop(endpoint_id)
            return 0
        waiting.popleft()
        if not waiting:
            del self._queue[endpoint_id]
        if lane := self._lanes.get(endpoint_id):
            lane.unwritten -= 1
        return 1

    async def _write(self, transition: Transition) -> bool:
        endpoint_id = transition.endpoint_id
        match transition:
            case Parked(failing_s=failing_s, parked_s=parked_s):
                done = await self._session.value("park_endpoint", endpoint_id, failing_s, parked_s)
            case Recovered():
                done = await self._session.value("park_endpoint", endpoint_id, None, None)
            case Disabled(reason=reason):
                done = await self._session.value("disable_endpoint", endpoint_id, reason)
            case _:
                assert_never(transition)
        if done:
            self._tell(transition)
        return bool(done)

    def _tell(self, transition: Transition) -> None:
        endpoint_id = transition.endpoint_id
        match transition:
            case Parked(failing_s=failing_s, parked_s=parked_s, reason=reason, is_first=is_first):
                # A probe that fails is no news.
                (log.warning if is_first else log.info)(
                    "endpoint.parked",
                    endpoint_id=endpoint_id,
                    reason=reason,
                    parked_s=parked_s,
                    failing_s=round(failing_s, 1),
                )
            case Recovered():
                log.info("endpoint.recovered", endpoint_id=endpoint_id)
            case Disabled(reason=reason):
                note = f"once it is mended: select webhooks.activate({endpoint_id})"
                log.error("endpoint.disabled", endpoint_id=endpoint_id, reason=reason, note=note)
                if reason == "gone":
                    self._directory.gone[endpoint_id] = None
                    self._cancel.ring()
            case _:
                assert_never(transition)

    async def flush(self) -> None:
        """Write what can be written now; for the way out."""
        while await self.step():
            pass
