"""What a path can name: how each is read, and how the document describes it."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

LARGEST_ID = 2**63 - 1
NAME = re.compile(r"[A-Za-z0-9_.-]{1,128}")
EVENT_ID = re.compile(r"evt_[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class Parameter:
    """`read` raises `ValueError` for what names nothing."""

    noun: str
    read: Callable[[str], Any]
    schema: Mapping[str, object]
    description: str


def number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 19) or not 0 < int(text) <= LARGEST_ID:
        raise ValueError(text)
    return int(text)


def event_id(text: str) -> UUID:
    if not EVENT_ID.fullmatch(text):
        raise ValueError(text)
    return UUID(text.removeprefix("evt_"))


def name(text: str) -> str:
    if not NAME.fullmatch(text):
        raise ValueError(text)
    return text


ID = {"type": "integer", "format": "int64", "minimum": 1, "maximum": LARGEST_ID}
PARAMETERS = {
    "endpoint_id": Parameter("endpoint", number, ID, "The endpoint's id."),
    "delivery_id": Parameter("delivery", number, ID, "The delivery's id."),
    "replay_id": Parameter("replay", number, ID, "The replay's id."),
    "event_id": Parameter(
        "event",
        event_id,
        {"type": "string", "pattern": f"^({EVENT_ID.pattern})$"},
        "The event's id, as a UUID or as receivers see it: evt_ and 32 hexadecimal digits.",
    ),
    "event_type": Parameter(
        "event type", name, {"type": "string", "pattern": f"^{NAME.pattern}$"}, "The event type's name."
    ),
    "profile": Parameter("profile", name, {"type": "string", "pattern": f"^{NAME.pattern}$"}, "The profile's name."),
}
