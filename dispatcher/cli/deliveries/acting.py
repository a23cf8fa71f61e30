"""`dispatcher delivery retry` and `cancel`."""

from collections.abc import Sequence
from pathlib import Path

from dispatcher.cli.asking import Asked, ask
from dispatcher.cli.each import Act, Done, each, show
from dispatcher.store import deliveries

NO_RETRY = "nothing to retry: it is neither open nor dead, or its event or its endpoint is gone"
NO_CANCEL = "nothing to cancel: it is not open"


async def _retry(asked: Asked, number: int) -> str | None:
    return None if await deliveries.retry(asked.session, number) else NO_RETRY


async def _cancel(asked: Asked, number: int) -> str | None:
    return None if await deliveries.cancel(asked.session, number) else NO_CANCEL


def retry(config: Path | None, numbers: Sequence[int], *, as_json: bool) -> None:
    """Exits with 1 unless all of them are due."""
    _act(config, "retry", _retry, numbers, "due now, with all its attempts again", as_json=as_json)


def cancel(config: Path | None, numbers: Sequence[int], *, as_json: bool) -> None:
    """Exits with 1 unless all of them were open."""
    _act(config, "cancel", _cancel, numbers, "cancelled", as_json=as_json)


def _act(config: Path | None, what: str, act: Act, numbers: Sequence[int], outcome: str, *, as_json: bool) -> None:
    async def work(asked: Asked) -> list[Done]:
        return await each(asked, numbers, act)

    show(ask(config, f"delivery {what}", work), "delivery", outcome, as_json=as_json)
