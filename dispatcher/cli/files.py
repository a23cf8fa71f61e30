"""How many files a dispatcher may have open, and how many it needs."""

import resource

from dispatcher.admin.connections import MOST
from dispatcher.config import Settings
from dispatcher.transport.connections import IDLE_CONNECTIONS

OTHER = 64
"""Sessions with the database, name servers, the log, and what Python and the loop keep open."""


def needed(settings: Settings) -> int:
    admin = MOST if settings.admin.listen else 0
    return settings.dispatch.max_in_flight + settings.dispatch.max_slow + IDLE_CONNECTIONS + admin + OTHER


def allowed() -> int | None:
    """What `run` may raise its limit to; None where there is none."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return None if hard == resource.RLIM_INFINITY else hard
