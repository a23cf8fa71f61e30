"""Names to addresses, as far as the egress rules allow."""

import asyncio
import socket
from collections.abc import Callable, Sequence

import aiodns
from aiohttp.abc import AbstractResolver, ResolveResult

from dispatcher.policy.egress import Egress
from dispatcher.transport.guard import BlockedAddress

PER_FAMILY = 4
"""Of each family, so at most eight in all: a name with 200 addresses would have every one of them tried."""

QUERY_S = 1.0
TRIES = 2
"""A dead name server is given up after about 3 s; c-ares doubles the wait for the second try."""

LOOPBACK = ["127.0.0.1", "::1"]


class Resolver(AbstractResolver):
    """c-ares for the world, the system's resolver for the names the operator vouches for.

    c-ares, because `getaddrinfo` holds a thread for as long as a name server is silent, and a handful of dead ones
    would stop everybody's deliveries. It keeps answers for as long as they say they live, so there is no second cache
    here. Names in `allow_hosts` may stand in `/etc/hosts` or in a container's own DNS: for them the system knows best.
    """

    def __init__(self, egress: Egress, nameservers: Sequence[str] | None = None) -> None:
        self._egress = egress
        # Numbers only. pycares (5.2.1) frees the text of an option such as `lookups` before c-ares has copied it: now
        # and then a channel is born that finds no name at all, for as long as the process lives.
        self._dns = aiodns.DNSResolver(nameservers, timeout=QUERY_S, tries=TRIES)

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_UNSPEC,
    ) -> list[ResolveResult]:
        """The addresses of `host` that may be called, a few of each family.

        Raises `BlockedAddress` if there are addresses and all are forbidden, else OSError if there are none.
        """
        allowed = [
            address
            for address in self._allowed(await self._look_up(host), port, host)
            if family in (socket.AF_UNSPEC, _family(address))
        ]
        few = [
            address
            for wanted in (socket.AF_INET, socket.AF_INET6)
            for address in [one for one in allowed if _family(one) == wanted][:PER_FAMILY]
        ]
        return [_result(host, address, port) for address in allowed if address in few]

    async def _look_up(self, host: str) -> list[str]:
        if host == "localhost" or host.endswith(".localhost"):
            return LOOPBACK  # RFC 6761, 6.3: never asked of anybody
        if self._egress.allows_host(host):
            return await _known_to_the_system(host)
        try:
            # The dot makes the name absolute: no search domain is appended, and no line of /etc/hosts is like it.
            answer = await self._dns.getaddrinfo(host.rstrip(".") + ".", type=socket.SOCK_STREAM)
        except aiodns.error.DNSError as error:
            raise OSError(None, str(error.args[-1])) from error
        return list(dict.fromkeys(node.addr[0].decode("ascii") for node in answer.nodes))

    def _allowed(self, addresses: list[str], port: int, host: str) -> list[str]:
        rules = {address: self._egress.refuse_address(address, port, host) for address in addresses}
        allowed = [address for address, rule in rules.items() if rule is None]
        if not allowed:
            raise next((BlockedAddress(rule) for rule in rules.values() if rule), OSError(None, "it has no addresses"))
        return allowed

    async def close(self) -> None:
        await self._dns.close()


class ProxyResolver(AbstractResolver):
    """The proxy's name, and no other: receivers' names are the proxy's to look up.

    By the system's resolver, as for all that the operator vouches for. `found` hears of every answer.
    """

    def __init__(self, host: str, found: Callable[[frozenset[str]], None]) -> None:
        self._host = host
        self._found = found

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_UNSPEC,  # noqa: ARG002 the signature is aiohttp's
    ) -> list[ResolveResult]:
        """Its addresses. Raises OSError if there are none, `BlockedAddress` for another name."""
        if host != self._host:
            raise BlockedAddress(f"{host} is not the proxy, {self._host}")
        addresses = await _known_to_the_system(host)
        self._found(frozenset(addresses))
        return [_result(host, address, port) for address in addresses]

    async def close(self) -> None:
        """There is nothing to close."""


async def _known_to_the_system(host: str) -> list[str]:
    found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def _family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def _result(host: str, address: str, port: int) -> ResolveResult:
    return ResolveResult(
        hostname=host,
        host=address,
        port=port,
        family=_family(address),
        proto=socket.IPPROTO_TCP,
        flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
    )
