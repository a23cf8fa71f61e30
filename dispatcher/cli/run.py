"""`dispatcher run`: the daemon."""

from pathlib import Path
from typing import Annotated

import typer


def run(
    context: typer.Context,
    *,
    config: Annotated[
        Path | None, typer.Option(metavar="FILE", help="As before the command: the configuration.")
    ] = None,
    adopt: Annotated[
        bool, typer.Option("--adopt", help="Make a database of another installation, a copy, this one's own.")
    ] = False,
    discard_before: Annotated[
        str | None,
        typer.Option(
            metavar="INSTANT",
            help="With --adopt: drop what was inserted before that, which the original sends: 2026-11-21T05:00:00Z.",
        ),
    ] = None,
) -> None:
    """Deliver, until SIGTERM or Ctrl-C: what is in flight finishes and is written. A second one leaves at once.

    SIGHUP reads the configuration again. A second run stands by, and takes over when the first one goes.
    """
    from dispatcher.cli.serving import adoption, serve  # noqa: PLC0415 rule 3

    serve(config or context.obj, adoption(adopt=adopt, discard_before=discard_before))
