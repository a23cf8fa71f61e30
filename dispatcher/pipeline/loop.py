"""The one loop: the only `while True` of the river."""

import asyncio
import random
from collections.abc import Awaitable, Callable

import structlog

from dispatcher.errors import DispatcherError
from dispatcher.pipeline.wakeup import Wakeup
from dispatcher.policy.backoff import Backoff

RECONNECT = Backoff(base_s=0.1, factor=2.0, cap_s=5.0, jitter=0.2)
"""Between tries at a database that is away: soon at first, since a restart takes a second; never a busy loop."""

log = structlog.get_logger()


async def keep(name: str, step: Callable[[], Awaitable[int]], wakeup: Wakeup, idle_s: float) -> None:
    """Run `step` until cancelled: again at once while it finds work, else when rung or after `idle_s`.

    A database that is away, refuses us or fails a statement is waited out: said once, and its end said once. Any other
    error is a bug and ends the process.
    """
    failures = 0
    while True:
        try:
            found = await step()
        except DispatcherError as error:
            failures += 1
            if failures == 1:
                log.warning("loop.stalled", loop=name, error=type(error).__name__, note=str(error)[:200])
            await asyncio.sleep(RECONNECT.delay_s(failures, random.random()))  # noqa: S311 jitter, not a secret
            continue
        if failures:
            log.info("loop.resumed", loop=name, failures=failures)
            failures = 0
        if not found:
            await wakeup.wait(idle_s)
