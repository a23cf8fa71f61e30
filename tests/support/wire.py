"""Receivers that speak bytes: whatever a test scripts, well-formed or not."""

import asyncio
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field


@dataclass
class Line:
    """One accepted connection, seen from the receiver."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    receiver: "Receiver"

    async def request(self) -> bytes:
        """The next request, whole: head and body as they came. IncompleteReadError once the sender has left."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        lengths = [line.split(b":")[1] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        body = await self.reader.readexactly(int(lengths[0])) if lengths else b""
        self.receiver.requests.append(head + body)
        return head + body

    async def say(self, *pieces: bytes) -> None:
        for piece in pieces:
            self.writer.write(piece)
            await self.writer.drain()

    async def until_left(self) -> None:
        """Say nothing until the sender closes the connection."""
        with suppress(ConnectionError):
            while await self.reader.read(65536):
                pass
        self.receiver.left.set()

    def reset(self) -> None:
        """Leave with a RST instead of a FIN."""
        self.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


Talk = Callable[[Line], Awaitable[None]]


@dataclass
class Receiver:
    port: int = 0
    scheme: str = "http"
    connections: int = 0
    requests: list[bytes] = field(default_factory=list)
    left: asyncio.Event = field(default_factory=asyncio.Event)

    def url(self, path: str = "/hook", host: str = "127.0.0.1") -> str:
        return f"{self.scheme}://{host}:{self.port}{path}"


@asynccontextmanager
async def receiving(talk: Talk, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[Receiver]:
    """A receiver on a free port that has `talk` with everyone who connects."""
    receiver = Receiver(scheme="https" if tls else "http")
    tasks: set[asyncio.Task[None]] = set()

    async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        receiver.connections += 1
        tasks.add(asyncio.current_task())
        with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            await talk(Line(reader, writer, receiver))
        # A polite end of TLS waits for the sender's part in it.
        _ = writer.transport.abort() if tls else writer.close()

    server = await asyncio.start_server(meet, "127.0.0.1", 0, ssl=tls)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()


def saying(*pieces: bytes, then: str = "wait") -> Talk:
    """Answer the first request with these bytes, then `wait` for the sender to leave, `close`, or `reset`."""

    async def talk(line: Line) -> None:
        await line.request()
        await line.say(*pieces)
        if then == "wait":
            await line.until_left()
        elif then == "reset":
            line.reset()

    return talk


def answering(*replies: bytes) -> Talk:
    """Answer each request of a connection with the next of these replies; the last one for all that follow."""

    async def talk(line: Line) -> None:
        waiting = list(replies)
        while True:
            await line.request()
            await line.say(waiting.pop(0) if len(waiting) > 1 else waiting[0])

    return talk


def silence() -> Talk:
    async def talk(line: Line) -> None:
        await line.until_left()

    return talk
