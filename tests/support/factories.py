"""Values of `model` with sensible contents; a test names what it is about."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from dispatcher.model import Delivery, Endpoint, Event

SECRET = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
EVENT_ID = UUID("019a9f2e-7c00-7000-8000-000000000001")


def an_event(**given: Any) -> Event:
    return Event(
        **{
            "id": EVENT_ID,
            "type": "order.paid",
            "occurred_at": datetime(2024, 3, 5, 10, 30, tzinfo=UTC),
            "data": b'{"order":42}',
            **given,
        }
    )


def an_endpoint(**given: Any) -> Endpoint:
    return Endpoint(
        **{
            "id": 1,
            "tenant": "",
            "url": "https://example.com/hook",
            "secret": SECRET,
            "timeout_s": 15.0,
            "max_in_flight": 8,
            "max_attempts": 14,
            **given,
        }
    )


def a_delivery(**given: Any) -> Delivery:
    return Delivery(**{"id": 1, "endpoint_id": 1, "event": an_event(), **given})
