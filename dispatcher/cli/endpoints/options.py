"""The options of an endpoint's settings. Light: the command line imports it before it knows what was typed."""

from datetime import timedelta
from typing import Annotated

import typer

from dispatcher.cli.instants import Instant
from dispatcher.cli.options import among, profiles

UNSET = (
    "name", "profile", "secret", "api-key", "headers", "timeout-s", "max-in-flight", "max-attempts", "rate-limit",
    "filter",
)  # fmt: skip
READ = "- for stdin, @FILE for a file's: never typed, where ps would show it"

DAY = timedelta(days=1)


def span(given: str) -> timedelta:
    """As an age is written: 24h, 7d."""
    try:
        found = Instant.of(given).is_ago
    except typer.BadParameter:
        found = None
    if found is None:
        raise typer.BadParameter(f"{given!r} is no span of time: write it such as 0s, 90s, 30min, 24h, 7d")
    return found


def number(given: str) -> int | float:
    """As it was written: 31 is not 31.0, and what a number may be is for the schema to say."""
    try:
        return int(given) if given.isascii() else _refuse(given)
    except ValueError:
        pass
    try:
        value = float(given)
    except ValueError:
        return _refuse(given)
    return value if value - value == 0 else _refuse(given)


def _refuse(given: str) -> int:
    raise typer.BadParameter(f"{given!r} is not a number")


def _unset(given: str) -> str:
    name = given.replace("_", "-")
    if name not in UNSET:
        raise typer.BadParameter(f"{given!r} is not one of {', '.join(UNSET)}")
    return name


Types = Annotated[
    list[str] | None,
    typer.Option(metavar="PATTERN", help="Events of this type, of order.*, or * for all; more than one, or a,b."),
]
Name = Annotated[str | None, typer.Option(metavar="TEXT", help="What people call it.")]
Profile = Annotated[
    str | None,
    typer.Option(metavar="NAME", autocompletion=profiles, help="What its receiver was promised; see profile list."),
]
Secret = Annotated[str | None, typer.Option(metavar="-|@FILE", help=f"Signs its requests: {READ}.")]
ApiKey = Annotated[
    str | None,
    typer.Option(metavar="-|@FILE|generate", help=f"Sent in a header: {READ}; generate makes one, shown once."),
]
Header = Annotated[
    list[str] | None,
    typer.Option(
        metavar="'NAME: VALUE'|-|@FILE",
        help="Sent with each request; more than one, or a line each of a file. What is secret belongs into a file.",
    ),
]
TimeoutS = Annotated[int | None, typer.Option(parser=number, metavar="S", help="Seconds a request may take, 2 to 30.")]
MaxInFlight = Annotated[
    int | None, typer.Option(parser=number, metavar="N", help="Requests at once at the most, 1 to 1000.")
]
MaxAttempts = Annotated[
    int | None, typer.Option(parser=number, metavar="N", help="How often a delivery is tried, 1 to 100.")
]
RateLimit = Annotated[
    int | None, typer.Option(parser=number, metavar="N", help="Requests per second at the most, such as 0.5.")
]
Ordered = Annotated[
    bool | None, typer.Option("--ordered/--no-ordered", help="One after the other, in the order of the events, or not.")
]
Filter = Annotated[
    str | None,
    typer.Option("--filter", metavar="JSONPATH", help="Only events of whose data it is true: '$.n > 100'."),
]
Unset = Annotated[
    list[str] | None,
    typer.Option(
        metavar="SETTING", parser=_unset, autocompletion=among(UNSET),
        help=f"Back to what profile and configuration say: {', '.join(UNSET)}. May be given more than once.",
    ),
]  # fmt: skip
Overlap = Annotated[
    timedelta | None,
    typer.Option(metavar="SPAN", parser=span, help="How long: 0s to 7d, such as 30min or 24h. [default: 24h]"),
]
