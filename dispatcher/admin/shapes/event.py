"""An event as callers send and get it."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, Field

from dispatcher.admin.cursors import OfEvent
from dispatcher.admin.fields import AskedPattern, Given, Instant, Limit, Text
from dispatcher.policy.patterns import LONGEST_TYPE, TYPE

Type = Annotated[
    Text,
    Field(
        description="Dotted words of A-Z a-z 0-9 _ -; webhook. is reserved.",
        json_schema_extra={"pattern": f"^{TYPE}$", "maxLength": LONGEST_TYPE},
    ),
]


class NewEvent(Given):
    """An event to be inserted."""

    type: Type
    data: Any = Field(description="JSON of at most 1,000,000 bytes, kept and sent as it is written here.")
    tenant: Text = Field(
        default="",
        description="Whose it is; a token that is bound to a tenant gives its own.",
        json_schema_extra={"maxLength": 256},
    )
    key: Text | None = Field(
        default=None,
        description="The same again, within retention.keys_days, is the same event.",
        json_schema_extra={"minLength": 1, "maxLength": 512},
    )
    context: Any = Field(default=None, description="More JSON, for profiles that carry it.")
    occurred_at: Instant | None = Field(default=None, description="Null is now; from 1970 to 9999.")


class Event(BaseModel):
    """An event, without what is in it."""

    id: UUID
    webhook_id: str = Field(description="The id that receivers see.")
    tenant: str
    type: str
    occurred_at: datetime
    fanned_out_at: datetime | None = Field(description="When its deliveries were made.")
    matched: int | None = Field(description="How many endpoints it reached out to.")


class EventWithData(Event):
    """An event with what is in it, as it is stored."""

    key: str | None
    data: Any
    context: Any


class EventQuery(Given):
    limit: Limit = 50
    cursor: OfEvent | None = None
    tenant: Text | None = None
    type: AskedPattern | None = Field(default=None, description="A type, or a pattern such as order.*.")
    since: Instant | None = Field(default=None, description="When it was inserted.")
    until: Instant | None = None


class EventPage(BaseModel):
    data: list[Event] = Field(description="May be short, or empty, with more to come: go on while there is a `next`.")
    next: str | None
