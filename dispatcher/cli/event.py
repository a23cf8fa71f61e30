"""`dispatcher event`: one event, and where it goes."""

from pathlib import Path
from typing import Annotated

import typer

event = typer.Typer(name="event", help="Events: where one would go.")


@event.callback()
def _about() -> None:
    """Events: where one would go."""


@event.command()
def match(
    context: typer.Context,
    event_type: Annotated[str, typer.Argument(metavar="TYPE", help="Such as order.paid.")],
    data: Annotated[
        str, typer.Argument(metavar="DATA", help="JSON, as the event would have it; @FILE for a file's, - for stdin's.")
    ],
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
