"""A small name server on UDP, and what it was asked."""

import asyncio
import ipaddress
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

NXDOMAIN, SERVFAIL = 3, 2
TYPES = {1: 4, 28: 6}


@dataclass
class NameServer(asyncio.DatagramProtocol):
    """Answers from `zone`: a name's addresses, an rcode, or None for silence. Unknown names do not exist.

    A list of lists is answered one list after the other, the last one for all that follow.
    """

    zone: dict[str, object]
    port: int = 0
    asked: list[tuple[str, int]] = field(default_factory=list)

    @property
    def at(self) -> str:
        return f"127.0.0.1:{self.port}"

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:
        self.transport = transport

    def datagram_received(self, query: bytes, sender: tuple[str, int]) -> None:
        name, end = _name(query, 12)
        (kind,) = struct.unpack_from("!H", query, end)
        self.asked.append((name, kind))
        answer = self.zone.get(name, NXDOMAIN)
        if answer is None:
            return
        rcode, addresses = (answer, []) if isinstance(answer, int) else (0, self._addresses(answer, kind))
        wanted = [a for a in map(ipaddress.ip_address, addresses) if a.version == TYPES.get(kind)]
        head = query[:2] + struct.pack("!HHHHH", 0x8180 | rcode, 1, len(wanted), 0, 0)
        # A time to live of nothing, so that every lookup is asked.
        records = [struct.pack("!HHHIH", 0xC00C, kind, 1, 0, len(a.packed)) + a.packed for a in wanted]
        self.transport.sendto(head + query[12 : end + 4] + b"".join(records), sender)

    @staticmethod
    def _addresses(answer: list[object], kind: int) -> list[object]:
        if not any(isinstance(turn, list) for turn in answer):
            return answer
        return answer.pop(0) if len(answer) > 1 and kind == 1 else answer[0]


def _name(message: bytes, at: int) -> tuple[str, int]:
    labels = []
    while length := message[at]:
        labels.append(message[at + 1 : at + 1 + length].decode("ascii"))
        at += 1 + length
    return ".".join(labels).lower(), at + 1


@asynccontextmanager
async def naming(zone: dict[str, object]) -> AsyncIterator[NameServer]:
    loop = asyncio.get_running_loop()
    transport, server = await loop.create_datagram_endpoint(lambda: NameServer(zone), local_addr=("127.0.0.1", 0))
    server.port = transport.get_extra_info("sockname")[1]
    try:
        yield server
    finally:
        transport.close()
