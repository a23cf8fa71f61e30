"""`dispatcher listen`: a receiver to develop against."""

from pathlib import Path
from typing import Annotated

import typer

from dispatcher.policy.signing import MAY_BE_NAMED, Encoding, Scheme, Signing

OK = 200


def listen(  # noqa: PLR0913 an argument for each option
    context: typer.Context,
    *,
    config: Annotated[
        Path | None, typer.Option(metavar="FILE", help="As before the command: the configuration.")
    ] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any that is free.")] = 3000,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    secret: Annotated[
        list[str] | None,
        typer.Option(metavar="whsec_…", help="Verify with it, or with whpk_…; may be given more than once."),
    ] = None,
    profile: Annotated[
        str | None, typer.Option(metavar="NAME", help="Verify as receivers of this profile do, in place of --scheme.")
    ] = None,
    scheme: Annotated[Scheme | None, typer.Option(help="How the sender signs. [default: standard]")] = None,
    encoding: Annotated[
        Encoding | None,
        typer.Option(help="What the secret is. [default: utf8 for github and stripe, else base64]"),
    ] = None,
    header: Annotated[
        str, typer.Option(metavar="NAME", help="The header of the signature, where github or stripe call it otherwise.")
    ] = "",
    status: Annotated[int, typer.Option(min=200, max=599, help="Answer this.")] = 200,
    times: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Answer --status so many times, then 200. [default: always]")
    ] = None,
    delay: Annotated[float, typer.Option(min=0, metavar="SECONDS", help="Answer after so long.")] = 0.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print a line of JSON for each request.")] = False,
) -> None:
    """Print every request that arrives and whether its signature verifies; answer as told. Ctrl-C ends it."""
    if times is not None and status == OK:
        raise typer.BadParameter("--times goes with --status: after so many answers it is 200 anyway")
    if profile is not None and (scheme or encoding or header):
        raise typer.BadParameter("--profile says --scheme, --encoding and --header itself")
    if header and scheme not in MAY_BE_NAMED:
        raise typer.BadParameter("--header goes with --scheme github or stripe: the others name their own")
    from dispatcher.cli.listening import Answers, Asked, listen_until_told  # noqa: PLC0415 rule 3

    promised = None
    if profile is not None:
        from dispatcher.cli.promises.known import read  # noqa: PLC0415 rule 3

        promised = read(config or context.obj).named(profile)
    signing = promised.signing if promised else Signing.of(scheme or Scheme.STANDARD, encoding, header)
    listen_until_told(
        host, port, Asked(signing, secret or [], promised), Answers(status, times, delay), as_json=as_json
    )
