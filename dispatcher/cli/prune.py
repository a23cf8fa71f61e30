"""`dispatcher prune`: retention, done now."""

from pathlib import Path
from typing import Annotated

import typer


def prune(
    context: typer.Context,
    *,
    config: Annotated[
        Path | None, typer.Option(metavar="FILE", help="As before the command: the configuration.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was done as JSON.")] = False,
) -> None:
    """Drop and delete what is past its time ([retention]), as a running dispatcher does by itself; beside one, too."""
    from dispatcher.cli import pruning  # noqa: PLC0415 rule 3

    pruning.prune(config or context.obj, dry_run=dry_run, as_json=as_json)
