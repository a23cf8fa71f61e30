"""How an endpoint stands, in a few words."""

from datetime import datetime
from decimal import Decimal

from dispatcher.cli.printing import Cell
from dispatcher.cli.screen import BAD, DIM, GOOD, WARN
from dispatcher.model import Outcome, State
from dispatcher.policy.wording import span
from dispatcher.store.session import Row

COUNTED = 10_000
"""Open deliveries are counted up to there."""
NEVER = "never"
RATES = tuple(f"{what}_{span}" for span in ("1h", "24h") for what in ("delivered", "failed", "success", "p95_ms"))
"""The figures of the last hour and of the last day, as `webhooks.endpoint_rates` has them."""
WELL, BADLY = 0.99, 0.5


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


def rate(row: Row, span: str) -> Cell:
    """How many of its attempts were accepted, and how long they took."""
    success = row[f"success_{span}"]
    if success is None:
        return Cell("", DIM)
    style = GOOD if success >= WELL else WARN if success >= BADLY else BAD
    return Cell(f"{_percent(success)} {row[f'p95_ms_{span}']:,} ms", style)


def rates(row: Row, span: str) -> str:
    """The same in a sentence."""
    delivered, failed = row[f"delivered_{span}"], row[f"failed_{span}"]
    if not delivered and not failed:
        return "nothing was tried"
    share = _percent(row[f"success_{span}"])
    return f"{delivered:,} delivered, {failed:,} failed ({share}), 95 of 100 within {row[f'p95_ms_{span}']:,} ms"


def _percent(share: Decimal) -> str:
    """Never rounded to all or nothing where it is not."""
    percent = float(share) * 100
    return f"{percent:.0f} %" if percent in {0, 100} else f"{min(max(percent, 0.1), 99.9):.1f} %"


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
