"""A network between the daemon and its Postgres: to be cut, to fall silent, to refuse."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from tests.support.postgres import Database

RESET = struct.pack("ii", 1, 0)


@dataclass
class Proxy:
    """Forwards to `upstream`, the folder of a server's socket. `accepted` counts who came, the refused included."""

    upstream: str
    port: int = 0
    accepted: int = 0
    _refuses: bool = False
    _flows: asyncio.Event = field(default_factory=asyncio.Event)
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)
    _tasks: set[asyncio.Task] = field(default_factory=set)

    def dsn(self, database: Database, role: str = "app_owner") -> str:
        return f"postgresql://{role}@127.0.0.1:{self.port}/{database.name}"

    def cut(self) -> None:
        """Reset every connection, towards both ends."""
        for writer in list(self._writers):
            _reset(writer)

    def stall(self) -> None:
        """Half-open: nothing is closed, nobody hears anything; what is said is held."""
        self._flows.clear()

    def lose(self) -> None:
        """The connections there are fall silent for good; new ones find the way."""
        self._flows.clear()
        self._flows = asyncio.Event()
        self._flows.set()

    def go_on(self) -> None:
        """Flow again, also what was held; take connections again."""
        self._refuses = False
        self._flows.set()

    def refuse(self) -> None:
        """Reset every connection, and each new one as it comes."""
        self._refuses = True
        self.cut()

    async def meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        self._tasks.add(asyncio.current_task())
        if self._refuses:
            _reset(writer)
            return
        flows = self._flows
        self._writers.add(writer)
        with suppress(OSError, asyncio.CancelledError):
            await flows.wait()
            inner_reader, inner = await asyncio.open_unix_connection(f"{self.upstream}/.s.PGSQL.5432")
            self._writers.add(inner)
            with suppress(OSError):
                await asyncio.gather(_copy(flows, reader, inner), _copy(flows, inner_reader, writer))
            _reset(inner)
            self._writers.discard(inner)
        _reset(writer)
        self._writers.discard(writer)

    async def leave(self) -> None:
        self.cut()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def _copy(flows: asyncio.Event, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while chunk := await reader.read(65536):
        await flows.wait()
        writer.write(chunk)
        await writer.drain()
    await flows.wait()
    writer.close()  # What one end has finished, the other hears; its own part ends with that.


def _reset(writer: asyncio.StreamWriter) -> None:
    inner = writer.get_extra_info("socket")
    if inner is not None and inner.family != socket.AF_UNIX and not writer.transport.is_closing():
        inner.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    writer.transport.abort()


@asynccontextmanager
async def proxying(database: Database) -> AsyncIterator[Proxy]:
    proxy = Proxy(database.folder)
    proxy.go_on()
    server = await asyncio.start_server(proxy.meet, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        await proxy.leave()
        await server.wait_closed()
