"""`dispatcher check`: is everything there that a dispatcher needs?"""

from pathlib import Path
from typing import Annotated

import typer


def check(
    context: typer.Context,
    *,
    config: Annotated[
        Path | None, typer.Option(metavar="FILE", help="As before the command: the configuration.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was found as JSON.")] = False,
) -> None:
    """Look at everything a dispatcher needs, a line for each and what to do. Exits with 1 if anything failed."""
    from dispatcher.cli.checking import check_all  # noqa: PLC0415 rule 3

    check_all(config or context.obj, as_json=as_json)
