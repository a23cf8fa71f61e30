"""The same sender by way of a forward proxy."""

import asyncio
import ssl
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

import aiohttp
from aiohttp.connector import Connection

from dispatcher.model import NoReply, Reason, Reply, Request
from dispatcher.policy.egress import Egress
from dispatcher.policy.proxy import Proxy, own_word
from dispatcher.transport.connections import Connections
from dispatcher.transport.failures import Judged
from dispatcher.transport.sender import Sender
from dispatcher.transport.tunnels import Tunnels

PATIENCE_S = 1.0
"""A request that has no answer so long before its deadline has the proxy asked whether it is there."""


async def try_tunnels(proxy: Proxy, *targets: str) -> list[NoReply | None]:
    """Why there can be no tunnel to each of these, "host:port"; nothing is sent to them."""
    tunnels = Tunnels(proxy, ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))  # never used, there being no handshake
    async with tunnels:
        return [await tunnels.try_tunnel(target) for target in targets]


class Relayed(aiohttp.ClientResponse):
    """A reply that is a receiver's: what is the proxy's own word is raised as `Judged`, and its text not read."""

    async def start(self, connection: Connection) -> "Relayed":
        """As aiohttp calls it, once the request is written."""
        session = self._session  # gone once the reply is whole
        await super().start(connection)
        if self.url.scheme == "http":
            headers = {name.lower(): value for name, value in self.headers.items()}
            if word := own_word(self.status, headers):
                tunnels = session and session.connector
                raise tunnels.named(word) if isinstance(tunnels, Tunnels) else Judged(word)
        return self


class ProxiedSender(Sender):
    """Like `Sender`, but every connection is made to `proxy`, which looks up the receivers' names.

    What is the proxy's fault is `proxy`. Where it cannot be told from a receiver's (silence, a connection that breaks),
    it is the receiver's if the proxy has meanwhile answered anybody, or does when it is asked: a receiver whose packets
    are dropped keeps CONNECT waiting for longer than any deadline (Squid: a minute), and is not to be tried for ever.
    """

    response_class = Relayed

    def __init__(
        self, egress: Egress, proxy: Proxy, *, ca_file: str = "", nameservers: Sequence[str] | None = None
    ) -> None:
        super().__init__(egress, ca_file=ca_file, nameservers=nameservers)
        self.proxy = self._proxy = proxy
        self._silent_at = float("-inf")
        self._asking = asyncio.Lock()
        self._tunnels: Tunnels

    def _connections(self) -> Connections:
        self._tunnels = Tunnels(self._proxy, self._tls)
        return self._tunnels

    async def post(self, request: Request, deadline_s: float) -> Reply | NoReply:
        """As `Sender.post`."""
        loop = asyncio.get_running_loop()
        began, ends = loop.time(), loop.time() + deadline_s
        doubtful = max(began, ends - PATIENCE_S)
        async with asyncio.TaskGroup() as tasks:
            doubt = tasks.create_task(self._doubt(doubtful, ends))
            answer = await super().post(self._with_credentials(request), deadline_s)
            doubt.cancel()
        match answer:
            case Reply():
                self._tunnels.heard_at = loop.time()
            case NoReply(Reason.TIMEOUT) if self._tunnels.heard_at < doubtful:
                return NoReply(Reason.PROXY, f"proxy {self._proxy}: no answer within the deadline")
            case NoReply(Reason.RESET | Reason.PROTOCOL) if not await self._answers(loop.time(), ends):
                return NoReply(Reason.PROXY, f"proxy {self._proxy}: it answers nobody; {answer.note}")
        return answer

    def _with_credentials(self, request: Request) -> Request:
        """A request over http is itself addressed to the proxy; one over https is not for its eyes."""
        if self._proxy.authorization is None or not request.url.startswith("http:"):
            return request
        return replace(request, headers={**request.headers, "proxy-authorization": self._proxy.authorization})

    async def _doubt(self, since: float, ends: float) -> None:
        await asyncio.sleep(since - asyncio.get_running_loop().time())
        await self._answers(since, ends)

    async def _answers(self, since: float, ends: float) -> bool:
        """Whether the proxy has answered anybody since then, or does now."""
        async with self._asking:  # one asks, for all who wonder
            if max(self._tunnels.heard_at, self._silent_at) < since:
                await self._ask(ends)
        return self._tunnels.heard_at >= since

    async def _ask(self, ends: float) -> None:
        asked = asyncio.get_running_loop().time()
        with suppress(Exception):
            async with asyncio.timeout_at(min(ends, asked + PATIENCE_S)):
                await self._tunnels.call()
            return
        self._silent_at = asked
