"""How an endpoint stands, in a few words."""

from datetime import datetime

from dispatcher.cli.printing import Cell
from dispatcher.cli.screen import BAD, DIM, GOOD, WARN
from dispatcher.model import Outcome, State
from dispatcher.policy.wording import span
from dispatcher.store.session import Row

COUNTED = 10_000
"""Open deliveries are counted up to there."""
NEVER = "never"


def state(row: Row, now: datetime) -> Cell:
    """Its state, why, and whether it is parked or has been failing."""
    if row["state"] == State.DISABLED:
        return Cell(f"disabled: {row['state_reason']}" if row["state_reason"] else "disabled", BAD)
    if row["state"] != State.ACTIVE:
        return Cell(row["state"], WARN)
    if is_parked(row, now):
        return Cell(f"active, parked {span((row['parked_until'] - now).total_seconds())}", WARN)
    if row["failing_since"] is not None:
        return Cell(f"active, fails {span((now - row['failing_since']).total_seconds())}", WARN)
    return Cell("active", GOOD)


def is_parked(row: Row, now: datetime) -> bool:
    return row["parked_until"] is not None and row["parked_until"] > now


def last(row: Row, now: datetime) -> Cell:
    """What the last attempt came to, and how long ago."""
    if row["last_at"] is None:
        return Cell(NEVER, DIM)
    style = GOOD if row["last_outcome"] == Outcome.DELIVERED else BAD
    return Cell(f"{came_to(row)} {span((now - row['last_at']).total_seconds())} ago", style)


def came_to(row: Row) -> str:
    """`503 retrying`, `timeout dead`; an ending without a request is its own reason."""
    said = str(row["last_status"] or row["last_reason"] or "")
    return said if said == row["last_outcome"] else f"{said} {row['last_outcome']}".strip()


def opened(number: int) -> str:
    return f"{COUNTED:,}+" if number > COUNTED else f"{number:,}"


def without_query(url: str) -> str:
    return url.partition("?")[0]


def named(row: Row) -> str:
    """Its number, name and URL, for a sentence."""
    url = without_query(row["url"])
    return (
        f"endpoint {row['endpoint_id']}, {row['name']} ({url})"
        if row["name"]
        else f"endpoint {row['endpoint_id']}, {url}"
    )
