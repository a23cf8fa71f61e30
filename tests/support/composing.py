"""A request, composed of an event and an endpoint with sensible contents."""

from datetime import UTC, datetime

from dispatcher.model import Endpoint, Event, NoReply, Request
from dispatcher.policy.backoff import Backoff
from dispatcher.policy.egress import Egress
from dispatcher.policy.profiles import Profile
from dispatcher.policy.recipient import Recipient
from dispatcher.policy.verdict import Terms
from tests.support.factories import an_endpoint, an_event
from tests.support.profiles import STANDARD

TERMS = Terms(Backoff(5, 4, 36000, 0.2), hold_s=7 * 86400)
NOW = datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)
TIMESTAMP = 1_700_000_000
BEFORE = b'{"type":"order.paid","timestamp":"2024-03-05T10:30:00.000000Z","data":'
"""A body's first bytes, of the event that `factories` makes."""


def composed(
    event: Event | None = None,
    *,
    endpoint: Endpoint | None = None,
    profile: Profile = STANDARD,
    timestamp: int = TIMESTAMP,
    now: datetime = NOW,
) -> Request | NoReply:
    recipient = Recipient(endpoint or an_endpoint(), profile, Egress(), TERMS)
    return recipient.request(event or an_event(), timestamp, now)
