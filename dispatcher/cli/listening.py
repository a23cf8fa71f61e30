"""What `dispatcher listen` does: an HTTP server that shows what it gets."""

import asyncio
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import orjson
import typer
from aiohttp import web

from dispatcher.cli.greeting import greeting
from dispatcher.cli.layout import laid_out
from dispatcher.cli.promises.contract import path_of_type
from dispatcher.cli.screen import BAD, DIM, GOOD, NAME, WARN, Screen, Span
from dispatcher.cli.verification import Verifier
from dispatcher.errors import DispatcherError
from dispatcher.policy.profiles import Profile
from dispatcher.policy.signing import Scheme, Signing

LARGEST_BODY = 4 * 1024 * 1024
CUT = "…"
TYPE_MEMBERS = (("type",), ("event",), ("event_type",))
"""Where a body says its type, the first that does, after the profile's own: what profiles call it."""
LABEL = 22


@dataclass
class Answers:
    """What to answer: `status`, the first `times` times (None: always), then 200; each after `delay_s`."""

    status: int
    times: int | None
    delay_s: float

    def take(self) -> int:
        if self.times is None:
            return self.status
        self.times -= 1
        return self.status if self.times >= 0 else 200


@dataclass(frozen=True)
class Asked:
    """What the requests are to be like: how they are signed, with which of these secrets, and as whose."""

    signing: Signing
    secrets: list[str]
    profile: Profile | None = None


@dataclass(frozen=True)
class Seen:
    """One request as it will be shown, with its type.

    `refusal` is why it does not verify; `checked` whether there was a secret.
    """

    request: web.Request
    body: bytes
    type: str | None
    checked: bool
    refusal: str | None
    status: int

    @property
    def webhook_id(self) -> str | None:
        return self.request.headers.get("webhook-id")


def listen_until_told(host: str, port: int, asked: Asked, answers: Answers, *, as_json: bool) -> None:
    """Serve until Ctrl-C or SIGTERM, then say how many came. Raises `DispatcherError` if the port cannot be had."""
    try:
        verifier = Verifier(asked.secrets, asked.signing) if asked.secrets else None
    except ValueError as error:
        raise typer.BadParameter(f"--{error}") from None
    asyncio.run(_listen(host, port, Listener(asked, verifier, answers, as_json=as_json)))


class Listener:
    def __init__(self, asked: Asked, verifier: Verifier | None, answers: Answers, *, as_json: bool) -> None:
        self.stopping = asyncio.Event()
        self._asked = asked
        own = (path_of_type(asked.profile),) if asked.profile else ()
        self._type_members = (*own, *TYPE_MEMBERS)
        self._verifier = verifier
        self._answers = answers
        self._as_json = as_json
        self._screen = Screen(gone=self.stopping.set)
        self._requests = self._verified = 0

    async def handle(self, request: web.Request) -> web.Response:
        body = await request.read()
        refusal = self._verifier.refuse(request.headers, body, time.time()) if self._verifier else None
        kind = _type(body, self._type_members)
        seen = Seen(request, body, kind, self._verifier is not None, refusal, self._answers.take())
        self._requests += 1
        self._verified += seen.checked and refusal is None
        if self._as_json:
            self._screen.raw(_json(seen))
        else:
            self._show(seen)
        await asyncio.sleep(self._answers.delay_s)
        return web.Response(status=seen.status)

    def greet(self, url: str) -> None:
        if self._as_json:
            return
        where = url.replace("0.0.0.0", "localhost").replace("127.0.0.1", "localhost")  # noqa: S104 to write, not to bind
        self._screen.text(f"listening on {url} (any path); Ctrl-C ends it\n")
        asked = self._asked
        for label, what in greeting(where, asked.signing, asked.profile, has_secret=self._verifier is not None):
            self._screen.text((f"  {label:{LABEL}} ", DIM), what)
        self._screen.text("")

    def summarize(self) -> None:
        if self._as_json:
            return
        checked = f": {self._verified} verified, {self._requests - self._verified} not" if self._verifier else ""
        self._screen.text(f"\n{self._requests} request{'' if self._requests == 1 else 's'}{checked}")

    def _show(self, seen: Seen) -> None:
        request = seen.request
        self._screen.line(
            (f"{time.strftime('%H:%M:%S')} ", DIM),
            _mark(seen, is_signed=self._asked.signing.scheme is not Scheme.NONE),
            (f"  → {seen.status}  ", "" if seen.status < 300 else WARN),
            f"{request.method} {request.path_qs}  ",
            (f"{seen.type or ''}  ", NAME),
            (seen.webhook_id or "", DIM),
        )
        for line in _shown(seen.body, self._screen.rows - 4, self._screen.columns):
            self._screen.line(line)


def _type(body: bytes, members: Sequence[Sequence[str]]) -> str | None:
    """The first of these members that is a text; each is a path."""
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    for path in members:
        value = parsed if path else None
        for name in path:
            value = value.get(name) if isinstance(value, dict) else None
        if isinstance(value, str):
            return value
    return None


def _mark(seen: Seen, *, is_signed: bool) -> Span:
    if not seen.checked:
        return ("- no secret given" if is_signed else "- not signed", DIM)
    return (f"✗ {seen.refusal}", BAD) if seen.refusal else ("✓ verified", GOOD)


def _shown(body: bytes, rows: int, columns: int) -> list[str]:
    """The body in lines, a screenful at the most; JSON is laid out, its values as they were written."""
    try:
        orjson.loads(body)
        text = laid_out(body.decode())
    except orjson.JSONDecodeError:
        text = body[: 2 * rows * columns].decode("utf-8", "backslashreplace")
    lines = [line if len(line) <= columns else line[: columns - 1] + CUT for line in text.splitlines()]
    if len(lines) > rows:
        lines = [*lines[: rows - 1], f"{CUT} {len(lines) - rows + 1} more lines; {len(body):,} bytes in all"]
    return lines


def _json(seen: Seen) -> bytes:
    try:
        orjson.loads(seen.body)
        # As it was written: reading would round numbers and drop repeated keys. In JSON a bare line end is only space.
        body = orjson.Fragment(seen.body.replace(b"\r", b" ").replace(b"\n", b" "))
    except orjson.JSONDecodeError:
        body = orjson.Fragment(orjson.dumps(seen.body.decode("utf-8", "backslashreplace")))
    return orjson.dumps(
        {
            "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "method": seen.request.method,
            "path": seen.request.path_qs.encode("utf-8", "backslashreplace").decode(),
            "webhook_id": seen.webhook_id and seen.webhook_id.encode("utf-8", "backslashreplace").decode(),
            "type": seen.type,
            "verified": seen.refusal is None if seen.checked else None,
            "refusal": seen.refusal,
            "status": seen.status,
            "body": body,
        },
        option=orjson.OPT_APPEND_NEWLINE,
    )


async def _listen(host: str, port: int, listener: Listener) -> None:
    app = web.Application(client_max_size=LARGEST_BODY)
    app.router.add_route("*", "/{path:.*}", listener.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError as error:
        await runner.cleanup()
        raise DispatcherError(f"cannot listen on {host}:{port}: {error.strerror or error}") from None
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, listener.stopping.set)
    listener.greet(f"http://{f'[{host}]' if ':' in host else host}:{runner.addresses[0][1]}")
    await listener.stopping.wait()
    await runner.cleanup()
    listener.summarize()
