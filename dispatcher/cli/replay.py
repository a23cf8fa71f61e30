"""`dispatcher replay`: what was inserted before, sent to an endpoint again."""

from pathlib import Path
from typing import Annotated

import typer

from dispatcher.cli.instants import FORMS, Instant


def replay(  # noqa: PLR0913 an argument for each option
    context: typer.Context,
    *,
    endpoint: Annotated[
        int | None, typer.Option(min=1, metavar="ID", help="Where to send it: endpoint_status has the ids.")
    ] = None,
    since: Annotated[
        Instant | None,
        typer.Option(parser=Instant.of, metavar="INSTANT", help=f"Events inserted from then on: {FORMS}."),
    ] = None,
    until: Annotated[
        Instant | None,
        typer.Option(parser=Instant.of, metavar="INSTANT", help="Events inserted up to then. [default: now]"),
    ] = None,
    types: Annotated[
        list[str] | None,
        typer.Option("--type", metavar="PATTERN", help="Only these, such as order.*; may be repeated. [default: *]"),
    ] = None,
    only_dead: Annotated[
        bool, typer.Option("--only-dead", help="Only events whose last delivery to this endpoint ended dead.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count what would be made.")] = False,
    resume: Annotated[int | None, typer.Option(min=1, metavar="ID", help="Go on with one that was stopped.")] = None,
    end: Annotated[
        int | None, typer.Option(min=1, metavar="ID", help="Give one up: what it has made stays as it is.")
    ] = None,
    show_list: Annotated[
        bool, typer.Option("--list", help="List the replays there are, finished ones of the last 30 days too.")
    ] = False,
    slice_: Annotated[
        int | None,
        typer.Option(
            "--slice", min=1, max=100_000, metavar="N",
            help="Events to look at in one transaction. [default: as many as take about 0.2 s]",
        ),
    ] = None,
    config: Annotated[
        Path | None, typer.Option(metavar="FILE", help="As before the command: the configuration.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print how it ended as one object.")] = False,
) -> None:  # fmt: skip
    """Make new deliveries of stored events for an endpoint that is subscribed to them, each with its full attempts.

    Ctrl-C stops it after the slice in hand, and --resume goes on: no event is left out, none is sent twice for it.
    Exits with 1 where it did not come to its end.
    """
    from dispatcher.cli import replaying  # noqa: PLC0415 rule 3

    asked = replaying.Asked(endpoint, since, until, tuple(types or ()), only_dead=only_dead, dry_run=dry_run)
    turn = replaying.Turn(resume=resume, end=end, show_list=show_list)
    replaying.replay(config or context.obj, asked, turn, slice_, as_json=as_json)
