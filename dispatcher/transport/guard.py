"""The one place a socket towards a receiver is made."""

import errno
import socket
from contextvars import ContextVar

from aiohttp import AddrInfoType

from dispatcher.policy.egress import Egress
from dispatcher.policy.proxy import Proxy

RECEIVE_BUFFER = 64 * 1024
"""Bounds what the kernel holds for us, and so what one read can bring, from a receiver that floods."""

dialling: ContextVar[str] = ContextVar("dialling", default="")
"""The host as the URL names it, for rules that are about names; tasks racing for a connection inherit it."""


class BlockedAddress(OSError):
    """The egress rules forbid this address. An OSError, because aiohttp and its helpers carry only those through."""

    def __init__(self, rule: str) -> None:
        super().__init__(errno.EACCES, rule)
        self.rule = rule


class Guard:
    def __init__(self, egress: Egress) -> None:
        self._egress = egress

    def open(self, target: AddrInfoType) -> socket.socket:
        """Make the socket for exactly this address, or raise `BlockedAddress`.

        It stands behind every road to a connection: names, literals, each address of a race. So an answer that
        changes between check and use changes nothing.
        """
        family, kind, protocol, _, address = target
        host = str(address[0])
        # Anything but a numeric address would be resolved once more, unseen, when connecting; a scope names an
        # interface of this machine.
        if not _is_numeric(family, host) or any(address[2:]):
            raise BlockedAddress(f"{host!r} is not a plain address")
        rule = self._refuse(host, int(address[1]))
        if rule is not None:
            raise BlockedAddress(rule)
        opened = socket.socket(family, kind, protocol)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        return opened

    def _refuse(self, address: str, port: int) -> str | None:
        return self._egress.refuse_address(address, port, dialling.get())


class OneDoor(Guard):
    """Opens for nothing but the proxy: the addresses its name was found to have, and its port.

    The proxy is usually a neighbour, on a private address that no endpoint may have; so the rules are not asked. What
    they say of a target they can only say of its URL, and the proxy has to say it of the address.
    """

    def __init__(self, proxy: Proxy) -> None:
        self._proxy = proxy
        self.addresses = frozenset({proxy.host})

    def _refuse(self, address: str, port: int) -> str | None:
        if address in self.addresses and port == self._proxy.port:
            return None
        return f"{address} port {port} is not the proxy, {self._proxy}"


def _is_numeric(family: int, address: str) -> bool:
    try:
        socket.inet_pton(family, address)
    except (OSError, ValueError):
        return False
    return True
