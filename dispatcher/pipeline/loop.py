"""The one loop: the only `while True` of the river. And what it says about its trouble: once, and its end once."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Protocol

import structlog

from dispatcher.errors import ConfigError, DatabaseAway, DispatcherError, SchemaError
from dispatcher.pipeline.wakeup import Wakeup
from dispatcher.policy.backoff import Backoff

RECONNECT = Backoff(base_s=0.1, factor=2.0, cap_s=2.0, jitter=0.2)
"""Between tries at a database that is away: soon at first, since a restart takes a second; never a busy loop."""

SAY_AGAIN_S = 60.0
NOTE = 500
"""Characters of an error: it ends with what to do."""

log = structlog.get_logger()


class Trouble(Protocol):
    """What a loop tells of its failures, and of the first success after them."""

    def failed(self, error: DispatcherError) -> None: ...

    def over(self) -> None: ...


class Stall:
    """A stage that cannot go on.

    `answers` counts the listener's beats that were answered: None while the database is known to be away, which is for
    the listener to say.
    """

    def __init__(self, loop: str, answers: Callable[[], int | None]) -> None:
        self._loop = loop
        self._answers = answers
        self._answers_before: int | None = None
        self._failures = 0
        self._said = False

    def failed(self, error: DispatcherError) -> None:
        if isinstance(error, DatabaseAway) and not self._is_there():
            return
        self._failures += 1
        if not self._said:
            self._said = True
            log.warning("loop.stalled", loop=self._loop, error=type(error).__name__, note=str(error)[:200])

    def over(self) -> None:
        if self._said:
            log.info("loop.resumed", loop=self._loop, failures=self._failures)
        self._failures, self._said, self._answers_before = 0, False, None

    def _is_there(self) -> bool:
        """Whether the database has answered somebody else since it first failed us, twice.

        Of all sessions that end at once ours may learn of it first, and fail again before the listener's beat returns;
        and that beat may still be answered, if the server was about to end the listener's session (seen).
        """
        answers = self._answers()
        if answers is None or self._answers_before is None:
            self._answers_before = answers
            return False
        return answers > self._answers_before + 1


class Outage:
    """A database that is away: why, again when the reason is another or a minute has passed, and when it is back.

    What waiting does not cure is raised, until it has been there once: a wrong configuration must not wait at start.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._was_there = False
        self.note = ""
        """Why it is away; empty while it is there."""
        self._since: float | None = None
        self._said: dict[str, float] = {}

    def failed(self, error: DispatcherError) -> None:
        if isinstance(error, ConfigError | SchemaError) and not self._was_there:
            raise error
        now, note = self._clock(), str(error)[:NOTE]
        self.note = note
        self._since = now if self._since is None else self._since
        self._said = {said: at for said, at in self._said.items() if now < at + SAY_AGAIN_S}
        if note in self._said:
            return
        self._said[note] = now
        # What waiting alone will not cure is an error; it is tried all the same, since somebody may be mending it.
        say = log.error if isinstance(error, ConfigError | SchemaError) else log.warning
        say("database.awaited", waited_s=round(now - self._since, 1), note=note)

    def over(self) -> None:
        if self._since is not None:
            log.info("database.returned", waited_s=round(self._clock() - self._since, 1))
        self._since, self.note, self._was_there = None, "", True
        self._said.clear()


async def keep(step: Callable[[], Awaitable[int | None]], wakeup: Wakeup, idle_s: float, trouble: Trouble) -> None:
    """Run `step` until cancelled: again at once while it finds work, else when rung or after `idle_s`.

    None is a step not taken: it says nothing about the trouble there was.

    A database that is away, refuses us or fails a statement is waited out, and told to `trouble`. Any other error is a
    bug and ends the process.
    """
    failures = 0
    while True:
        try:
            found = await step()
        except DispatcherError as error:
            failures += 1
            trouble.failed(error)
            await asyncio.sleep(RECONNECT.delay_s(failures, random.random()))  # noqa: S311 jitter, not a secret
            continue
        if found is not None:
            failures = 0
            trouble.over()
        if not found:
            await wakeup.wait(idle_s)
