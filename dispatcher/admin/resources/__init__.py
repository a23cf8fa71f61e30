"""What can be asked for: a module for each noun, its routes at its end."""

from collections.abc import Sequence

from dispatcher.admin.resources import catalogue, deliveries, endpoints, events, replays
from dispatcher.admin.routes import AnyRoute
from dispatcher.policy.ground import Ground


def routes(ground: Ground) -> Sequence[AnyRoute]:
    return (*endpoints.routes(ground), *replays.ROUTES, *events.ROUTES, *deliveries.ROUTES, *catalogue.ROUTES)
