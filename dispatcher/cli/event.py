"""`dispatcher event`: one event, and where it goes."""

from pathlib import Path
from typing import Annotated

import typer

from dispatcher.cli.instants import FORMS, Instant
from dispatcher.cli.options import After, AsJson, Config, Limit, OfPattern, OfTenant, Since, Until

event = typer.Typer(name="event", help="Events: what was sent, what one would do, and where it went.")

Type = Annotated[str, typer.Argument(metavar="TYPE", help="Such as order.paid.")]
Data = Annotated[
    str, typer.Argument(metavar="DATA", help="JSON, as the event would have it; @FILE for a file's, - for stdin's.")
]


@event.callback()
def _about() -> None:
    """Events: what was sent, what one would do, and where it went."""


@event.command()
def send(  # noqa: PLR0913 an option each
    context: typer.Context,
    event_type: Type,
    data: Data,
    *,
    tenant: Annotated[str, typer.Option(metavar="T", help="Whose event it is.")] = "",
    key: Annotated[
        str | None, typer.Option(metavar="KEY", help="Sent once under this key: the second time does nothing.")
    ] = None,
    event_context: Annotated[
        str | None, typer.Option("--context", metavar="DATA", help="JSON beside the data, given as that is.")
    ] = None,
    occurred_at: Annotated[
        Instant | None,
        typer.Option(metavar="INSTANT", parser=Instant.of, help=f"When it happened, {FORMS}. [default: now]"),
    ] = None,
    wait: Annotated[
        bool, typer.Option("--wait", help="Wait for its deliveries; exit with 1 unless all are delivered.")
    ] = False,
    timeout: Annotated[float, typer.Option(min=0.1, max=3600, metavar="S", help="Seconds that --wait waits.")] = 60.0,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Send one, kept byte for byte; prints its webhook-id."""
    from dispatcher.cli.events import sending  # noqa: PLC0415 rule 3

    wanted = sending.Wanted(event_type, data, tenant, key, event_context, occurred_at, timeout if wait else None)
    sending.send(config or context.obj, wanted, as_json=as_json)


@event.command("list")
def list_all(  # noqa: PLR0913 an option each
    context: typer.Context,
    *,
    tenant: OfTenant = None,
    event_type: OfPattern = None,
    since: Since = None,
    until: Until = None,
    limit: Limit = 50,
    after: After = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """List them, the newest first. --since and --until are about when they were sent."""
    from dispatcher.cli.events import listing  # noqa: PLC0415 rule 3

    filters = listing.Filters(tenant, event_type, since, until)
    listing.list_all(config or context.obj, filters, limit, after, as_json=as_json)


@event.command()
def show(
    context: typer.Context,
    event_id: Annotated[str, typer.Argument(metavar="EVENT", help="Its id, or the webhook-id that receivers see.")],
    *,
    pretty: Annotated[bool, typer.Option("--pretty", help="Lay its data out for eyes.")] = False,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Show one: what is in it, as it is stored, and its deliveries."""
    from dispatcher.cli.events import showing  # noqa: PLC0415 rule 3

    showing.show_one(config or context.obj, event_id, pretty=pretty, as_json=as_json)


@event.command()
def match(
    context: typer.Context,
    event_type: Type,
    data: Data,
    *,
    tenant: Annotated[str, typer.Option(metavar="T", help="Whose event it would be.")] = "",
    endpoint: Annotated[
        int | None, typer.Option(min=1, metavar="ID", help="Say it of this endpoint alone, with its subscriptions.")
    ] = None,
    config: Annotated[
        Path | None, typer.Option(metavar="FILE", help="As before the command: the configuration.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print all of it as one object.")] = False,
) -> None:
    """Say which endpoints would get an event, and why not the others. Inserts nothing."""
    from dispatcher.cli import matching  # noqa: PLC0415 rule 3

    wanted = matching.Wanted.of(event_type, data, tenant, endpoint)
    matching.match(config or context.obj, wanted, as_json=as_json)
