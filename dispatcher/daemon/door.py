"""The HTTP API, put together: what it answers with, and where it listens."""

from collections.abc import Callable, Sequence

from dispatcher.admin import Listener
from dispatcher.admin.bearers import Bearers
from dispatcher.admin.frame import Frame
from dispatcher.admin.guard import HERE
from dispatcher.admin.health import Readiness
from dispatcher.admin.resources import routes
from dispatcher.admin.routes import AnyRoute
from dispatcher.admin.table import table
from dispatcher.daemon import values
from dispatcher.daemon.sessions import Sessions
from dispatcher.daemon.values import Rules
from dispatcher.policy.ground import Ground
from dispatcher.policy.place import place
from dispatcher.store.shared import Shared

AT_ONCE = 4
"""Requests that speak with the database; the others wait their turn."""


class Door:
    """Holder and standby have one alike. `step` opens it; `close` is the last thing that is done.

    `resources` are those of the product, unless others are given.
    """

    def __init__(
        self,
        rules: Rules,
        sessions: Sessions,
        clock: Callable[[], float],
        resources: Sequence[AnyRoute] | None = None,
    ) -> None:
        # At the entrance nobody waits for what others have asked.
        entrance = sessions.by_hand("entrance")
        shared = Shared([sessions.by_hand("api") for _ in range(AT_ONCE)])
        self._ground = Ground(values.egress(rules.settings), rules.profiles, rules.keyring)
        resources = routes(self._ground) if resources is None else resources
        known = table(Readiness(entrance, clock), resources)
        self.frame = Frame(known, Bearers(entrance, clock), shared, clock)
        self.listener = Listener(self.frame)
        self.apply(rules)

    def __repr__(self) -> str:
        return f"<Door {self.listener!r}, {self.frame!r}>"

    def apply(self, rules: Rules) -> None:
        """From the next step, and the next request, on."""
        self._ground.egress, self._ground.profiles = values.egress(rules.settings), rules.profiles
        self._ground.keyring = rules.keyring
        admin = rules.settings.admin
        self.listener.place = where = place(admin.listen)
        own = {where.host} if where is not None and where.host else set()
        self.frame.hosts = HERE | own | set(admin.allow_hosts)

    async def step(self) -> int:
        return await self.listener.step()

    async def close(self) -> None:
        await self.listener.close()
