"""A delivery and its attempts as callers get them."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, Field

from dispatcher.admin.cursors import OfActivity
from dispatcher.admin.fields import AskedPattern, Given, Id, Instant, Limit, Text
from dispatcher.model import Outcome

State = Literal["pending", "delivered", "dead", "cancelled", "expired"]


class Delivery(BaseModel):
    """A delivery, and how it stands."""

    id: int
    event_id: UUID
    endpoint_id: int
    tenant: str | None
    type: str | None = Field(description="Null once the event is gone.")
    state: State
    attempts: int = Field(description="Made so far.")
    last_status: int | None
    last_reason: str | None
    last_at: datetime | None
    due_at: datetime | None = Field(description="When it is tried next; null once it has ended.")


class Attempt(BaseModel):
    """An attempt, and what came back."""

    attempt: int | None = Field(description="From 1; null for an ending without a request.")
    at: datetime
    duration_ms: int
    status: int | None
    outcome: Outcome
    reason: str | None
    reply: str | None = Field(description="The first 16 KiB of the body that came back, if kept and text.")
    reply_base64: str | None = Field(description="The same, where it is no text.")


class DeliveryWithAttempts(Delivery):
    """A delivery with its attempts."""

    history: list[Attempt] = Field(description="The last hundred attempts, the first of them first.")


class DeliveryQuery(Given):
    limit: Limit = 50
    cursor: OfActivity | None = None
    tenant: Text | None = None
    endpoint_id: Id | None = Field(
        default=None, description="Also one that is gone; without it, those of endpoints that are there."
    )
    event_id: UUID | None = None
    type: AskedPattern | None = Field(default=None, description="A type, or a pattern such as order.*.")
    state: list[State] = Field(default=[], description="Any of these.")
    since: Instant | None = Field(
        default=None, description="Of the last attempt; of what was not attempted, when it is due."
    )
    until: Instant | None = None


class DeliveryPage(BaseModel):
    data: list[Delivery] = Field(description="May be short, with more to come: go on while there is a `next`.")
    next: str | None
