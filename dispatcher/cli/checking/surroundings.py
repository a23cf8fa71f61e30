"""What a dispatcher needs besides its database: name servers, certificates, rules, files."""

import asyncio

from dispatcher.cli import files
from dispatcher.cli.checking.finding import Finding, failed, ok, warning
from dispatcher.config import Settings
from dispatcher.daemon import values
from dispatcher.errors import ConfigError
from dispatcher.policy.reach import doubts, reach
from dispatcher.transport.nameservers import look_up
from dispatcher.transport.trust import tls_context

ASKED = "example.com"
"""Kept for such uses by RFC 2606, and known to every name server that knows the world."""
DNS_S = 8.0


async def dns(settings: Settings) -> Finding:
    if settings.egress.proxy:
        return ok("dns", "receivers' names are looked up by the proxy")
    try:
        async with asyncio.timeout(DNS_S):
            found = await look_up(ASKED)
    except TimeoutError:
        return failed("dns", f"no answer within {DNS_S:g} s", "look at /etc/resolv.conf")
    servers = ", ".join(found.servers) or "no name server"
    if found.trouble:
        return failed(
            "dns", f"{servers}: {found.trouble}", "no receiver can be found by name; look at /etc/resolv.conf"
        )
    if not found.exists:
        return warning("dns", f"{servers} answers, but knows no {ASKED}", "does it know the receivers' names?")
    return ok("dns", f"{servers} answers")


def trust(settings: Settings) -> Finding:
    ca_file = settings.egress.ca_file
    try:
        context = tls_context(ca_file)
    except ConfigError as error:
        return failed("trust", str(error).removeprefix("TLS: "))
    known = context.cert_store_stats()["x509_ca"]
    loaded = f"{known} certificate authorities" if known else "the system's certificate authorities"
    return ok("trust", f"{loaded}, those of {ca_file} among them" if ca_file else loaded)


def egress(settings: Settings) -> Finding:
    rules = values.egress(settings)
    if doubtful := list(doubts(rules)):
        return warning("egress", f"{reach(rules)}. {'. '.join(doubtful)}", "fine for development; else leave it out")
    return ok("egress", reach(rules))


def open_files(settings: Settings) -> Finding:
    may, needed = files.allowed(), files.needed(settings)
    if may is not None and may < needed:
        return warning(
            "files",
            f"a process started from here may open {may:,} files, and {needed:,} may be needed",
            "raise it (ulimit -Hn; LimitNOFILE= in the unit), or lower dispatch.max_slow",
        )
    return ok("files", f"{'any number' if may is None else f'{may:,}'} may be open, {needed:,} are needed at the most")
