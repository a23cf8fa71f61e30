"""Which addresses belong to the open internet, by our own table.

`ipaddress.is_global` answers differently between patch releases of Python, and wrongly for multicast, NAT64 and
others in all of them. So: IPv4 is everything but the table; IPv6 is 2000::/3 but for the table, and nothing else.
"""

from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

IPAddress = IPv4Address | IPv6Address
IPNetwork = IPv4Network | IPv6Network

# The first network that holds an address names it, so single machines stand before the networks around them.
# Source: the IANA special-purpose registries; clouds' metadata services by their vendors' documentation.
FORBIDDEN: tuple[tuple[str, str], ...] = (
    ("169.254.169.254/32", "the cloud's metadata service"),
    ("169.254.170.2/32", "the cloud's credentials service"),
    ("169.254.170.23/32", "the cloud's credentials service"),
    ("100.100.100.200/32", "the cloud's metadata service"),
    ("192.0.0.192/32", "the cloud's metadata service"),
    ("168.63.129.16/32", "the cloud's host service"),  # Azure, in the middle of public space
    ("0.0.0.0/8", "this network"),
    ("10.0.0.0/8", "private"),
    ("100.64.0.0/10", "shared address space"),
    ("127.0.0.0/8", "loopback"),
    ("169.254.0.0/16", "link-local"),
    ("172.16.0.0/12", "private"),
    ("192.0.0.0/24", "protocol assignments"),
    ("192.0.2.0/24", "documentation"),
    ("192.31.196.0/24", "AS112"),
    ("192.52.193.0/24", "AMT relays"),
    ("192.88.99.0/24", "6to4 relays"),
    ("192.168.0.0/16", "private"),
    ("192.175.48.0/24", "AS112"),
    ("198.18.0.0/15", "benchmarking"),
    ("198.51.100.0/24", "documentation"),
    ("203.0.113.0/24", "documentation"),
    ("224.0.0.0/4", "multicast"),
    ("255.255.255.255/32", "broadcast"),
    ("240.0.0.0/4", "reserved"),
    # Inside 2000::/3.
    ("2001::/32", "Teredo"),
    ("2001::/23", "protocol assignments"),
    ("2001:db8::/32", "documentation"),
    ("2002::/16", "6to4"),
    ("2620:4f:8000::/48", "AS112"),
    ("3fff::/20", "documentation"),
    # Outside it: refused without being named here, but an operator wants to know what it was.
    ("::/128", "unspecified"),
    ("::1/128", "loopback"),
    ("::ffff:0:0:0/96", "IPv4-translated"),
    ("64:ff9b:1::/48", "local NAT64"),
    ("100::/64", "discard-only"),
    ("100:0:0:1::/64", "dummy prefix"),
    ("5f00::/16", "segment routing"),
    ("fd00:ec2::254/128", "the cloud's metadata service"),
    ("fd20:ce::254/128", "the cloud's metadata service"),
    ("fc00::/7", "private"),
    ("fe80::/10", "link-local"),
    ("fec0::/10", "site-local"),
    ("ff00::/8", "multicast"),
)

GLOBAL_UNICAST = 0b001
"""The first three bits of 2000::/3, the only part of IPv6 that IANA hands out."""

NAT64 = int(IPv6Address("64:ff9b::")) >> 32
MAPPED = 0xFFFF
COMPATIBLE = 0


@dataclass(frozen=True, slots=True)
class Known:
    """What can be said of an address by itself; `text` is the one way to write it.

    `disguise` is the IPv4 address that an IPv4-mapped (::ffff:0:0/96) or IPv4-compatible (::/96) address really is; no
    honest URL or DNS answer has one. `judged` is the address that decides: what a NAT64 gateway makes of it, else
    itself. `why` says what that is, and by which network, if it is not one of the open internet.
    """

    address: IPAddress
    text: str
    disguise: IPv4Address | None
    judged: IPAddress
    why: str | None

    @property
    def ends(self) -> list[IPAddress]:
        """The address, and every IPv4 address that a gateway or tunnel on the way may turn it into."""
        if isinstance(self.address, IPv4Address):
            return [self.address]
        inner = [self.disguise, self.judged, self.address.sixtofour, *(self.address.teredo or ())]
        return [self.address, *filter(None, inner)]


# A receiver's few addresses are asked about at every connection; reading one anew costs more than all the rules.
@lru_cache(maxsize=4096)
def read(text: str) -> Known | None:
    """The address written in `text`, or None: scopes, short forms and leading zeros are not addresses."""
    try:
        address = None if "%" in text else ip_address(text)
    except ValueError:
        return None
    if address is None:
        return None
    if isinstance(address, IPv4Address):
        return Known(address, str(address), None, address, _why(address))
    number = int(address)
    low = IPv4Address(number & 0xFFFFFFFF)
    prefix = number >> 32
    disguise = low if number > 1 and prefix in (MAPPED, COMPATIBLE) else None
    judged: IPAddress = low if prefix == NAT64 else address
    return Known(address, str(address), disguise, judged, _why(judged))


def _why(address: IPAddress) -> str | None:
    number = int(address)
    for first, last, why in RANGES[address.version]:
        if first <= number <= last:
            return why
    if address.version == 6 and number >> 125 != GLOBAL_UNICAST:
        return "not global unicast (outside 2000::/3)"
    return None


def _ranges(version: int) -> tuple[tuple[int, int, str], ...]:
    """Plain numbers: asking every network in turn whether it contains an address took five times as long."""
    named = ((ip_network(network), what) for network, what in FORBIDDEN)
    return tuple(
        (int(network[0]), int(network[-1]), f"{what} ({network})")
        for network, what in named
        if network.version == version
    )


RANGES = {version: _ranges(version) for version in (4, 6)}
