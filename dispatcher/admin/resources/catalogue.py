"""Event types and profiles: what a settings page lets its users choose from."""

import json

from dispatcher.admin import cursors
from dispatcher.admin.answer import Answer
from dispatcher.admin.call import Call
from dispatcher.admin.routes import API, Route
from dispatcher.admin.shapes.catalogue import EventType, EventTypePage, EventTypeQuery, Profile, ProfilePage
from dispatcher.store import profiles


async def find_event_types(call: Call[EventTypeQuery, None]) -> Answer:
    asked = call.query
    rows = await profiles.find_event_types(
        call.session, profile=asked.profile, after=cursors.of_names(asked.cursor), most=asked.limit + 1
    )
    shown, more = rows[: asked.limit], len(rows) > asked.limit
    data = [EventType(**{**row, "example": json.loads(row["example"])}) for row in shown]
    after = f"{shown[-1]['profile']}:{shown[-1]['name']}" if more else None
    return Answer(EventTypePage(data=data, next=after))


async def find_profiles(call: Call[None, None]) -> Answer:
    return Answer(ProfilePage(data=[Profile(**row) for row in await profiles.mirrored(call.session)]))


ROUTES = (
    Route(
        method="GET", path=f"{API}/event-types", name="list_event_types", tag="catalogue", scope="read",
        summary="List the event types of the installed catalogues.", handler=find_event_types, query=EventTypeQuery,
        reply=EventTypePage,
    ),
    Route(
        method="GET", path=f"{API}/profiles", name="list_profiles", tag="catalogue", scope="read",
        summary="List the profiles: what receivers were promised.", handler=find_profiles, reply=ProfilePage,
    ),
)  # fmt: skip
