"""`dispatcher profile`: what receivers were promised."""

from pathlib import Path
from typing import Annotated

import typer

profile = typer.Typer(name="profile", help="Profiles: what receivers were promised.")

Config = Annotated[Path | None, typer.Option(metavar="FILE", help="As before the command: the configuration.")]
Name = Annotated[str, typer.Argument(metavar="NAME", help="A profile, as dispatcher profile list has them.")]


@profile.command("list")
def list_all(
    context: typer.Context,
    *,
    config: Config = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print them as one object.")] = False,
) -> None:
    """Say which there are. The shipped ones, and those of dispatch.profiles_dir; needs no database."""
    from dispatcher.cli.promises import listing  # noqa: PLC0415 rule 3

    listing.list_all(config or context.obj, as_json=as_json)


@profile.command()
def show(
    context: typer.Context,
    name: Name,
    *,
    config: Config = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print it as one object.")] = False,
) -> None:
    """Print every value of one, and its source. As it is in force; needs no database."""
    from dispatcher.cli.promises import showing  # noqa: PLC0415 rule 3

    showing.show(config or context.obj, name, as_json=as_json)


@profile.command()
def install(
    context: typer.Context,
    name: Name,
    *,
    config: Config = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was done as JSON.")] = False,
) -> None:
    """Write its event types into the database. As the owner of schema webhooks; safe to run again."""
    from dispatcher.cli.promises import installing  # noqa: PLC0415 rule 3

    installing.install(config or context.obj, name, as_json=as_json)


@profile.command()
def docs(
    context: typer.Context,
    name: Name,
    *,
    config: Config = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the same facts as one object.")] = False,
) -> None:
    """Describe it to your customers, in Markdown. The contract and each event type; needs no database."""
    from dispatcher.cli.promises import documenting  # noqa: PLC0415 rule 3

    documenting.document(config or context.obj, name, as_json=as_json)
