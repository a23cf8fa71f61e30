"""The HTTP API, put together: what it answers with, and where it listens."""

from collections.abc import Callable, Sequence

from dispatcher.admin import Listener
from dispatcher.admin.bearers import Bearers
from dispatcher.admin.frame import Frame
from dispatcher.admin.guard import HERE
from dispatcher.admin.health import Readiness
from dispatcher.admin.routes import AnyRoute
from dispatcher.admin.table import RESOURCES, table
from dispatcher.config import Settings
from dispatcher.daemon.sessions import Sessions
from dispatcher.policy.place import place
from dispatcher.store.shared import Shared

AT_ONCE = 4
"""Requests that speak with the database; the others wait their turn."""


class Door:
    """Holder and standby have one alike. `step` opens it; `close` is the last thing that is done."""

    def __init__(
        self,
        settings: Settings,
        sessions: Sessions,
        clock: Callable[[], float],
        resources: Sequence[AnyRoute] = RESOURCES,
    ) -> None:
        # At the entrance nobody waits for what others have asked.
        entrance = sessions.by_hand("entrance")
        shared = Shared([sessions.by_hand("api") for _ in range(AT_ONCE)])
        routes = table(Readiness(entrance, clock), tuple(resources))
        self._frame = Frame(routes, Bearers(entrance, clock), shared, clock)
        self.listener = Listener(self._frame)
        self.apply(settings)

    def __repr__(self) -> str:
        return f"<Door {self.listener!r}, {self._frame!r}>"

    def apply(self, settings: Settings) -> None:
        """From the next step on."""
        admin = settings.admin
        self.listener.place = where = place(admin.listen)
        own = {where.host} if where is not None and where.host else set()
        self._frame.hosts = HERE | own | set(admin.allow_hosts)

    async def step(self) -> int:
        return await self.listener.step()

    async def close(self) -> None:
        await self.listener.close()
