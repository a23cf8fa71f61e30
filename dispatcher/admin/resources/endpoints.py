"""Endpoints: made, listed, changed, deleted."""

import json
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

from dispatcher.admin import cursors
from dispatcher.admin.answer import Answer
from dispatcher.admin.call import Call
from dispatcher.admin.problems import Blame, Problem
from dispatcher.admin.resources import acts, tenancy
from dispatcher.admin.resources.showing import current, fields_of, shape
from dispatcher.admin.routes import API, AnyRoute, Route
from dispatcher.admin.shapes.endpoint import (
    Changes,
    Created,
    Endpoint,
    EndpointPage,
    EndpointQuery,
    NewEndpoint,
    Rotated,
    Rotation,
    Settings,
)
from dispatcher.policy.ground import Ground
from dispatcher.store import endpoints, secrets
from dispatcher.store.session import Row

PATH = f"{API}/endpoints"
LARGE = 1e15
SETTING = "; egress."
SECRET = frozenset({"secret", "api_key", "headers"})


async def find(call: Call[EndpointQuery, None]) -> Answer:
    asked = call.query
    rows = await endpoints.find(
        call.session,
        tenant=tenancy.asked_for(call.token, asked.tenant),
        states=asked.state or None,
        event_type=asked.type,
        after=cursors.of_id(asked.cursor),
        most=asked.limit + 1,
    )
    shown, more = rows[: asked.limit], len(rows) > asked.limit
    after = str(shown[-1]["endpoint_id"]) if more else None
    return Answer(EndpointPage(data=[shape(call, row) for row in shown], next=after))


async def show(call: Call[None, None]) -> Answer:
    return Answer(await current(call))


