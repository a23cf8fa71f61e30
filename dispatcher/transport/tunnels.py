"""Connections by way of a forward proxy: tunnels to https receivers, and plain ones for what goes over http.

CONNECT is spoken here and not by aiohttp, for which whatever a proxy does is the receiver's doing: until there is a
tunnel nobody but the proxy has said anything, and afterwards nobody but the receiver.
"""

import asyncio
import re
import ssl

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.client_reqrep import ClientRequest
from aiohttp.tracing import Trace
from yarl import URL

from dispatcher.model import NoReply, Reason
from dispatcher.policy.proxy import Proxy, refuse_tunnel
from dispatcher.transport.connections import Connections
from dispatcher.transport.failures import Judged, reason_of
from dispatcher.transport.guard import OneDoor
from dispatcher.transport.resolver import ProxyResolver

NAME_KEPT_S = 10
"""Every new connection needs the proxy's address, and the system's resolver would hold a thread for each."""

LONGEST_HEAD = 16 * 1024
"""Interim answers included."""

BEGINNING = b"HTTP/1."
STATUS = re.compile(rb"HTTP/1\.[01] ([1-9][0-9]{2})(?: [^\r\n]*)?")
HEADER = re.compile(rb"([!#-'*+.0-9A-Z^_`a-z|~-]+):[ \t]*([^\r\n]*)")

NO_TIMEOUTS = aiohttp.ClientTimeout(total=None)
Answer = tuple[int, dict[str, str]]


class Asking(asyncio.Protocol):
    """Reads the head of one answer, and keeps what comes behind it, which nobody asked for, in `rest`."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.answer: asyncio.Future[Answer] = loop.create_future()
        self.rest = b""
        self._received = 0

    def data_received(self, data: bytes) -> None:
        self.rest += data
        self._received += len(data)
        if self._received > LONGEST_HEAD:
            self._fail("what it answers is too long")
        while not self.answer.done():
            head, ends, rest = self.rest.partition(b"\r\n\r\n")
            if not (self.rest.startswith(BEGINNING) or BEGINNING.startswith(self.rest)):
                self._fail("what it answers is not HTTP")
            elif not ends:
                break
            else:
                self.rest = rest
                self._read(head)

    def _read(self, head: bytes) -> None:
        first, *lines = head.split(b"\r\n")
        status, fields = STATUS.fullmatch(first), [HEADER.fullmatch(line) for line in lines]
        if status is None or not all(fields):
            self._fail("what it answers is not HTTP")
        elif int(status[1]) >= 200 or int(status[1]) == 101:
            told = {each[1].decode().lower(): each[2].decode("latin-1") for each in fields if each}
            self.answer.set_result((int(status[1]), told))

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail(f"it {'reset' if exc else 'closed'} the connection instead of answering")

    def _fail(self, note: str) -> None:
        if not self.answer.done():
            self.answer.set_exception(Judged(NoReply(Reason.PROXY, note)))


class Tunnels(Connections):
    """All to the proxy, whatever the target. `heard_at` is when it last answered anything, on the loop's clock."""

    def __init__(self, proxy: Proxy, tls: ssl.SSLContext) -> None:
        self._proxy = proxy
        self._url = URL(proxy.url)
        self._door = door = OneDoor(proxy)
        super().__init__(door, ProxyResolver(proxy.host, self._found), tls, names_kept_s=NAME_KEPT_S)
        self.heard_at = float("-inf")

    def _found(self, addresses: frozenset[str]) -> None:
        self._door.addresses = addresses

    async def _create_connection(
        self,
        req: ClientRequest,
        traces: list[Trace],  # noqa: ARG002 the signature is aiohttp's
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 likewise
    ) -> ResponseHandler:
        transport, wire = await self._reach()
        if not req.is_ssl():
            return wire
        try:
            await self._tunnel(transport, wire, f"{req.url.host_subcomponent}:{req.url.port}")
        except BaseException:
            transport.abort()
            raise
        # From here on it is as if we had connected to the receiver: the same context, the same checks, the same errors.
        _, inner = await self._start_tls_connection(transport, req=req, timeout=timeout)
        return inner

    def _update_proxy_auth_header_and_build_proxy_req(self, req: ClientRequest) -> ClientRequest:
        """Nothing: what aiohttp builds here, for every request over a kept connection, nobody would look at."""
        return req

    async def _reach(self) -> tuple[asyncio.Transport, ResponseHandler]:
        request = ClientRequest("GET", self._url, loop=self._loop)
        try:
            return await self._create_direct_connection(request, [], NO_TIMEOUTS)
        except (aiohttp.ClientError, OSError) as error:
            answer = reason_of(error)
            # This machine's own trouble keeps its name; whatever else it is, no receiver has to do with it.
            raise self.named(
                answer if answer.reason is Reason.INTERNAL else NoReply(Reason.PROXY, answer.note)
            ) from None

    async def _tunnel(self, transport: asyncio.Transport, wire: ResponseHandler, target: str) -> None:
        status, headers, rest = await self._ask(transport, wire, "CONNECT", target, target)
        if refusal := refuse_tunnel(status, headers):
            raise self.named(refusal)
        if rest:
            # A receiver that speaks first does not speak TLS; nor could what it has said be told from an answer.
            raise Judged(NoReply(Reason.TLS, "the receiver spoke before the handshake"))

    async def _ask(
        self, transport: asyncio.Transport, wire: ResponseHandler, method: str, target: str, host: str, *more: str
    ) -> tuple[int, dict[str, str], bytes]:
        if wire.should_close:
            raise self.named(NoReply(Reason.PROXY, "it spoke before it was asked"))
        asking = Asking(self._loop)
        transport.set_protocol(asking)
        lines = [f"{method} {target} HTTP/1.1", f"host: {host}", *more]
        if self._proxy.authorization:
            lines.append(f"proxy-authorization: {self._proxy.authorization}")
        transport.write("\r\n".join([*lines, "", ""]).encode("ascii"))
        try:
            status, headers = await asking.answer
        except Judged as error:
            raise self.named(error.answer) from None
        self.heard_at = self._loop.time()
        return status, headers, asking.rest

    async def call(self) -> None:
        """Ask the proxy for anything at all, to hear whether it answers. Raises `Judged`.

        Max-Forwards keeps the question from going any further (RFC 9110, 7.6.2); that it is refused is an answer, too.
        """
        transport, wire = await self._reach()
        try:
            await self._ask(transport, wire, "OPTIONS", "*", str(self._proxy), "max-forwards: 0", "connection: close")
        finally:
            transport.abort()

    async def try_tunnel(self, target: str) -> NoReply | None:
        """Why there can be no tunnel to `target`, "host:port"; not a byte is sent through it."""
        try:
            transport, wire = await self._reach()
            try:
                await self._tunnel(transport, wire, target)
            finally:
                transport.abort()
        except Judged as error:
            return error.answer
        return None

    def named(self, answer: NoReply) -> Judged:
        """With the proxy's name, for whoever reads the log."""
        return Judged(NoReply(answer.reason, f"proxy {self._proxy}: {answer.note}"))
