"""Event types and profiles as callers get them."""

from typing import Any

from pydantic import BaseModel, Field

from dispatcher.admin.cursors import OfNames
from dispatcher.admin.fields import Given, Limit, Text


class EventType(BaseModel):
    """A type of a profile's catalogue, with an example of its data."""

    profile: str
    name: str
    description: str
    example: Any


class EventTypeQuery(Given):
    limit: Limit = 50
    cursor: OfNames | None = None
    profile: Text | None = None


class EventTypePage(BaseModel):
    data: list[EventType]
    next: str | None


class Profile(BaseModel):
    """What the receivers of a product were promised. Null is as the configuration says."""

    name: str
    is_default: bool
    description: str
    scheme: str = Field(description="How requests are signed.")
    secret: str = Field(description="required (made where none is given), optional, none.")
    encoding: str
    signature_header: str
    api_key_header: str
    content_type: str
    success: list[int] | None = Field(description="Statuses that mean accepted; null is every 2xx.")
    timeout_s: float | None
    max_in_flight: int | None
    max_attempts: int | None
    https_only: bool
    unique_url: bool
    required: list[str]
    initial_state: str
    strict: bool = Field(description="Only types of its catalogue can be subscribed to, once that is installed.")


class ProfilePage(BaseModel):
    data: list[Profile]
    next: None = None
