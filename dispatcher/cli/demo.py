"""`dispatcher demo`: the whole thing, with nothing to set up and nothing left behind."""

from typing import Annotated

import typer


def demo(
    *,
    once: Annotated[bool, typer.Option("--once", help="Deliver a fixed set, say how it went, end.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    rate: Annotated[float, typer.Option(min=0.1, max=50, metavar="N", help="Events per second.")] = 2.0,
) -> None:
    """See it work: a private Postgres, three receivers that verify signatures, every attempt as it happens."""
    from dispatcher.cli.demonstration import demonstrate  # noqa: PLC0415 rule 3

    demonstrate(once=once, as_json=as_json, rate=rate)
