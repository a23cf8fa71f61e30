"""Connections: so many and no more. Who has said nothing yet gives way to who comes; who is being served does not."""

import asyncio
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import structlog
from aiohttp import web

from dispatcher.admin.problems import Problem
from dispatcher.admin.replies import of_problem

log = structlog.get_logger()

MOST = 256
IDLE_S = 15.0
"""Without a whole request head; from the first byte on, and after each reply."""
UNREAD_S, UNREAD = 30.0, 16
"""Within which a large reply has to be read, and how many may wait for that: else they pile up in our memory."""
LINGER_S = 1.0
"""For what is left of a refused body, so that the refusal is read before the connection ends."""
LAST_WORDS_S = 1.0
LONGEST_LINE, LONGEST_FIELD, MOST_FIELDS = 8190, 4096, 64


class Connection(web.RequestHandler):
    """One of them, as aiohttp serves it."""

    def __init__(self, doors: "Connections", **options: Any) -> None:  # noqa: ANN401 of aiohttp's own
        super().__init__(doors, **options)
        self._doors = doors
        self._unread: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._doors.came(self)

    def connection_lost(self, exc: BaseException | None) -> None:
        self._doors.went(self)
        self._is_read()
        super().connection_lost(exc)

    def cut(self) -> None:
        """At once: to close would wait until the other side has read what was answered, which may be never."""
        transport = self.transport  # which force_close forgets
        self.force_close()
        if transport is not None:
            transport.abort()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._unread = asyncio.get_running_loop().call_later(self._doors.unread_s, self.cut)
        self._doors.stalls(self)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._is_read()

    def _is_read(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None
            self._doors.stalled.pop(self, None)

    @contextmanager
    def working(self) -> Iterator[None]:
        """Not to be cut meanwhile."""
        self._doors.waiting.pop(self, None)
        try:
            yield
        finally:
            self._doors.waits(self)

    def handle_error(
        self,
        request: web.BaseRequest,  # noqa: ARG002 there is none: it could not be parsed
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 what the parser says shows what was sent
    ) -> web.StreamResponse:
        """What cannot be parsed gets a problem, and no traceback in the log: anybody can send it at any rate."""
        if status >= 500:
            log.error("request.failed", id=None, exc_info=exc)
            return of_problem(Problem("internal", "this is a fault of ours", closes=True))
        log.debug("request.answered", method=None, path=None, status=status, duration_ms=0)
        return of_problem(Problem("malformed", "this is not a request of HTTP/1.1, or too long for one", closes=True))

    def log_exception(self, *args: Any, **kw: Any) -> None:  # noqa: ANN401, ARG002 aiohttp's
        log.error("request.failed", id=None, exc_info=kw.get("exc_info"))


class Connections(web.Server):
    """All of them; makes one for each that comes."""

    def __init__(self, handler: Any, *, most: int = MOST, idle_s: float = IDLE_S, unread_s: float = UNREAD_S) -> None:  # noqa: ANN401 aiohttp's
        super().__init__(handler)
        self._most = most
        self.unread_s = unread_s
        self.stalled: dict[Connection, None] = {}
        """Those whose reply is not being read, the longest stalled first."""
        self._options = {
            "loop": asyncio.get_running_loop(),
            "keepalive_timeout": idle_s,
            "lingering_time": LINGER_S,
            "access_log": None,
            "auto_decompress": False,
            "max_line_size": LONGEST_LINE,
            "max_field_size": LONGEST_FIELD,
            "max_headers": MOST_FIELDS,
        }
        self.all: set[Connection] = set()
        self.waiting: dict[Connection, None] = {}
        """Those not being served, the longest waiting first."""

    def __call__(self) -> Connection:
        return Connection(self, **self._options)

    def __repr__(self) -> str:
        return f"<Connections {len(self.all)}/{self._most}, {len(self.waiting)} waiting>"

    def came(self, connection: Connection) -> None:
        if len(self.all) >= self._most:
            oldest = next(iter(self.waiting), connection)
            self.went(oldest)
            oldest.cut()
            if oldest is connection:
                return
        self.all.add(connection)
        self.waiting[connection] = None

    def stalls(self, connection: Connection) -> None:
        self.stalled[connection] = None
        if len(self.stalled) > UNREAD:
            next(iter(self.stalled)).cut()

    def waits(self, connection: Connection) -> None:
        if connection in self.all:
            self.waiting[connection] = None

    def went(self, connection: Connection) -> None:
        self.all.discard(connection)
        self.waiting.pop(connection, None)

    async def end(self) -> None:
        """Cut those that are not being served, give the others a moment, and cut them, too."""
        for connection in list(self.waiting):
            connection.cut()
        self.pre_shutdown()
        await self.shutdown(LAST_WORDS_S)


@contextmanager
def working(request: web.BaseRequest) -> Iterator[None]:
    connection = request.protocol
    if not isinstance(connection, Connection):
        raise TypeError("a connection of ours has our protocol")
    with connection.working():
        yield


def peer_of(request: web.BaseRequest) -> str:
    """Who is at the other end: an address, or of a Unix socket the user."""
    transport = request.transport
    if transport is None:
        return "gone"
    name = transport.get_extra_info("peername")
    return str(name[0]) if isinstance(name, tuple) else _user(transport)


def _user(transport: asyncio.BaseTransport) -> str:
    sock = transport.get_extra_info("socket")
    try:
        credentials = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    except (AttributeError, OSError):
        return "unix"
    _, uid, _ = struct.unpack("3i", credentials)
    return f"uid {uid}"
