"""Deliveries: listed, shown with their attempts, tried again, cancelled."""

import base64
from typing import Any

from dispatcher.admin import cursors
from dispatcher.admin.answer import Answer
from dispatcher.admin.call import Call
from dispatcher.admin.problems import Problem
from dispatcher.admin.resources import tenancy
from dispatcher.admin.routes import API, Route
from dispatcher.admin.shapes.delivery import (
    Attempt,
    Delivery,
    DeliveryPage,
    DeliveryQuery,
    DeliveryWithAttempts,
)
from dispatcher.store import deliveries
from dispatcher.store.deliveries import Wanted
from dispatcher.store.session import Row, Rows

PATH = f"{API}/deliveries"


async def find(call: Call[DeliveryQuery, None]) -> Answer:
    asked = call.query
    wanted = Wanted(
        tenancy.asked_for(call.token, asked.tenant), asked.endpoint_id, asked.type, asked.state or None,
        asked.since, asked.until, asked.event_id,
    )  # fmt: skip
    page = await deliveries.find(call.session, wanted, before=cursors.of_activity(asked.cursor), most=asked.limit)
    after = cursors.activity(*page.last) if page.last is not None else None
    return Answer(DeliveryPage(data=[_shape(row) for row in page.rows], next=after))


async def show(call: Call[None, None]) -> Answer:
    return Answer(await _current(call))


async def retry(call: Call[None, None]) -> Answer:
    delivery_id = call.path["delivery_id"]
    if not await deliveries.retry(call.session, delivery_id, call.tenant):
        raise Problem("conflict", f"delivery {delivery_id} is neither open nor dead, or its event or endpoint is gone")
    return Answer(await _current(call), on={"delivery_id": delivery_id})


async def cancel(call: Call[None, None]) -> Answer:
    delivery_id = call.path["delivery_id"]
    if not await deliveries.cancel(call.session, delivery_id, call.tenant):
        raise Problem("conflict", f"delivery {delivery_id} is not open")
    return Answer(await _current(call), on={"delivery_id": delivery_id})


async def _current(call: Call[Any, Any]) -> DeliveryWithAttempts:
    row = await deliveries.read(call.session, call.path["delivery_id"], call.tenant)
    return _whole(row, await deliveries.attempts(call.session, row["delivery_id"]))


def _shape(row: Row) -> Delivery:
    return Delivery(**row, id=row["delivery_id"])


def _whole(row: Row, attempts: Rows) -> DeliveryWithAttempts:
    return DeliveryWithAttempts(**row, id=row["delivery_id"], history=[_attempt(each) for each in attempts])


def _attempt(row: Row) -> Attempt:
    text, rest = _reply(row["reply"])
    return Attempt(**{**row, "reply": text, "reply_base64": rest})


def _reply(body: bytes | None) -> tuple[str | None, str | None]:
    """As text where it is some, else as base64: what a receiver answers may be anything."""
    if body is None:
        return None, None
    try:
        return body.decode(), None
    except UnicodeDecodeError:
        return None, base64.b64encode(body).decode()


ROUTES = (
    Route(
        method="GET", path=PATH, name="list_deliveries", tag="deliveries", scope="read",
        summary="List deliveries, latest activity first.", handler=find, query=DeliveryQuery, reply=DeliveryPage,
    ),
    Route(
        method="GET", path=f"{PATH}/{{delivery_id}}", name="show_delivery", tag="deliveries", scope="read",
        summary="Show a delivery with its attempts.", handler=show, reply=DeliveryWithAttempts,
    ),
    Route(
        method="POST", path=f"{PATH}/{{delivery_id}}/retry", name="retry_delivery", tag="deliveries",
        scope="operate", summary="Make an open or dead delivery due now, with all its attempts again.",
        handler=retry, reply=DeliveryWithAttempts, errors={409: "It is neither open nor dead."},
    ),
    Route(
        method="POST", path=f"{PATH}/{{delivery_id}}/cancel", name="cancel_delivery", tag="deliveries",
        scope="operate", summary="End an open delivery.",
        handler=cancel, reply=DeliveryWithAttempts, errors={409: "It is not open."},
    ),
)  # fmt: skip