class Keeper:
    """What takes the configuration, too."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground

    async def create(self, call: Call[None, NewEndpoint]) -> Answer:
        given = _given(call.body)
        tenant = tenancy.given(call.token, call.body.tenant, is_given="tenant" in given)
        made = await endpoints.create(call.session, json.dumps({**given, "tenant": tenant}).encode())
        self._judge(call, call.body.url, call.body.profile)
        self._ground.refuse_secret(call.body.secret, call.body.profile)
        row = await endpoints.read(call.session, made.endpoint_id)
        return self._created(call, row, made.secret)

    async def again(self, call: Call[None, NewEndpoint], kept: Mapping[str, Any]) -> Answer:
        """The answer once more, for who did not get it: with the secret that was in it, and with no later one."""
        row = await endpoints.read(call.session, kept["endpoint_id"], call.tenant)
        (stored,) = await secrets.read(call.session, [row["endpoint_id"]])
        secret = call.body.secret or self._ground.secret_of(stored.secrets)
        is_that_one = call.body.secret is not None or _digest(secret) == kept["digest"]
        return self._created(call, row, secret if is_that_one else None)

    async def update(self, call: Call[None, Changes]) -> Answer:
        endpoint_id, given = call.path["endpoint_id"], _given(call.body)
        before = await current(call)
        await endpoints.update(call.session, endpoint_id, json.dumps(given).encode(), call.tenant)
        row = await endpoints.read(call.session, endpoint_id, call.tenant)
        if {"url", "profile"} & set(given):
            self._judge(call, row["url"], row["profile"])
        self._ground.refuse_secret(call.body.secret, row["profile"])
        after = shape(call, row)
        return Answer(after, on={"endpoint_id": endpoint_id}, changed=_difference(before, after, given))

    async def rotate_secret(self, call: Call[None, Rotation]) -> Answer:
        endpoint_id, given = call.path["endpoint_id"], call.body
        before = await endpoints.read(call.session, endpoint_id, call.tenant)
        self._ground.refuse_secret(given.secret, before["profile"])
        secret = await endpoints.rotate_secret(
            call.session, endpoint_id, secret=given.secret, overlap_s=given.overlap_s, tenant=call.tenant
        )
        row = await endpoints.read(call.session, endpoint_id, call.tenant)
        return Answer(
            Rotated(secret=secret, previous_secret_until=row["previous_secret_until"]),
            on={"endpoint_id": endpoint_id},
            changed={"secret": (None, None)},
        )

    def _created(self, call: Call[None, NewEndpoint], row: Row, secret: str | None) -> Answer:
        endpoint_id = row["endpoint_id"]
        return Answer(
            Created(**fields_of(call, row), secret=secret),
            on={"endpoint_id": endpoint_id, "tenant": row["tenant"]},
            # Of one that was given the request has it; one that was made has 256 random bits, and nobody guesses it.
            kept={"endpoint_id": endpoint_id, "digest": None if call.body.secret else _digest(secret)},
            headers={"Location": f"{PATH}/{endpoint_id}"},
        )

    def _judge(self, call: Call[Any, Any], url: str, profile: str | None) -> None:
        """What the schema cannot know: it would be disabled at its first use. Raises `Problem`."""
        if why := self._ground.refuse_url(url, profile):
            if call.tenant is not None:
                # Which setting would allow it is for operators: a customer has none.
                why = why.partition(SETTING)[0]
            blame = Blame(field="url", rule="url_is_allowed", message=f"url is refused: {why}")
            raise Problem("refused", blame.message, errors=[blame])


def _digest(secret: str | None) -> str | None:
    return None if secret is None else sha256(secret.encode()).hexdigest()


def _given(body: Settings) -> dict[str, Any]:
    """What was given, null or not; and 31 as 31, not as 31.0, because a refusal repeats it."""
    given = body.model_dump(exclude_unset=True)
    return {
        name: int(value) if isinstance(value, float) and value.is_integer() and abs(value) < LARGE else value
        for name, value in given.items()
    }


async def delete(call: Call[None, None]) -> Answer:
    endpoint_id = call.path["endpoint_id"]
    await endpoints.delete(call.session, endpoint_id, call.tenant)
    return Answer(on={"endpoint_id": endpoint_id})


def _difference(before: Endpoint, after: Endpoint, given: Mapping[str, object]) -> dict[str, tuple[object, object]]:
    """Of what was given, before and after; of what is secret, only that it was."""
    return {
        name: (None, None) if name in SECRET else (_plain(before, name), _plain(after, name)) for name in sorted(given)
    }


def _plain(endpoint: Endpoint, name: str) -> object:
    value = getattr(endpoint, name)
    return value.partition("?")[0] if name == "url" else value


def routes(ground: Ground) -> Sequence[AnyRoute]:
    keeper, one = Keeper(ground), f"{PATH}/{{endpoint_id}}"
    return (
        Route(
            method="GET", path=PATH, name="list_endpoints", tag="endpoints", scope="read",
            summary="List endpoints, by id.", handler=find, query=EndpointQuery, reply=EndpointPage,
        ),
        Route(
            method="POST", path=PATH, name="create_endpoint", tag="endpoints", scope="admin",
            summary="Create an endpoint with its subscriptions.", handler=keeper.create, again=keeper.again,
            body=NewEndpoint, reply=Created, status=201, is_creating=True,
        ),
        Route(
            method="GET", path=one, name="show_endpoint", tag="endpoints", scope="read",
            summary="Show an endpoint and how it stands.", handler=show, reply=Endpoint,
        ),
        Route(
            method="PATCH", path=one, name="update_endpoint", tag="endpoints", scope="admin",
            summary="Change what is given of an endpoint, and nothing else.", handler=keeper.update,
            body=Changes, reply=Endpoint,
        ),
        Route(
            method="DELETE", path=one, name="delete_endpoint", tag="endpoints", scope="admin",
            summary="Delete an endpoint; what is open is cancelled, its history stays.", handler=delete, status=204,
        ),
        *acts.ROUTES,
        Route(
            method="POST", path=f"{one}/rotate-secret", name="rotate_secret", tag="endpoints", scope="admin",
            summary="Give it another secret; the former one signs, too, for a while.", handler=keeper.rotate_secret,
            body=Rotation, reply=Rotated,
        ),
    )  # fmt: skip
