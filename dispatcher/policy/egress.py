"""Where requests may go: the operator's word first, then the built-in tables.

A refusal is a sentence for the operator: what was asked for, which rule is against it, which setting would allow it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Self

from dispatcher.policy.addresses import IPNetwork, Known, read

LOCAL_SUFFIXES = frozenset(
    {
        "localhost", "local", "localdomain", "internal", "intranet", "private", "corp", "home", "lan",
        "arpa", "onion", "invalid", "test", "example", "alt", "svc", "cluster",
    }
)  # fmt: skip
"""Last labels that lead nowhere in public DNS, or home. A courtesy: the address is what decides."""

METADATA_HOSTS = frozenset(
    {
        "metadata",
        "metadata.goog",
        "metadata.google.internal",
        "instance-data",
        "instance-data.ec2.internal",
        "metadata.packet.net",
        "metadata.platformequinix.com",
        "metadata.tencentyun.com",
        "rancher-metadata",
    }
)
"""Names under which clouds hand out their machines' credentials."""

# The "bad ports" of the WHATWG Fetch standard, which no browser connects to, and then what listens inside networks:
# databases, caches, brokers and doors of administration, some of which obey whoever can make them read a line.
DANGEROUS_PORTS: dict[int, str] = {
    1: "tcpmux", 7: "echo", 9: "discard", 11: "systat", 13: "daytime", 15: "netstat", 17: "qotd", 19: "chargen",
    20: "FTP", 21: "FTP", 22: "SSH", 23: "telnet", 25: "SMTP", 37: "time", 42: "name", 43: "whois", 53: "DNS",
    69: "TFTP", 77: "RJE", 79: "finger", 87: "ttylink", 95: "supdup", 101: "hostname", 102: "ISO-TSAP",
    103: "gppitnp", 104: "DICOM", 109: "POP2", 110: "POP3", 111: "portmapper", 113: "ident", 115: "SFTP",
    117: "UUCP", 119: "NNTP", 123: "NTP", 135: "RPC", 137: "NetBIOS", 139: "NetBIOS", 143: "IMAP", 161: "SNMP",
    179: "BGP", 389: "LDAP", 427: "SLP", 465: "SMTP", 512: "rexec", 513: "rlogin", 514: "rsh", 515: "printing",
    526: "tempo", 530: "courier", 531: "chat", 532: "netnews", 540: "UUCP", 548: "AFP", 554: "RTSP", 556: "RFS",
    563: "NNTP", 587: "SMTP", 601: "syslog", 636: "LDAP", 989: "FTP", 990: "FTP", 993: "IMAP", 995: "POP3",
    1719: "H.323", 1720: "H.323", 1723: "PPTP", 2049: "NFS", 3659: "SASL", 4045: "lockd", 4190: "ManageSieve",
    5060: "SIP", 5061: "SIP", 6000: "X11", 6566: "SANE", 6665: "IRC", 6666: "IRC", 6667: "IRC", 6668: "IRC",
    6669: "IRC", 6679: "IRC", 6697: "IRC", 10080: "Amanda",
    445: "SMB", 873: "rsync", 1433: "SQL Server", 1521: "Oracle", 2181: "ZooKeeper", 2375: "Docker", 2376: "Docker",
    2379: "etcd", 2380: "etcd", 3306: "MySQL", 3389: "RDP", 4369: "epmd", 5432: "PostgreSQL", 5671: "AMQP",
    5672: "AMQP", 5900: "VNC", 5984: "CouchDB", 6379: "Redis", 6432: "PgBouncer", 6443: "Kubernetes", 8086: "InfluxDB",
    8500: "Consul", 9042: "Cassandra", 9092: "Kafka", 9200: "Elasticsearch", 9300: "Elasticsearch",
    10250: "the kubelet", 10255: "the kubelet", 11211: "memcached", 26257: "CockroachDB", 26379: "Redis Sentinel",
    27017: "MongoDB", 27018: "MongoDB", 27019: "MongoDB",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Egress:
    """The section `egress`. Hosts are exact names or `*.suffix`, in lower case; no `ports` means all but the dangerous.

    What is denied stays denied. What is allowed lifts the built-in tables. For the rest the tables hold. `proxied`: a
    proxy looks names up, so that nobody here sees where they lead, and only their own text can be judged.
    """

    allow_http: bool = False
    allow_networks: tuple[IPNetwork, ...] = ()
    allow_hosts: frozenset[str] = frozenset()
    deny_networks: tuple[IPNetwork, ...] = ()
    deny_hosts: frozenset[str] = frozenset()
    ports: frozenset[int] = frozenset()
    proxied: bool = False

    @classmethod
    def of(
        cls,
        *,
        allow_http: bool = False,
        allow_networks: Iterable[str] = (),
        allow_hosts: Iterable[str] = (),
        deny_networks: Iterable[str] = (),
        deny_hosts: Iterable[str] = (),
        ports: Iterable[int] = (),
        proxied: bool = False,
    ) -> Self:
        """From values as the configuration has them. Raises ValueError for a network that is none."""
        return cls(
            allow_http,
            tuple(map(ip_network, allow_networks)),
            frozenset(map(_bare, allow_hosts)),
            tuple(map(ip_network, deny_networks)),
            frozenset(map(_bare, deny_hosts)),
            frozenset(ports),
            proxied,
        )

    def allows_host(self, host: str) -> bool:
        """Whether the operator vouches for `host` by name."""
        bare = _bare(host)
        # `*.internal` is written for one's own machines, and must not open the cloud's credentials with them.
        return bare in self.allow_hosts or (bare not in METADATA_HOSTS and _is_among(bare, self.allow_hosts))

    def refuse_address(self, address: str, port: int, host: str) -> str | None:
        """Why no connection may be made to `address`, on the way to the URL's `host`; None if it may.

        The guard, whatever lexical rules said before: ask it about the very address that will be connected to.
        """
        if refusal := self._refuse_denied_host(host):
            return refusal
        if (known := read(address)) is None:
            return f"{address!r} is not a plain IP address"
        what = address if _bare(host) in ("", address) else f"{host} leads to {address}, which"
        if refusal := self._refuse_denied_address(known, what):
            return refusal
        if known.disguise:
            return f"{what} is {known.disguise} in disguise (IPv4 inside IPv6), never allowed; use the IPv4 address"
        if known.text != address:
            return f"{what} is not written as an address is, namely {known.text}"
        return self.refuse_port(port) or self._refuse_by_table(known, what, host)

    def refuse_host(self, host: str) -> str | None:
        """Why `host` is refused by its name alone; None if its address has to decide."""
        if refusal := self._refuse_denied_host(host):
            return refusal
        if self.allows_host(host) or read(host):
            return None
        if host in METADATA_HOSTS:
            return f"{host} is a cloud's metadata service; egress.allow_hosts would allow it"
        if not _is_local(host):
            return None
        if self.proxied:  # to the proxy, localhost is the proxy
            return f"{host} is a local name, and the proxy would look it up; egress.allow_hosts would allow it"
        if self.allow_networks:
            return None
        return f"{host} is a local name; egress.allow_hosts, or egress.allow_networks with its address, would allow it"

    def refuse_port(self, port: int, scheme: str = "HTTP") -> str | None:
        """Why no request of `scheme` may go to `port`; None if it may."""
        if not 1 <= port <= 65535:
            return f"port {port} is not a number from 1 to 65535"
        if self.ports:
            allowed = ", ".join(map(str, sorted(self.ports)))
            return None if port in self.ports else f"port {port} is not among egress.ports ({allowed})"
        if service := DANGEROUS_PORTS.get(port):
            return f"port {port} is for {service}, not {scheme}; egress.ports would allow it"
        return None

    def _refuse_denied_host(self, host: str) -> str | None:
        return f"{host} is in egress.deny_hosts" if _is_among(host, self.deny_hosts) else None

    def _refuse_denied_address(self, known: Known, what: str) -> str | None:
        if not self.deny_networks:
            return None
        found = (network for network in self.deny_networks if any(end in network for end in known.ends))
        network = next(found, None)
        return None if network is None else f"{what} is in egress.deny_networks ({network})"

    def _refuse_by_table(self, known: Known, what: str, host: str) -> str | None:
        # Of NAT64 the inner address is asked for: to allow 64:ff9b::/96 must not allow all of IPv4.
        lifted = known.why is None or self.allows_host(host)
        if lifted or any(known.judged in network for network in self.allow_networks):
            return None
        if known.judged is not known.address:
            what = f"{what} is {known.judged} behind NAT64, which"
        return f"{what} is {known.why}; egress.allow_networks would allow it"


def _bare(host: str) -> str:
    return host.lower().rstrip(".").removeprefix("[").removesuffix("]")


def _is_local(host: str) -> bool:
    return "." not in host or host.rpartition(".")[2] in LOCAL_SUFFIXES


def _is_among(host: str, names: frozenset[str]) -> bool:
    if not names:
        return False
    bare = _bare(host)
    labels = bare.split(".")
    return bare in names or any(".".join(["*", *labels[i:]]) in names for i in range(1, len(labels)))
