"""An event of a catalogue as its request would go out."""

from datetime import UTC, datetime
from uuid import UUID

from dispatcher.cli.promises.known import signature_header
from dispatcher.model import Event
from dispatcher.policy.profiles import EventType, Profile
from dispatcher.policy.signing import Scheme

ID = UUID("018e0e29-bc40-7000-8000-00000000002a")
AT = datetime(2024, 3, 5, 10, 30, tzinfo=UTC)
TENANT = "acme"
CONTEXT = b'{"user_id": 42}'
ANY = EventType("order.paid", "An order was paid.", '{"order": 42, "amount": 99.90}')
"""Where there is no catalogue."""
TOKENS = {
    Scheme.STANDARD: "v1,…",
    Scheme.EMBEDDED: "v1,…",
    Scheme.GITHUB: "sha256=…",
    Scheme.STRIPE: f"t={AT.timestamp():.0f},v1=…",
}


def first(profile: Profile) -> EventType:
    return profile.event_types[0] if profile.event_types else ANY


def body(profile: Profile, of: EventType) -> str:
    """To the byte, but for three dots where a signature would be."""
    event = Event(ID, of.name, AT, of.example.encode(), CONTEXT)
    made = profile.body(event, TENANT).decode()
    if profile.signing.scheme is not Scheme.EMBEDDED:
        return made
    return made.rstrip().removesuffix("}") + ',"signature":"sha256=…"}'


def headers(profile: Profile) -> dict[str, str]:
    """What a receiver has use for; without the endpoint's own headers and API key."""
    made = {
        "content-type": profile.content_type,
        "webhook-id": f"evt_{ID.hex}",
        "webhook-timestamp": f"{AT.timestamp():.0f}",
    }
    if name := signature_header(profile):
        made[name] = TOKENS[profile.signing.scheme]
    return made
