"""Whether the forward proxy is there, lets us through, and keeps requests from going where none may go."""

import asyncio

from dispatcher.cli.checking.finding import Finding, failed, ok, warning
from dispatcher.config import Settings
from dispatcher.daemon import values
from dispatcher.model import NoReply, Reason
from dispatcher.transport.proxied import try_tunnels

NAME = "proxy"
WORLD = "example.com:443"
"""Kept for such uses by RFC 2606; asked for a connection, and sent nothing."""
ITSELF = "127.0.0.1:443"
"""The usual port, because many a proxy refuses tunnels to others whatever the address is."""
PATIENCE_S = 8.0

TRIED = frozenset({None, Reason.CONNECT})
"""What became of a target that the proxy did not refuse."""


async def proxy(settings: Settings) -> list[Finding]:
    """One finding where there is a proxy, none where there is none."""
    through = values.proxy(settings)
    if through is None:
        return []
    try:
        async with asyncio.timeout(PATIENCE_S):
            world, itself = await try_tunnels(through, WORLD, ITSELF)
    except TimeoutError:
        return [
            failed(NAME, f"proxy {through}: no answer within {PATIENCE_S:g} s", "is it one, and does it listen there?")
        ]
    return [judge(str(through), world, itself, has_password=through.authorization is not None)]


def judge(name: str, world: NoReply | None, itself: NoReply | None, *, has_password: bool) -> Finding:
    """From what came of asking for the world, and for the proxy's own machine."""
    for answer in (world, itself):
        if answer and answer.reason in {Reason.PROXY, Reason.INTERNAL}:
            return failed(NAME, answer.note, "nothing is delivered until that is put right; see egress.proxy")
    if (itself.reason if itself else None) in TRIED:
        return warning(
            NAME,
            f"proxy {name} does not refuse {ITSELF}",
            "names are looked up by it, so let it refuse private addresses, its own and the cloud's",
        )
    if world is not None:
        return warning(NAME, f"{world.note}: {WORLD}", "does it let through, and reach, the receivers?")
    known = ", accepts user and password" if has_password else ""
    return ok(NAME, f"proxy {name} answers{known}, connects to {WORLD} and refuses {ITSELF}")
