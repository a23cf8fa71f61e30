"""One thing done to several, each for itself: what one of them is refused keeps no other from it."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import typer

from dispatcher.cli.asking import Asked
from dispatcher.cli.complaint import complain, worded
from dispatcher.cli.printing import show_json
from dispatcher.cli.screen import GOOD, Screen
from dispatcher.errors import Missing, Refused

Act = Callable[[Asked, int], Awaitable[str | None]]
"""Does it to one; says why there was nothing to do, if so."""


@dataclass(frozen=True, slots=True)
class Done:
    """`error` is None where it was done."""

    number: int
    error: str | None


async def each(asked: Asked, numbers: Sequence[int], act: Act) -> list[Done]:
    """In the order they were named, each once."""
    return [await _one(asked, number, act) for number in dict.fromkeys(numbers)]


async def _one(asked: Asked, number: int, act: Act) -> Done:
    try:
        return Done(number, await act(asked, number))
    except (Missing, Refused) as error:
        return Done(number, worded(error))


def show(done: Sequence[Done], noun: str, outcome: str, *, as_json: bool) -> None:
    """What became of each; exits with 1 unless all was done."""
    screen = Screen()
    if as_json:
        data: list[dict[str, Any]] = [
            {f"{noun}_id": one.number, "done": one.error is None, "error": one.error} for one in done
        ]
        show_json(screen, {"data": data})
    else:
        for one in done:
            if one.error is None:
                screen.whole((f"{noun} {one.number}", GOOD), f": {outcome}")
            else:
                complain(f"{noun} {one.number}: {one.error}" if f"{noun} {one.number}" not in one.error else one.error)
    if any(one.error for one in done):
        raise typer.Exit(1)
