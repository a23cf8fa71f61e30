"""The door: opened where the configuration says, as soon as that can be had, and closed last."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import structlog
from aiohttp import web

from dispatcher.admin import sockets
from dispatcher.admin.connections import Connections
from dispatcher.admin.sockets import Bound
from dispatcher.policy.place import Place

EVERY_S = 1.0
"""How soon an address that is in use is tried again: a standby takes it over when the first dispatcher is gone."""

log = structlog.get_logger()


@dataclass(slots=True)
class Open:
    """A place where we listen."""

    place: Place
    bound: Bound
    server: asyncio.AbstractServer


class Listener:
    """`step` sees to it that we listen where `place` says; None is nowhere."""

    def __init__(self, handler: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]], **bounds: Any) -> None:  # noqa: ANN401 those of Connections
        self._handler = handler
        self._bounds = bounds
        self.place: Place | None = None
        self._open: Open | None = None
        self._connections: Connections | None = None
        self._said = ""

    def __repr__(self) -> str:
        return f"<Listener {self._open.bound if self._open else 'closed'}, {self._connections!r}>"

    @property
    def at(self) -> str | None:
        """Where it listens now, with the port that it got."""
        return str(self._open.bound) if self._open else None

    async def step(self) -> int:
        if self._open is not None and self._open.place != self.place:
            await self.close()
        if self._open is None and self.place is not None:
            await self._try(self.place)
        return 0

    async def _try(self, place: Place) -> None:
        try:
            bound = sockets.bind(place)
        except OSError as error:
            note = f"{place}: {error.strerror or error}"
            if note != self._said:
                log.warning("admin.awaited", listen=str(place), note=error.strerror or str(error))
            self._said = note
            return
        self._said = ""
        loop = asyncio.get_running_loop()
        self._connections = Connections(self._handler, **self._bounds)
        serve = loop.create_unix_server if place.path else loop.create_server
        server = await serve(self._connections, sock=bound.socket, backlog=sockets.BACKLOG)
        self._open = Open(place, bound, server)
        log.info("admin.opened", listen=str(bound))

    async def close(self) -> None:
        """Nobody is let in any more; who waits is cut, who is being served has a second."""
        opened, self._open = self._open, None
        if opened is None:
            return
        sockets.leave(opened.bound)
        opened.server.close()
        if self._connections is not None:
            await self._connections.end()
        log.info("admin.closed", listen=str(opened.bound))
