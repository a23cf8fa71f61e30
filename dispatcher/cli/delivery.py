"""`dispatcher delivery`: one event's way to one endpoint."""

from typing import Annotated

import typer

from dispatcher.cli.options import (
    After,
    AsJson,
    Config,
    DeliveryId,
    DeliveryIds,
    Limit,
    OfDeliveryStates,
    OfEndpoint,
    OfPattern,
    OfTenant,
    Since,
    Until,
)

delivery = typer.Typer(name="delivery", help="Deliveries: each event's way to each endpoint, and its attempts.")


@delivery.callback()
def _about() -> None:
    """Deliveries: each event's way to each endpoint, and its attempts."""


@delivery.command("list")
def list_all(  # noqa: PLR0913 an option each
    context: typer.Context,
    *,
    endpoint: OfEndpoint = None,
    event: Annotated[
        str | None, typer.Option(metavar="EVENT", help="Of this event alone: its id, or the webhook-id.")
    ] = None,
    tenant: OfTenant = None,
    event_type: OfPattern = None,
    state: OfDeliveryStates = None,
    since: Since = None,
    until: Until = None,
    limit: Limit = 50,
    after: After = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """List them, the latest attempt first. --since and --until are about that attempt."""
    from dispatcher.cli.deliveries import listing  # noqa: PLC0415 rule 3

    filters = listing.Filters(tenant, endpoint, event, event_type, state or None, since, until)
    listing.list_all(config or context.obj, filters, limit, after, as_json=as_json)


@delivery.command()
def show(context: typer.Context, delivery_id: DeliveryId, *, config: Config = None, as_json: AsJson = False) -> None:
    """Show one: every attempt with what came back, when the next one is, and what to do."""
    from dispatcher.cli.deliveries import showing  # noqa: PLC0415 rule 3

    showing.show(config or context.obj, delivery_id, as_json=as_json)


@delivery.command()
def retry(context: typer.Context, delivery_ids: DeliveryIds, *, config: Config = None, as_json: AsJson = False) -> None:
    """Try them now, open or dead, with all their attempts again. All dead ones of an endpoint: replay --only-dead."""
    from dispatcher.cli.deliveries import acting  # noqa: PLC0415 rule 3

    acting.retry(config or context.obj, delivery_ids, as_json=as_json)


@delivery.command()
def cancel(
    context: typer.Context, delivery_ids: DeliveryIds, *, config: Config = None, as_json: AsJson = False
) -> None:
    """End them, if they are open. A request in flight still ends, and changes nothing."""
    from dispatcher.cli.deliveries import acting  # noqa: PLC0415 rule 3

    acting.cancel(config or context.obj, delivery_ids, as_json=as_json)
