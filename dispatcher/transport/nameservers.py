"""Whether the name servers answer: asked the way deliveries ask."""

from collections.abc import Sequence
from dataclasses import dataclass

import aiodns

from dispatcher.transport.resolver import QUERY_S, TRIES

ANSWERED = frozenset({aiodns.error.ARES_ENOTFOUND, aiodns.error.ARES_ENODATA})
"""An answer, too: there is no such name."""


@dataclass(frozen=True, slots=True)
class Lookup:
    """What became of asking for a name: `trouble` is why there was no answer, `exists` whether there is that name."""

    servers: list[str]
    exists: bool = False
    trouble: str | None = None


async def look_up(name: str, nameservers: Sequence[str] | None = None) -> Lookup:
    """Ask for a name; no answer is given up after about 3 s for each name server."""
    dns = aiodns.DNSResolver(nameservers, timeout=QUERY_S, tries=TRIES)
    servers = list(dns.nameservers)
    try:
        await dns.getaddrinfo(name.rstrip(".") + ".")
    except aiodns.error.DNSError as error:
        code, *_ = error.args
        return Lookup(servers, trouble=None if code in ANSWERED else str(error.args[-1]))
    finally:
        await dns.close()
    return Lookup(servers, exists=True)
