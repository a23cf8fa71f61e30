"""A replay as callers send and get it."""

from datetime import datetime

from pydantic import BaseModel, Field

from dispatcher.admin.fields import Given, Instant
from dispatcher.admin.shapes.endpoint import Types


class NewReplay(Given):
    """Stored events to be delivered anew, to one endpoint."""

    since: Instant = Field(description="Inserted from then on.")
    until: Instant | None = Field(default=None, description="And before then; null is now.")
    types: Types = Field(default=["*"])
    only_dead: bool = Field(default=False, description="Only events whose last delivery there ended dead.")
    dry_run: bool = Field(default=False, description="Count what would be made, and make nothing.")


class Replay(BaseModel):
    """How far a replay came: what is made stays, and each event is replayed once."""

    id: int | None = Field(description="Null for a dry run.")
    endpoint_id: int
    since: datetime
    until: datetime
    types: list[str]
    only_dead: bool
    made: int = Field(description="Deliveries made; for a dry run, that would be.")
    done: float = Field(description="The part of its span of time, from 0 to 1.")
    is_finished: bool = Field(description="If not, go on with it: POST /api/v1/replays/{replay_id}/resume.")
