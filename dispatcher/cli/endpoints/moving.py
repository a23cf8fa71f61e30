"""`dispatcher endpoint activate`, `pause`, `resume` and `delete`."""

import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import typer

from dispatcher.cli.asking import Asked, ask
from dispatcher.cli.each import Done, each, show
from dispatcher.cli.endpoints import wording
from dispatcher.errors import Missing
from dispatcher.observe.printable import printable
from dispatcher.store import endpoints
from dispatcher.store.session import Row, Session

Move = Callable[[Session, int], Awaitable[None]]

MOVES: dict[str, tuple[Move, str]] = {
    "activate": (endpoints.activate, "active"),
    "pause": (endpoints.pause, "paused: what comes is held; dispatcher endpoint resume sends it"),
    "resume": (endpoints.resume, "active"),
    "delete": (endpoints.delete, "deleted; its history stays"),
}
UNASKED = "it asks before it deletes, and there is nobody to ask here: add --yes"


def move(config: Path | None, what: str, numbers: Sequence[int], *, as_json: bool) -> None:
    """Exits with 1 unless all of them were moved."""
    act, outcome = MOVES[what]

    async def one(asked: Asked, number: int) -> None:
        await act(asked.session, number)

    async def work(asked: Asked) -> list[Done]:
        return await each(asked, numbers, one)

    show(ask(config, f"endpoint {what}", work), "endpoint", outcome, as_json=as_json)


def delete(config: Path | None, numbers: Sequence[int], *, yes: bool, as_json: bool) -> None:
    """Asks first, unless told not to. Raises `typer.BadParameter` where there is nobody to ask."""
    if not yes:
        if not sys.stdin.isatty():
            raise typer.BadParameter(UNASKED)
        for row in ask(config, "endpoint delete", lambda asked: _those(asked, numbers)):
            lost = f"; its {_open(row)} will be cancelled" if row["open"] else ""
            typer.echo(printable(f"{wording.named(row)}{lost}"), err=True)
        typer.confirm("Delete?" if len(numbers) == 1 else "Delete them?", abort=True, err=True)
    move(config, "delete", numbers, as_json=as_json)


async def _those(asked: Asked, numbers: Sequence[int]) -> list[Row]:
    found = []
    for number in dict.fromkeys(numbers):
        try:
            found.append(await endpoints.read(asked.session, number))
        except Missing:
            continue  # said when it cannot be deleted
    return found


def _open(row: Row) -> str:
    if row["open"] > wording.COUNTED:
        return f"more than {wording.COUNTED:,} open deliveries"
    return "1 open delivery" if row["open"] == 1 else f"{row['open']:,} open deliveries"
