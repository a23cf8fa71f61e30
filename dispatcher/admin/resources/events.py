"""Events: inserted, listed, shown with what is in them."""

import orjson

from dispatcher.admin import cursors
from dispatcher.admin.answer import Answer
from dispatcher.admin.call import Call
from dispatcher.admin.resources import tenancy
from dispatcher.admin.routes import API, Route
from dispatcher.admin.shapes.event import Event, EventPage, EventQuery, EventWithData, NewEvent
from dispatcher.policy.members import members
from dispatcher.store import events
from dispatcher.store.session import Row

PATH = f"{API}/events"


async def find(call: Call[EventQuery, None]) -> Answer:
    asked = call.query
    page = await events.find(
        call.session,
        tenant=tenancy.asked_for(call.token, asked.tenant),
        pattern=asked.type,
        since=asked.since,
        until=asked.until,
        before=cursors.of_event(asked.cursor),
        most=asked.limit,
    )
    after = page.last.hex if page.last is not None else None
    return Answer(EventPage(data=[_shape(row) for row in page.rows], next=after))


async def create(call: Call[None, NewEvent]) -> Answer:
    asked = call.body
    given = members(call.raw.decode())
    context = given["context"] if asked.context is not None else None
    event_id = await events.send(
        call.session,
        asked.type,
        given["data"],
        tenant=tenancy.given(call.token, asked.tenant, is_given="tenant" in given),
        key=asked.key,
        context=context,
        occurred_at=asked.occurred_at,
    )
    row = await events.read(call.session, event_id)
    return Answer(_shape(row), on={"event_id": str(event_id)}, headers={"Location": f"{PATH}/{event_id}"})


async def show(call: Call[None, None]) -> Answer:
    row = await events.read(call.session, call.path["event_id"], call.tenant)
    payload = await events.payload(call.session, row["event_id"])
    head = orjson.dumps({**_shape(row).model_dump(mode="json"), "key": payload["key"]})
    # As they are stored: what parsed them would write them otherwise.
    return Answer(
        b'%s,"data":%s,"context":%s}' % (head[:-1], payload["data"].encode(), (payload["context"] or "null").encode())
    )


def _shape(row: Row) -> Event:
    return Event(**row, id=row["event_id"], webhook_id=f"evt_{row['event_id'].hex}")


ROUTES = (
    Route(
        method="GET", path=PATH, name="list_events", tag="events", scope="read",
        summary="List events, newest first.", handler=find, query=EventQuery, reply=EventPage,
    ),
    Route(
        method="POST", path=PATH, name="create_event", tag="events", scope="admin",
        summary="Insert an event, as an application does with SQL.", handler=create, body=NewEvent, reply=Event,
        status=201, is_creating=True,
    ),
    Route(
        method="GET", path=f"{PATH}/{{event_id}}", name="show_event", tag="events", scope="read",
        summary="Show an event with what is in it.", handler=show, reply=EventWithData,
    ),
)  # fmt: skip
