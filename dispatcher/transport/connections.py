"""Connections that are kept, and when one is no longer fit to carry an answer.

Leans on names that aiohttp does not document (`_get`, `_release`, `_create_connection`, `_factory`), for which there is
no public way; the minor is pinned, and the tests of this package go red if a release moves them.
"""

import asyncio
import functools
import select
import ssl
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver
from aiohttp.client_proto import ResponseHandler
from aiohttp.client_reqrep import ClientRequest, ConnectionKey
from aiohttp.connector import Connection
from aiohttp.tracing import Trace

from dispatcher.transport.guard import Guard, dialling

KEPT_REPLY = 16 * 1024
"""How much of a reply's body is kept for the operator; the rest is never read."""

REPLY_BUDGET = 192 * 1024
"""What a receiver may send before its head, or the kept part of its body, has arrived.

Interim replies and chunk extensions are skipped without limit by the parser, at full speed, for as long as the deadline
allows. Room enough for 16 KiB in chunks of one byte, at seven bytes each.
"""

HEAD_ENDS = b"\r\n\r\n"

IDLE_S = 15
"""Not reused when idle for longer; closed by a sweep at most as long after. Many servers offer 5 s, nginx 75."""

IDLE_CONNECTIONS = 512
"""In all; beyond it the one idle for longest is closed. As many as may be in flight, so a steady load keeps them."""


class FloodedReply(aiohttp.ClientError):
    """The receiver sent far more than any head needs, and no reply in it."""


class Wire(ResponseHandler):
    """One connection's protocol: counts what comes in, and ends it when anything comes unasked."""

    def __init__(self, loop: asyncio.AbstractEventLoop, idle: dict[ResponseHandler, None]) -> None:
        super().__init__(loop)
        self._idle = idle
        self._received = 0
        self._headed = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._socket = select.poll()
        self._socket.register(transport.get_extra_info("socket").fileno(), select.POLLIN)

    def set_response_params(self, **params: Any) -> None:  # noqa: ANN401 passed on unread
        self._received = 0
        self._headed = False
        super().set_response_params(**params)

    def data_received(self, data: bytes) -> None:
        if self in self._idle:
            # Without data it is aiohttp going on where it paused, not the receiver.
            if data:
                self.close()
            return
        self._received += len(data)
        # Head and rest apart: what cannot be parsed behind a head must not take the head with it.
        ends = 0 if self._headed else data.find(HEAD_ENDS) + 1
        if ends:
            self._headed = True
            super().data_received(data[: ends + 3])
            data = data[ends + 3 :]
        if data or not ends:
            super().data_received(data)
        if self._received > REPLY_BUDGET and self._is_flooded():
            self._cut()
        if self._exception is not None and self._payload is not None and not self._payload.is_eof():
            # aiohttp tells only those who wait for a head; whoever reads the body would go on waiting.
            self._payload.set_exception(self._exception)

    def _is_flooded(self) -> bool:
        # A large body is not a flood: once the part we keep is here, flow control holds the rest back.
        return self._payload is None or self._payload.total_bytes < KEPT_REPLY

    def _cut(self) -> None:
        self.set_exception(FloodedReply())
        # Not `self.abort()`: that forgets the exception nobody may have been waiting for yet.
        if self.transport is not None:
            self.transport.abort()

    def close(self) -> None:
        # Nothing is said to a receiver in parting: a polite TLS shutdown would let it hold the socket for 30 s more.
        self.abort()

    def connection_lost(self, exc: BaseException | None) -> None:
        self._idle.pop(self, None)
        super().connection_lost(exc)

    def is_fit(self) -> bool:
        """Whether the next thing to come can only be an answer to the next request."""
        return not self.should_close and not self._holds_a_beginning() and not self._is_readable()

    def _holds_a_beginning(self) -> bool:
        """Whether the parser was given the first bytes of a reply nobody asked for; it tells only at an end."""
        try:
            return self._parser is not None and self._parser.feed_eof() is not None
        except Exception:  # noqa: BLE001 whatever it minds, it is not between two replies
            return True

    def _is_readable(self) -> bool:
        """Whether the socket has an end, or bytes, that the loop has not read yet."""
        return self.transport is None or bool(self._socket.poll(0))


class Connections(aiohttp.TCPConnector):
    """aiohttp's pool per receiver (host, port, TLS), each connection looked at before it is used again."""

    def __init__(
        self, guard: Guard, resolver: AbstractResolver, tls: ssl.SSLContext, *, names_kept_s: int | None = None
    ) -> None:
        super().__init__(
            resolver=resolver,
            socket_factory=guard.open,
            ssl=tls,
            use_dns_cache=names_kept_s is not None,
            ttl_dns_cache=names_kept_s,
            keepalive_timeout=IDLE_S,
            limit=0,  # the lanes are the limit
        )
        self._idle: dict[ResponseHandler, None] = {}
        # A partial of a subclass is one of the class, but the types do not know.
        self._factory = functools.partial(Wire, self._loop, self._idle)  # type: ignore[assignment]

    async def _create_connection(
        self,
        req: ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 the signature is aiohttp's
    ) -> ResponseHandler:
        before = dialling.set(req.url.raw_host or "")
        try:
            return await super()._create_connection(req, traces, timeout)
        finally:
            dialling.reset(before)

    async def _get(self, key: ConnectionKey, traces: list[Trace]) -> Connection | None:
        while (connection := await super()._get(key, traces)) is not None:
            wire = connection.protocol
            if isinstance(wire, Wire):
                self._idle.pop(wire, None)
                if wire.is_fit():
                    return connection
            connection.close()
        return None

    def _release(self, key: ConnectionKey, protocol: ResponseHandler, *, should_close: bool = False) -> None:
        if self._closed or should_close or protocol.should_close:
            super()._release(key, protocol, should_close=should_close)
            return
        self._idle[protocol] = None
        super()._release(key, protocol)
        if len(self._idle) > IDLE_CONNECTIONS:
            next(iter(self._idle)).close()
