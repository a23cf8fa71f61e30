"""Three receivers, as customers have them: one fine, one slow, one that fails twice."""

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Self

from aiohttp import web

from dispatcher.cli.verification import Verifier

SLOW_S = 0.8


@dataclass
class Receiver:
    """One customer. Refuses with 401 what does not verify, and remembers what did."""

    name: str
    types: tuple[str, ...]
    about: str
    delay_s: float = 0.0
    failures: int = 0
    verifier: Verifier | None = None
    verified: set[str] = field(default_factory=set)
    unverified: int = 0
    _seen: Counter[str] = field(default_factory=Counter)

    async def answer(self, request: web.Request) -> int:
        body, webhook_id = await request.read(), request.headers.get("webhook-id", "")
        if self.verifier is None or self.verifier.refuse(request.headers, body, time.time()):
            self.unverified += 1
            return 401
        self._seen[webhook_id] += 1
        if self._seen[webhook_id] <= self.failures:
            return 503
        await asyncio.sleep(self.delay_s)
        self.verified.add(webhook_id)
        return 204


def cast() -> list[Receiver]:
    return [
        Receiver("fine", ("*",), "answers at once"),
        Receiver("slow", ("order.*",), f"takes {SLOW_S} s", delay_s=SLOW_S),
        Receiver("flaky", ("order.paid", "invoice.*"), "fails twice, then accepts", failures=2),
    ]


class Stage:
    """Serves the receivers on a free port of loopback, each under its name."""

    def __init__(self, receivers: list[Receiver]) -> None:
        self._receivers = {receiver.name: receiver for receiver in receivers}
        app = web.Application()
        app.router.add_post("/{name}", self._handle)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    def url(self, receiver: Receiver) -> str:
        return f"http://127.0.0.1:{self._runner.addresses[0][1]}/{receiver.name}"

    async def _handle(self, request: web.Request) -> web.Response:
        receiver = self._receivers.get(request.match_info["name"])
        return web.Response(status=404 if receiver is None else await receiver.answer(request))
