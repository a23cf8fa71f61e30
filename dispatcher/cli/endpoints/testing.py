"""`dispatcher endpoint test`: a test is sent, and what came back is shown."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from dispatcher.cli.asking import WITHIN_S, Asked, ask
from dispatcher.cli.deliveries import wording
from dispatcher.cli.deliveries.waiting import UNHELD, Patience, is_held, until_ended
from dispatcher.cli.endpoints.judging import in_force
from dispatcher.cli.printing import show_json
from dispatcher.cli.promises.known import Known, read
from dispatcher.cli.screen import BAD, DIM, GOOD, Line, Screen
from dispatcher.errors import DispatcherError
from dispatcher.model import OUR_FAULTS, Outcome, State
from dispatcher.store import deliveries, endpoints
from dispatcher.store.session import Row, Rows

SLACK_S = 5.0
"""Over the endpoint's deadline: to be seen, sent, and written down."""
LONGEST_S = 30.0


@dataclass(frozen=True, slots=True)
class Tested:
    """`delivery` is None where nobody waited for it."""

    delivery_id: int
    endpoint: Row
    waited_s: float
    delivery: Row | None = None
    attempts: Rows | None = None


def test(config: Path | None, endpoint_id: int, event_type: str | None, *, waits: bool, as_json: bool) -> None:
    """Exits with 1 unless it was delivered. Raises `Refused`, `Missing`, and what `ask` raises."""
    known, screen = read(config), Screen()

    async def work(asked: Asked) -> Tested:
        return await _test(asked, known, endpoint_id, event_type, waits=waits)

    tested = ask(config, "endpoint test", work, within_s=WITHIN_S + LONGEST_S + SLACK_S)
    if as_json:
        show_json(screen, _keyed(tested))
    else:
        for line in _lines(tested):
            screen.whole(*line)
    if tested.delivery and tested.delivery["state"] != Outcome.DELIVERED:
        raise typer.Exit(1)


async def _test(asked: Asked, known: Known, endpoint_id: int, event_type: str | None, *, waits: bool) -> Tested:
    session = asked.session
    row = await endpoints.read(session, endpoint_id)
    if waits and not await is_held(session):
        raise DispatcherError(f"{UNHELD}; or --no-wait, to leave the test for it")
    delivery_id = await endpoints.send_test(session, endpoint_id, event_type)
    if not waits:
        return Tested(delivery_id, row, 0.0)
    waited_s = float(in_force(known, row)["timeout_s"]["value"] or LONGEST_S) + SLACK_S
    ended = await until_ended(session, delivery_id, Patience(waited_s))
    return Tested(delivery_id, row, waited_s, ended, await deliveries.attempts(session, delivery_id))


def _keyed(tested: Tested) -> dict[str, Any]:
    row = tested.delivery
    return {
        "delivery_id": tested.delivery_id,
        "endpoint_id": tested.endpoint["endpoint_id"],
        "state": row and row["state"],
        "attempts": [wording.attempt_keyed(each) for each in tested.attempts or ()],
    }


def _lines(tested: Tested) -> Iterator[Line]:
    number, row = tested.endpoint["endpoint_id"], tested.delivery
    url = tested.endpoint["url"].partition("?")[0]
    if row is None:
        yield [f"a test is on its way to {url}: dispatcher delivery show {tested.delivery_id}"]
        return
    style = GOOD if row["state"] == Outcome.DELIVERED else BAD
    yield [f"test {tested.delivery_id} to {url}: ", (_ended(tested, row), f"bold {style}")]
    yield from wording.attempts_of(tested.attempts or [])
    if row["state"] == Outcome.DELIVERED and tested.endpoint["state"] in {State.INACTIVE, State.DISABLED}:
        yield [("next  ", DIM), f"dispatcher endpoint activate {number}"]
    if row["state"] == wording.PENDING:
        yield [("next  ", DIM), f"dispatcher delivery show {tested.delivery_id}"]


def _ended(tested: Tested, row: Row) -> str:
    if row["last_reason"] in OUR_FAULTS:
        return f"not sent, for a fault on this side: {row['last_reason']}; see the dispatcher's log"
    return f"not ended within {tested.waited_s:g} s" if row["state"] == wording.PENDING else str(row["state"])
