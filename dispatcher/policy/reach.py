"""What the egress rules allow beyond public https, in words, and what of that an operator may not have meant."""

from collections.abc import Iterable, Iterator

from dispatcher.policy.addresses import IPNetwork
from dispatcher.policy.egress import Egress

WIDE_BITS = {4: 8, 6: 7}
"""A network shorter than this holds more than any organisation's own."""


def reach(egress: Egress) -> str:
    """Where requests may go."""
    parts = ["public addresses by https and http" if egress.allow_http else "public addresses by https"]
    parts += [f"also {each}" for each in _lifted(egress)]
    if egress.ports:
        parts.append(f"on ports {_listed(sorted(egress.ports))} only")
    else:
        parts.append("on all ports but the dangerous ones")
    if egress.proxied:
        parts.append("by way of the proxy, which looks names up")
    refused = [*egress.deny_networks, *sorted(egress.deny_hosts)]
    if refused:
        parts.append(f"never {_listed(refused)}")
    return ", ".join(parts)


def doubts(egress: Egress) -> Iterator[str]:
    """A sentence for each setting that is fine for development, and seldom meant for anything else."""
    if egress.allow_http:
        yield "egress.allow_http: what is sent over http can be read and changed on its way"
    for network in egress.allow_networks:
        if network.prefixlen < WIDE_BITS[network.version]:
            yield f"egress.allow_networks: {network} allows nearly everything, this machine and its cloud included"
        elif network.is_loopback:
            yield f"egress.allow_networks: {network} is this machine, with all that listens only to itself"
        elif _has_metadata(network):
            yield f"egress.allow_networks: {network} is where clouds hand out credentials"


def _lifted(egress: Egress) -> Iterator[str]:
    if egress.allow_networks:
        yield f"networks {_listed(egress.allow_networks)}"
    if egress.allow_hosts:
        yield f"hosts {_listed(sorted(egress.allow_hosts))}"


def _listed(words: Iterable[object]) -> str:
    return " ".join(map(str, words))


def _has_metadata(network: IPNetwork) -> bool:
    return network.version == 4 and network.is_link_local
