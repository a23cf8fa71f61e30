"""What can be asked for: a module for each noun, its routes at its end."""

from collections.abc import Sequence

from dispatcher.admin.ground import Ground
from dispatcher.admin.resources import catalogue, deliveries, endpoints, events
from dispatcher.admin.routes import AnyRoute


def routes(ground: Ground) -> Sequence[AnyRoute]:
    return (*endpoints.routes(ground), *events.ROUTES, *deliveries.ROUTES, *catalogue.ROUTES)
