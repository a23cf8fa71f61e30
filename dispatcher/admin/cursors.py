"""Where a page ended, as text that callers give back. Whatever has the form of one is taken for one."""

from datetime import UTC, datetime, timedelta
from typing import Annotated
from uuid import UUID

from pydantic import Field

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TICK = timedelta(microseconds=1)

NEXT = "`next` of the page before, as it was."
OfId = Annotated[str, Field(pattern=r"^[1-9][0-9]{0,17}$", description=NEXT)]
OfEvent = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$", description=NEXT)]
OfActivity = Annotated[str, Field(pattern=r"^[0-9]{1,16}\.[0-9]{1,18}$", description=NEXT)]
OfNames = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,128}:[A-Za-z0-9_.-]{1,128}$", description=NEXT)]


def of_id(cursor: str | None) -> int:
    """The last id; 0 where there is no cursor."""
    return int(cursor) if cursor is not None else 0


def of_event(cursor: str | None) -> UUID | None:
    return UUID(hex=cursor) if cursor is not None else None


def of_activity(cursor: str | None) -> tuple[datetime, int] | None:
    """The last one's instant, and its id."""
    if cursor is None:
        return None
    ticks, _, delivery_id = cursor.partition(".")
    return EPOCH + int(ticks) * TICK, int(delivery_id)


def activity(at: datetime, delivery_id: int) -> str:
    return f"{max((at - EPOCH) // TICK, 0)}.{delivery_id}"


def of_names(cursor: str | None) -> tuple[str, str]:
    """The last one's profile and type; empty where there is no cursor."""
    profile, _, name = (cursor or ":").partition(":")
    return profile, name
