"""Options that several commands have, worded once, and what a shell may complete them with."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated

import typer

from dispatcher.cli.instants import FORMS, Instant
from dispatcher.model import Outcome, State
from dispatcher.policy.patterns import is_pattern, is_type

LARGEST = (1 << 63) - 1
"""Of an id: Postgres's bigint."""
MOST = 10_000

STATES = [each.value for each in State]
DELIVERY_STATES = ["pending", *(each.value for each in Outcome if each is not Outcome.RETRYING)]


def among(words: Iterable[str]) -> Callable[[str], list[str]]:
    """Completes what begins one of these words."""

    def complete(incomplete: str) -> list[str]:
        return [word for word in words if word.startswith(incomplete)]

    return complete


def profiles(incomplete: str) -> list[str]:
    """Completes the profiles of the usual configuration; nothing where it is not understood."""
    import os  # noqa: PLC0415 only in a shell that completes

    from dispatcher.config import load, load_profiles  # noqa: PLC0415 the same
    from dispatcher.errors import DispatcherError  # noqa: PLC0415 the same

    try:
        known = load_profiles(load(None, os.environ)).by_name
    except DispatcherError:
        return []
    return among(sorted(known))(incomplete)


def chosen(words: list[str]) -> Callable[[str], str]:
    """Takes one of these words; any other is a mistake that names them."""

    def parse(given: str) -> str:
        if given not in words:
            raise typer.BadParameter(f"{given!r} is not one of {', '.join(words)}")
        return given

    return parse


def _pattern(given: str) -> str:
    if not is_pattern(given):
        raise typer.BadParameter(f"{given!r} is no event type such as order.paid, and no pattern such as order.* or *")
    return given


def event_type(given: str) -> str:
    """Takes an event type; any other word would find nothing, silently."""
    if not is_type(given):
        raise typer.BadParameter(f"{given!r} is no event type such as order.paid")
    return given


Config = Annotated[Path | None, typer.Option(metavar="FILE", help="As before the command: the configuration.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print it as one object.")]

EndpointId = Annotated[int, typer.Argument(metavar="ID", min=1, max=LARGEST, help="As endpoint list has it.")]
EndpointIds = Annotated[
    list[int], typer.Argument(metavar="ID...", min=1, max=LARGEST, help="One or more, as endpoint list has them.")
]
DeliveryId = Annotated[int, typer.Argument(metavar="ID", min=1, max=LARGEST, help="As delivery list has it.")]
DeliveryIds = Annotated[
    list[int], typer.Argument(metavar="ID...", min=1, max=LARGEST, help="One or more, as delivery list has them.")
]

OfTenant = Annotated[str | None, typer.Option("--tenant", metavar="T", help="Of this tenant alone. [default: all]")]
OfEndpoint = Annotated[
    int | None, typer.Option("--endpoint", min=1, max=LARGEST, metavar="ID", help="Of this endpoint alone.")
]
OfPattern = Annotated[
    str | None,
    typer.Option("--type", metavar="PATTERN", parser=_pattern, help="Of this type alone, or of those of order.*."),
]
Since = Annotated[
    Instant | None, typer.Option("--since", metavar="INSTANT", parser=Instant.of, help=f"From then on, {FORMS}.")
]
Until = Annotated[
    Instant | None, typer.Option("--until", metavar="INSTANT", parser=Instant.of, help="Before then; as --since.")
]
Limit = Annotated[int, typer.Option(min=1, max=MOST, metavar="N", help="How many at the most.")]
After = Annotated[
    str | None, typer.Option(metavar="PLACE", help="Go on from there: what the end of the page before says.")
]
OfStates = Annotated[
    list[str] | None,
    typer.Option(
        "--state", metavar="STATE", parser=chosen(STATES), autocompletion=among(STATES),
        help=f"In this state alone: {', '.join(STATES)}. May be given more than once.",
    ),
]  # fmt: skip
OfDeliveryStates = Annotated[
    list[str] | None,
    typer.Option(
        "--state", metavar="STATE", parser=chosen(DELIVERY_STATES), autocompletion=among(DELIVERY_STATES),
        help=f"In this state alone: {', '.join(DELIVERY_STATES)}. May be given more than once.",
    ),
]  # fmt: skip
