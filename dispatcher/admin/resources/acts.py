"""What is done with an endpoint: tested, moved between its states, given another secret, replayed to."""

from collections.abc import Awaitable, Callable
from typing import Any

from dispatcher.admin.answer import Answer
from dispatcher.admin.call import Call
from dispatcher.admin.resources.showing import current
from dispatcher.admin.routes import API, Handler, Route
from dispatcher.admin.shapes.endpoint import Endpoint, Rotated, Rotation, Sent, Test
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


async def rotate_secret(call: Call[None, Rotation]) -> Answer:
    endpoint_id, given = call.path["endpoint_id"], call.body
    secret = await endpoints.rotate_secret(
        call.session, endpoint_id, secret=given.secret, overlap_s=given.overlap_s, tenant=call.tenant
    )
    row = await endpoints.read(call.session, endpoint_id, call.tenant)
    return Answer(
        Rotated(secret=secret, previous_secret_until=row["previous_secret_until"]),
        on={"endpoint_id": endpoint_id},
        changed={"secret": (None, None)},
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
    Route(
        method="POST", path=f"{PATH}/rotate-secret", name="rotate_secret", tag="endpoints", scope="admin",
        summary="Give it another secret; the former one signs, too, for a while.", handler=rotate_secret,
        body=Rotation, reply=Rotated,
    ),
)  # fmt: skip
