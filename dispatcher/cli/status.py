"""`dispatcher status`: is it down, is it us, is it one receiver?"""

from pathlib import Path
from typing import Annotated

import typer


def status(
    context: typer.Context,
    *,
    config: Annotated[
        Path | None, typer.Option(metavar="FILE", help="As before the command: the configuration.")
    ] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Look again every two seconds, until Ctrl-C.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one object; with --watch a line for each look.")
    ] = False,
) -> None:
    """Say how it goes, the verdict first. Exits with 1 if nobody holds the work or the database is away."""
    from dispatcher.cli import overview  # noqa: PLC0415 rule 3

    overview.show(config or context.obj, watch=watch, as_json=as_json)
