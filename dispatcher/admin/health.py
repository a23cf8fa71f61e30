"""Is it there, and can it work? Open to everybody, so they say nothing else."""

import asyncio
from collections.abc import Callable
from typing import Literal

from pydantic import BaseModel

from dispatcher.admin.answer import Answer
from dispatcher.admin.call import Call
from dispatcher.admin.problems import Problem
from dispatcher.admin.routes import AnyRoute, Route
from dispatcher.errors import DispatcherError
from dispatcher.store.session import Session

ASKED_S = 1.0
"""So often is the database asked, however often we are."""
WITHIN_S = 2.0


class Health(BaseModel):
    """It is well."""

    status: Literal["ok"] = "ok"


class Readiness:
    """Whether the database answers: on a session of its own."""

    def __init__(self, session: Session, clock: Callable[[], float]) -> None:
        self._session = session
        self._clock = clock
        self._turn = asyncio.Lock()
        self._asked_at = float("-inf")
        self._answers = False

    def __repr__(self) -> str:
        return f"<Readiness {'ready' if self._answers else 'not ready'}>"

    async def show(self, _call: Call[None, None]) -> Answer:
        async with self._turn:
            if self._clock() >= self._asked_at + ASKED_S:
                self._answers = await self._ask()
                self._asked_at = self._clock()
            if not self._answers:
                raise Problem("unavailable", "not ready")
            return Answer(Health())

    async def _ask(self) -> bool:
        try:
            async with asyncio.timeout(WITHIN_S):
                await self._session.fetch("read_clock")
        except (DispatcherError, TimeoutError):
            return False
        return True


async def live(_call: Call[None, None]) -> Answer:
    return Answer(Health())


def routes(readiness: Readiness) -> list[AnyRoute]:
    return [
        Route(
            method="GET", path="/healthz", name="show_health", tag="health", scope=None, handler=live, reply=Health,
            summary="Say that the process turns.",
        ),
        Route(
            method="GET", path="/readyz", name="show_readiness", tag="health", scope=None, handler=readiness.show,
            reply=Health, summary="Say whether the database answers, too.", errors={503: "It does not."},
        ),
    ]  # fmt: skip
