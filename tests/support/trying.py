"""Routes made for tests: one of each kind. What they make are tokens, which no other test looks at."""

import asyncio
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, Field

from dispatcher.admin import Answer, Call, Route
from dispatcher.admin.fields import Given, Instant, Limit, Text
from dispatcher.errors import Missing
from dispatcher.store import tokens

gates: dict[str, asyncio.Event] = {}
"""Handlers that were told the name of one wait for it."""


class Find(Given):
    limit: Limit = 50
    state: Literal["live", "revoked"] | None = None
    since: Instant | None = None
    types: list[Text] = Field(default_factory=list)
    is_new: bool = False


class Thing(Given):
    name: Text = Field(min_length=1, max_length=50)
    gate: Text | None = None
    fails: Literal["before", "after"] | None = None
    lives_s: float | None = Field(default=None, gt=0)


class Made(BaseModel):
    id: int
    name: str


class Secret(Made):
    secret: str


class Echo(BaseModel):
    asked: dict[str, object]


async def find(call: Call[Find, None]) -> Answer:
    return Answer(Echo(asked={**call.query.model_dump(mode="json"), "tenant": call.tenant}))


async def show(call: Call[None, None]) -> Answer:
    number: int = call.path["endpoint_id"]
    if number == 404:
        raise Missing("endpoint", number)
    if number == 500:
        raise ZeroDivisionError("the secret is hunter2")
    return Answer(Made(id=number, name="it"))


async def create(call: Call[None, Thing]) -> Answer:
    thing = call.body
    if thing.fails == "before":
        raise ZeroDivisionError
    made = await tokens.create(call.session, thing.name, "read", tenant=call.tenant, lives_s=thing.lives_s)
    if thing.gate is not None:
        gates[f"{thing.gate} reached"].set()
        await gates[thing.gate].wait()
    if thing.fails == "after":
        raise ZeroDivisionError
    kept = {"token_id": made.id, "name": thing.name}
    body = Secret(id=made.id, name=thing.name, secret=made.text)
    changed = {"name": (None, thing.name), "secret": (None, made.text)}
    return Answer(body, on={"token_id": made.id}, changed=changed, kept=kept)


async def create_openly(call: Call[None, Thing]) -> Answer:
    answer = await create(call)
    assert isinstance(answer.body, Secret)
    return Answer(Made(id=answer.body.id, name=answer.body.name), on=answer.on)


async def again(_call: Call[None, Thing], kept: Mapping[str, Any]) -> Answer:
    return Answer(Secret(id=kept["token_id"], name=kept["name"], secret="read anew"))


async def pause(call: Call[None, None]) -> Answer:
    return Answer(on={"endpoint_id": call.path["endpoint_id"]}, changed={"state": ("active", "paused")})


RESOURCES = (
    Route(method="GET", path="/api/v1/things", name="list_things", summary="List.", handler=find, scope="read",
          query=Find, reply=Echo, tag="things"),
    Route(method="GET", path="/api/v1/things/{endpoint_id}", name="show_thing", summary="Show.", handler=show,
          scope="read", reply=Made, tag="things"),
    Route(method="POST", path="/api/v1/things", name="create_thing", summary="Create.", handler=create_openly,
          scope="admin", body=Thing, reply=Made, status=201, is_creating=True, tag="things"),
    Route(method="POST", path="/api/v1/secrets", name="create_secret", summary="Create.", handler=create,
          scope="admin", body=Thing, reply=Secret, status=201, is_creating=True, again=again, tag="things"),
    Route(method="POST", path="/api/v1/things/{endpoint_id}/pause", name="pause_thing", summary="Pause.",
          handler=pause, scope="operate", status=204, tag="things"),
)  # fmt: skip
