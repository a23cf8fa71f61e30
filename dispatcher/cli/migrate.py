"""`dispatcher migrate`: schema `webhooks`, brought up to date."""

from pathlib import Path
from typing import Annotated

import typer


def migrate(
    context: typer.Context,
    *,
    config: Annotated[
        Path | None, typer.Option(metavar="FILE", help="As before the command: the configuration.")
    ] = None,
    script_only: Annotated[
        bool,
        typer.Option("--print", help="Print the SQL instead, for a migration tool of your own; needs no database."),
    ] = False,
    first: Annotated[
        int | None, typer.Option("--from", min=1, metavar="N", help="With --print: the migrations from number N on.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was done as JSON.")] = False,
) -> None:
    """Create or update schema webhooks, as the role that owns it. Safe to run again, also twice at once."""
    from dispatcher.cli import schema  # noqa: PLC0415 rule 3

    if script_only:
        schema.show_script(first or 1)
    elif first is not None:
        raise typer.BadParameter("it goes with --print; migrate itself knows what is missing", param_hint="--from")
    else:
        schema.bring_up_to_date(config or context.obj, as_json=as_json)
