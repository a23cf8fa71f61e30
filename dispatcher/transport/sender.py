"""One POST, one answer."""

import asyncio
from collections.abc import Iterable, Sequence
from contextlib import AsyncExitStack, suppress
from typing import Self

import aiohttp
from yarl import URL

from dispatcher.model import NoReply, Reply, Request
from dispatcher.policy.egress import Egress
from dispatcher.policy.proxy import Proxy
from dispatcher.transport.connections import KEPT_REPLY, Connections
from dispatcher.transport.failures import reason_of
from dispatcher.transport.guard import Guard
from dispatcher.transport.resolver import Resolver
from dispatcher.transport.trust import tls_context

BODY_S = 2.0
"""For the body once the head is here: the head has decided, so a dripping body may not hold the slot."""

RETRY_AFTER_LENGTH = 100

# Off, all of them: aiohttp rounds anything above 5 s up to the next whole second. The deadline is ours.
NO_TIMEOUTS = aiohttp.ClientTimeout(total=None, connect=None, sock_connect=None, sock_read=None)


class Composed(aiohttp.ClientRequest):
    """A request with the headers it was given; aiohttp adds Host and Content-Length, and nothing of its own mind."""

    def update_auto_headers(self, skip_auto_headers: Iterable[str] | None) -> None:
        """Not `skip_auto_headers`, which costs a copy of all headers per request: a tenth of what a POST costs."""


class Sender:
    """Posts to receivers over kept connections. An async context manager; leaving it closes every connection.

    `ca_file` is trusted in addition to the system's store. `nameservers` ("address:port") replace the system's.
    Raises ConfigError if `ca_file` cannot be used or no certificate authority is trusted.
    """

    proxy: Proxy | None = None
    response_class: type[aiohttp.ClientResponse] = aiohttp.ClientResponse

    def __init__(self, egress: Egress, *, ca_file: str = "", nameservers: Sequence[str] | None = None) -> None:
        self._egress = egress
        self._nameservers = nameservers
        self._tls = tls_context(ca_file)
        self._stack = AsyncExitStack()
        self._session: aiohttp.ClientSession

    def _connections(self) -> Connections:
        resolver = Resolver(self._egress, self._nameservers)
        self._stack.push_async_callback(resolver.close)
        return Connections(Guard(self._egress), resolver, self._tls)

    async def __aenter__(self) -> Self:
        self._session = await self._stack.enter_async_context(
            aiohttp.ClientSession(
                connector=self._connections(),
                proxy=self.proxy.url if self.proxy else None,
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,  # no proxies from the environment, no .netrc
                auto_decompress=False,
                timeout=NO_TIMEOUTS,
                read_bufsize=KEPT_REPLY,
                max_line_size=8190,
                max_field_size=8190,
                max_headers=64,
                request_class=Composed,
                response_class=self.response_class,
            )
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def post(self, request: Request, deadline_s: float) -> Reply | NoReply:
        """Send `request` and wait for its answer, for `deadline_s` from the first lookup to the last byte read.

        Never raises for what a receiver or the network does. Cancelling closes the connection.
        """
        loop = asyncio.get_running_loop()
        ends = loop.time() + deadline_s
        try:
            async with asyncio.timeout_at(ends):
                response = await self._session.post(
                    URL(request.url, encoded=True),
                    data=request.body,
                    headers=request.headers,
                    allow_redirects=False,
                )
        except Exception as error:  # noqa: BLE001 whatever it is, it belongs to this attempt alone
            return reason_of(error)
        try:
            body = await _beginning(response.content, min(ends, loop.time() + BODY_S))
        finally:
            # A complete reply has given its connection back by now; what is left here is not to be used again.
            response.close()
        return Reply(response.status, _retry_after(response), body)


async def _beginning(content: aiohttp.StreamReader, ends: float) -> bytes:
    if content.at_eof():
        return b""
    kept = bytearray()
    # Status line and headers have decided: a body that stalls, breaks off or lies about its length changes nothing.
    with suppress(Exception):
        async with asyncio.timeout_at(ends):
            while len(kept) < KEPT_REPLY and (piece := await content.read(KEPT_REPLY - len(kept))):
                kept += piece
    return bytes(kept)


def _retry_after(response: aiohttp.ClientResponse) -> str | None:
    value = response.headers.get("Retry-After", "").strip()
    usable = value.isascii() and value.isprintable() and 0 < len(value) <= RETRY_AFTER_LENGTH
    return value if usable else None
