"""`dispatcher token`: who may use the HTTP API."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

token = typer.Typer(name="token", help="Tokens: who may use the HTTP API.")

Config = Annotated[Path | None, typer.Option(metavar="FILE", help="As before the command: the configuration.")]


class Scope(StrEnum):
    """As policy.tokens has them: what a command line needs before anything of ours is imported."""

    READ = "read"
    OPERATE = "operate"
    ADMIN = "admin"


@token.command()
def create(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="For people: what it is for, or whose it is.")],
    *,
    scope: Annotated[
        Scope,
        typer.Option(
            help="read sees; operate also pauses, resumes, tests, retries, cancels and replays; admin does anything."
        ),
    ],
    tenant: Annotated[
        str | None, typer.Option(metavar="TENANT", help="See and touch that tenant's alone. Default: all tenants.")
    ] = None,
    expires: Annotated[
        str | None,
        typer.Option(
            metavar="WHEN", help="So many days from now, or an instant: 2030-11-21T05:00:00Z. Default: never."
        ),
    ] = None,
    config: Config = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print it as one object.")] = False,
) -> None:
    """Make one, and print it: the only time that it is shown. As the owner of schema webhooks."""
    from dispatcher.cli import tokens  # noqa: PLC0415 rule 3

    wanted = tokens.wanted(name, scope.value, tenant, expires)
    tokens.create(config or context.obj, wanted, as_json=as_json)


@token.command("list")
def list_all(
    context: typer.Context,
    *,
    config: Config = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print them as one object.")] = False,
) -> None:
    """Say which there are, and when they were used last. As the owner of schema webhooks."""
    from dispatcher.cli import tokens  # noqa: PLC0415 rule 3

    tokens.list_all(config or context.obj, as_json=as_json)


@token.command()
def revoke(
    context: typer.Context,
    token_id: Annotated[int, typer.Argument(metavar="ID", min=1, help="The number in the token, whd_ID_… .")],
    *,
    config: Config = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was done as JSON.")] = False,
) -> None:
    """Take one back: within a second it counts no more. As the owner of schema webhooks."""
    from dispatcher.cli import tokens  # noqa: PLC0415 rule 3

    tokens.revoke(config or context.obj, token_id, as_json=as_json)
