"""What is done with an endpoint: tested, moved between its states."""

from collections.abc import Awaitable, Callable
from typing import Any

from dispatcher.admin.answer import Answer
from dispatcher.admin.call import Call
from dispatcher.admin.resources.showing import current
from dispatcher.admin.routes import API, Handler, Route
from dispatcher.admin.shapes.endpoint import Endpoint, Sent, Test
from dispatcher.store import endpoints
from dispatcher.store.session import Session

PATH = f"{API}/endpoints/{{endpoint_id}}"
Move = Callable[[Session, int, str | None], Awaitable[None]]


def moving(move: Move) -> Handler[None, None]:
    async def handler(call: Call[None, None]) -> Answer:
        endpoint_id = call.path["endpoint_id"]
        before = await current(call)
        await move(call.session, endpoint_id, call.tenant)
        after = await current(call)
        return Answer(after, on={"endpoint_id": endpoint_id}, changed={"state": (before.state, after.state)})

    return handler


async def test(call: Call[None, Test]) -> Answer:
    endpoint_id = call.path["endpoint_id"]
    delivery_id = await endpoints.send_test(call.session, endpoint_id, call.body.type, call.tenant)
    location = {"Location": f"{API}/deliveries/{delivery_id}"}
    return Answer(
        Sent(delivery_id=delivery_id), on={"endpoint_id": endpoint_id, "delivery_id": delivery_id}, headers=location
    )


def _move(name: str, move: Move, summary: str) -> Route[Any, Any]:
    return Route(
        method="POST", path=f"{PATH}/{name}", name=f"{name}_endpoint", tag="endpoints", scope="operate",
        summary=summary, handler=moving(move), reply=Endpoint, errors={409: "Its state does not allow it."},
    )  # fmt: skip


ROUTES = (
    Route(
        method="POST", path=f"{PATH}/test", name="test_endpoint", tag="endpoints", scope="operate",
        summary="Send a test, to this endpoint alone, in any state, once.", handler=test, body=Test, reply=Sent,
        status=202, is_creating=True, description="What came back: GET /api/v1/deliveries/{delivery_id}.",
    ),
    _move("activate", endpoints.activate, "Send to an endpoint that is inactive or disabled."),
    _move("pause", endpoints.pause, "Hold new and open deliveries."),
    _move("resume", endpoints.resume, "Send again, what was held first."),
)  # fmt: skip
