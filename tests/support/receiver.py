"""A real receiver on loopback: answers as scripted, remembers what it got."""

import asyncio
import ssl
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self

from aiohttp import web
from standardwebhooks import Webhook


@dataclass(frozen=True)
class Answer:
    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    delay_s: float = 0.0


@dataclass(frozen=True)
class Received:
    """One request as it arrived. `raw_headers` in order, `at` on the monotonic clock."""

    path: str
    headers: dict[str, str]
    raw_headers: tuple[tuple[bytes, bytes], ...]
    body: bytes
    at: float
    method: str = "POST"

    @property
    def webhook_id(self) -> str:
        return self.headers["webhook-id"]

    def verified(self, secret: str) -> bool:
        """Whether the official library accepts it; raises what that raises."""
        return Webhook(secret).verify(self.body, self.headers) is not None


Judge = Callable[[Received], int]
"""Reads a request as it arrives, and says with what status to answer."""


class Receiver:
    """Answers 200 unless told otherwise, path by path; `hang` holds requests until `let_go` or the end.

    Speaks https where it is given its side of `tls`.
    """

    def __init__(self, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> None:
        self._host = host
        self._tls = tls
        self.requests: list[Received] = []
        self.most_at_once: Counter[str] = Counter()
        self._now: Counter[str] = Counter()
        self._scripts: dict[str, deque[Answer]] = defaultdict(deque)
        self._always: dict[str, Answer] = {}
        self._judges: dict[str, Judge] = {}
        self._hanging: dict[str, asyncio.Event] = {}
        self._runner: web.AppRunner | None = None
        self.port = 0

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=4 * 1024 * 1024)
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._host, 0, backlog=1024, ssl_context=self._tls)
        await site.start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        for event in self._hanging.values():
            event.set()
        if self._runner is not None:
            await self._runner.cleanup()

    def url(self, path: str = "/hook") -> str:
        return f"{'https' if self._tls else 'http'}://{self._host}:{self.port}{path}"

    def will_answer(self, *answers: int | Answer, path: str = "/hook") -> None:
        """These next, in order; then 200 again."""
        self._scripts[path] += [Answer(each) if isinstance(each, int) else each for each in answers]

    def always(self, answer: int | Answer, path: str = "/hook") -> None:
        self._always[path] = Answer(answer) if isinstance(answer, int) else answer

    def judge_by(self, judge: Judge, path: str = "/hook") -> None:
        self._judges[path] = judge

    def hang(self, path: str = "/hook") -> None:
        """Take requests, and answer none until `let_go`."""
        self._hanging[path] = asyncio.Event()

    def let_go(self, path: str = "/hook") -> None:
        self._hanging.pop(path).set()

    def at(self, path: str = "/hook") -> list[Received]:
        return [request for request in self.requests if request.path == path]

    def in_flight(self, path: str = "/hook") -> int:
        return self._now[path]

    async def _handle(self, request: web.Request) -> web.Response:
        path = request.path
        self._now[path] += 1
        self.most_at_once[path] = max(self.most_at_once[path], self._now[path])
        try:
            body = await request.read()
            headers = {name.lower(): value for name, value in request.headers.items()}
            received = Received(path, headers, request.raw_headers, body, time.monotonic(), request.method)
            self.requests.append(received)
            if path in self._hanging:
                await self._hanging[path].wait()
            if path in self._judges:
                return web.Response(status=self._judges[path](received))
            answer = self._scripts[path].popleft() if self._scripts[path] else self._always.get(path, Answer())
            if answer.delay_s:
                await asyncio.sleep(answer.delay_s)
            return web.Response(status=answer.status, body=answer.body, headers=answer.headers)
        finally:
            self._now[path] -= 1
