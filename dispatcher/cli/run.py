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
) -> None:
    """Deliver, until SIGTERM or Ctrl-C: what is in flight finishes and is written. A second one leaves at once."""
    from dispatcher.cli.serving import serve  # noqa: PLC0415 rule 3

    serve(config or context.obj)
