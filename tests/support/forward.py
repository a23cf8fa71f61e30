"""A forward proxy as operators have one: CONNECT and absolute form, Basic auth, and whatever a test scripts."""

import asyncio
import re
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from tests.support.wire import Line, Receiver, receiving

ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"
HEAD = re.compile(rb"([A-Z]+) (?:http://)?(\[[0-9a-f:]+\]|[^:/ ]+)(?::([0-9]+))?([^ ]*) HTTP/1\.1\r\n")

Act = Callable[[Line], Awaitable[None]]


def status(code: int, *headers: str, body: bytes = b"the proxy's own words") -> Act:
    """Answer so instead of passing on."""
    lines = [f"HTTP/1.1 {code} Whatever", *headers, f"content-length: {len(body)}", "", ""]

    async def act(line: Line) -> None:
        await line.say("\r\n".join(lines).encode() + body)

    return act


def saying(*pieces: bytes, then: str = "close") -> Act:
    """Say this instead of an answer, then `close`, `reset` or `wait`."""

    async def act(line: Line) -> None:
        await line.say(*pieces)
        if then == "wait":
            await line.until_left()
        elif then == "reset":
            line.reset()
        raise ConnectionError

    return act


async def hang(line: Line) -> None:
    """Answer nothing."""
    await line.until_left()


@dataclass
class Forward:
    """`names` leads hosts to this machine; `acts` has, by host ("*": all), what is done instead of passing on.

    `established` are the pieces of the answer to CONNECT; `asked` has the first line of every request, `passed` the
    head of each that was passed on.
    """

    receiver: Receiver
    credentials: str | None = None
    names: dict[str, str] = field(default_factory=dict)
    acts: dict[str, Act] = field(default_factory=dict)
    established: tuple[bytes, ...] = (ESTABLISHED,)
    asked: list[bytes] = field(default_factory=list)
    passed: list[bytes] = field(default_factory=list)

    @property
    def port(self) -> int:
        return self.receiver.port

    @property
    def connections(self) -> int:
        return self.receiver.connections

    def url(self, credentials: str = "") -> str:
        return f"http://{credentials + '@' if credentials else ''}127.0.0.1:{self.port}"

    def connects(self) -> list[bytes]:
        return [line for line in self.asked if line.startswith(b"CONNECT ")]

    async def talk(self, line: Line) -> None:
        while True:
            head, body = await self._request(line)
            asked = HEAD.match(head)
            host = asked[2].decode().strip("[]") if asked else "*"
            if act := self.acts.get(host) or self.acts.get("*"):
                await act(line)
            elif not self._knows(head):
                await status(407, 'proxy-authenticate: Basic realm="test"')(line)
            elif asked is None or host == "*":
                await status(400)(line)
            else:
                await self._pass_on(line, head, body, asked)

    async def _request(self, line: Line) -> tuple[bytes, bytes]:
        head = await line.reader.readuntil(b"\r\n\r\n")
        self.asked.append(head.split(b"\r\n")[0])
        length = re.search(rb"\r\ncontent-length: *([0-9]+)", head, re.IGNORECASE)
        return head, await line.reader.readexactly(int(length[1]) if length else 0)

    def _knows(self, head: bytes) -> bool:
        if self.credentials is None:
            return True
        wanted = b"proxy-authorization: basic " + b64encode(self.credentials.encode())
        return wanted.lower() in head.lower()

    async def _pass_on(self, line: Line, head: bytes, body: bytes, asked: re.Match[bytes]) -> None:
        host, port = asked[2].decode().strip("[]"), int(asked[3] or 80)
        self.passed.append(head)
        try:
            reader, writer = await asyncio.open_connection(self.names.get(host, host), port)
        except OSError:
            await status(502)(line)
            return
        try:
            if asked[1] == b"CONNECT":
                await line.say(*self.established)
                there = _copy(line.reader, writer)
            else:
                there = self._relay(line, head + body, writer)
            await asyncio.gather(there, _copy(reader, line.writer))
        finally:
            writer.transport.abort()

    async def _relay(self, line: Line, request: bytes, writer: asyncio.StreamWriter) -> None:
        """Request after request, as one for the receiver itself; from here on the connection is this receiver's."""
        while True:
            writer.write(_origin_form(request))
            await writer.drain()
            head, body = await self._request(line)
            self.passed.append(head)
            request = head + body


def _origin_form(request: bytes) -> bytes:
    """Without what is for the proxy alone."""
    head, _, body = request.partition(b"\r\n\r\n")
    first, *lines = head.split(b"\r\n")
    method, target, version = first.split(b" ")
    kept = [line for line in lines if not line.lower().startswith(b"proxy-")]
    path = b"/" + target.split(b"/", 3)[3]
    return b"\r\n".join([b" ".join([method, path, version]), *kept, b"", body])


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while chunk := await reader.read(65536):
        writer.write(chunk)
        await writer.drain()
    writer.close()


@asynccontextmanager
async def forwarding(credentials: str | None = None, **names: str) -> AsyncIterator[Forward]:
    """A proxy on a free port; `credentials` ("user:password") are what it wants to see."""
    forward: Forward

    async def talk(line: Line) -> None:
        await forward.talk(line)

    async with receiving(talk) as receiver:
        forward = Forward(receiver, credentials, names)
        yield forward
