"""Rows of asyncpg, untyped, become the values of `model`."""

from collections.abc import Mapping
from datetime import UTC, datetime

import orjson

from dispatcher.model import Delivery, Endpoint, Event, State
from dispatcher.store.session import Row

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def event(row: Row) -> Event:
    """An event as stored. One whose row is gone has no type: enough to end its deliveries and say so."""
    if row["type"] is None:
        return Event(row["event_id"], "", EPOCH, b"")
    return Event(row["event_id"], row["type"], row["occurred_at"], row["data"], row["context"])


def delivery(row: Row, *, test: bool = False) -> Delivery:
    return Delivery(
        id=row["id"],
        endpoint_id=row["endpoint_id"],
        event=event(row),
        attempts=row["attempts"],
        version=row["version"],
        test=test,
        age_s=row["age_s"],
    )


def headers_of(text: str | None) -> Mapping[str, str] | None:
    # Postgres takes more for JSON than a header can be (half a surrogate pair, any depth): refused later, in words.
    try:
        headers = orjson.loads(text or "{}")
    except ValueError:
        return None
    return headers if isinstance(headers, dict) else None


def endpoint(row: Row, *, timeout_s: float, max_in_flight: int, max_attempts: int) -> Endpoint:
    """An endpoint with what its row leaves null filled in from the arguments."""
    return Endpoint(
        id=row["id"],
        tenant=row["tenant"],
        url=row["url"],
        profile=row["profile"],
        secret=row["secret"],
        previous_secret=row["previous_secret"],
        previous_secret_until=row["previous_secret_until"],
        api_key=row["api_key"],
        headers=headers_of(row["headers"]),
        timeout_s=row["timeout_s"] or timeout_s,
        max_in_flight=row["max_in_flight"] or max_in_flight,
        max_attempts=row["max_attempts"] or max_attempts,
        rate_limit=row["rate_limit"],
        ordered=row["ordered"],
        state=State(row["state"]),
        state_reason=row["state_reason"],
    )
