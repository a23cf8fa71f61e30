"""`dispatcher rekey`: everything kept secret, sealed with the active key."""

from pathlib import Path
from typing import Annotated

import typer


def rekey(
    context: typer.Context,
    *,
    config: Annotated[
        Path | None, typer.Option(metavar="FILE", help="As before the command: the configuration.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be sealed.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was done as JSON.")] = False,
) -> None:
    """Seal secrets, API keys and header values with the first key of secrets.keys_file, whatever sealed them before.

    Reload every running dispatcher first: one that does not know that key yet sends those endpoints nothing.
    """
    from dispatcher.cli import rekeying  # noqa: PLC0415 rule 3

    rekeying.rekey(config or context.obj, dry_run=dry_run, as_json=as_json)
